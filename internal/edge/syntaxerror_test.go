package edge_test

import (
	"strings"
	"testing"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/edgetest"
)

// Reading and editing a file name the quotes and blanks of a web page, as the check
// does, and no value.
func TestOddCharactersAreNamed(t *testing.T) {
	for line, want := range map[string]string{
		"hostname = “canary-box”": "quotes are those of a web page", "hostname = „canary-box“": "quotes are those", "hostname = ‘canary-box’": "quotes are those", "hostname = «canary-box»": "quotes are those", "hostname = `canary-box`": "quotes are those", "hostname = ″canary-box″": "quotes are those",
		"hostname = ”canary-box” # “x”": "quotes are those", "hostname\u00a0= \"canary-box\"": "invisible character", "hostname =\u2003\"canary-box\"": "invisible character", "\u200bhostname = \"canary-box\"": "invisible character",
		"hostname\u00a0= “canary-box”": "invisible character", "hostname = canary-box": "line 1, column 12", "hostname = “canary-box” x": "line 1, column 12", "hostname = ²canary-box": "line 1, column 12",
	} {
		for name, text := range map[string]string{"LF": line + "\n" + edgetest.TPMFile, "CRLF": line + "\r\n" + edgetest.TPMFile} {
			_, read := edge.Parse([]byte(text))
			_, edited := edge.Config{IDScope: "0ne0012AB34"}.ApplyTo([]byte(text), edge.EditOptions{})
			for what, err := range map[string]error{"Parse": read, "ApplyTo": edited} {
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 1, column ") || strings.Contains(err.Error(), "canary") {
					t.Errorf("%s of %s with %s: %v, want %q in it", what, line, name, err, want)
				}
			}
		}
	}
}
