//go:build unix

package tpm

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// A TCTI is true from every directory, and never a bare path.
func TestAddressTCTI(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", "sock")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := func(name string) string { return filepath.Join(dir, name) }
	for text, want := range map[string]string{
		"":                           "device",
		"device":                     "device",
		"/dev/tpmrm0":                "device:/dev/tpmrm0",
		"/dev/tpm7":                  "device:/dev/tpm7",
		"device:/dev/tpm0":           "device:/dev/tpm0",
		"device:tpm0":                "device:" + at("tpm0"),
		"./sock":                     "swtpm:path=" + at("sock"),
		"./none":                     "swtpm:path=" + at("none"),
		at("sock"):                   "swtpm:path=" + at("sock"),
		"swtpm:path=sock":            "swtpm:path=" + at("sock"),
		"swtpm:path=./a/../sock":     "swtpm:path=" + at("sock"),
		"swtpm:path=/run/sock":       "swtpm:path=/run/sock",
		"swtpm:port=2322":            "swtpm:host=127.0.0.1,port=2322",
		"mssim:host=h,port=2321":     "mssim:host=h,port=2321",
		"./with space":               "swtpm:path=" + at("with space"),
		"/nowhere/that/is/a/sock":    "swtpm:path=/nowhere/that/is/a/sock",
		"swtpm:path=../elsewhere/so": "swtpm:path=" + filepath.Join(filepath.Dir(dir), "elsewhere/so"),
	} {
		a, err := ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.TCTI(); got != want {
			t.Errorf("%q.TCTI() = %q, want %q", text, got, want)
		}
	}
}
