package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// echoForms are what a service, a proxy or a tool may make of what it was sent
// before it repeats it.
var echoForms = map[string]func(string) string{
	"as it is":        func(s string) string { return s },
	"upper case":      strings.ToUpper,
	"URL":             url.QueryEscape,
	"URL, small":      func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%2B", "%2b") },
	"URL twice":       func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"URL, every byte": func(s string) string { return eachByte(s, "%%%02x") },
	"base64":          func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64, URL":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64 behind 1": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(":" + s)) },
	"base64 behind 2": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("u:" + s)) },
	"base64 twice": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	},
	"base64 in a URL":  func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64 of UTF-16": func(s string) string { return base64.StdEncoding.EncodeToString(utf16Of(s)) },
	"bytes of the key": func(s string) string { return hex.EncodeToString(unbase64(s)) },
	"key in base64URL": func(s string) string { return base64.RawURLEncoding.EncodeToString(unbase64(s)) },
	"hex":              func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX":              func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"hex with colons":  func(s string) string { return strings.TrimPrefix(eachByte(s, ":%02x"), ":") },
	"numbers":          func(s string) string { return fmt.Sprint([]byte(s)) },
	"JSON, each":       func(s string) string { return eachByte(s, `\u%04x`) },
	"JSON, slashes":    func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
	"Go":               func(s string) string { return strconv.Quote("\t" + s) },
	"C":                func(s string) string { return eachByte(s, `\x%02x`) },
	"TOML":             func(s string) string { return eachByte(s, `\U%08X`) },
	"HTML":             func(s string) string { return html.EscapeString("<" + s + ">") },
	"HTML, each":       func(s string) string { return eachByte(s, "&#x%x;") },
	"a shell":          func(s string) string { return strings.NewReplacer("+", `\+`, "/", `\/`, "=", `\=`).Replace(s) },
	"lines":            func(s string) string { return s[:len(s)/2] + "\r\n" + s[len(s)/2:] },
	"lines of a mail":  func(s string) string { return "> " + s[:len(s)/2] + "\n> " + s[len(s)/2:] },
	"UTF-16":           func(s string) string { return string(utf16Of(s)) },
	"cut short":        func(s string) string { return s[:len(s)-9] },
}

func eachByte(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

func utf16Of(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func unbase64(s string) []byte {
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return []byte(s)
	}
	return data
}

// echo is a service that knows secrets, and repeats them and what it is sent in one
// form: in the body, in headers, in the place that it redirects to.
type echo struct {
	form    func(string) string
	secrets []string
	kind    int // of answer
	said    []echoed
}

// echoed is a secret and the form in which it was repeated.
type echoed struct{ secret, form string }

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	secrets := e.secrets
	if _, sig, found := strings.Cut(r.Header.Get("Authorization"), "sig="); found {
		sig, _, _ = strings.Cut(sig, "&")
		sig, _ = url.QueryUnescape(sig)
		secrets = append([]string{sig}, secrets...)
	}
	var words []string
	for _, s := range secrets {
		e.said = append(e.said, echoed{s, e.form(s)})
		words = append(words, "you sent "+e.form(s)+" to us")
	}
	// What a header cannot carry comes as it can.
	header := strings.Map(func(r rune) rune {
		if r < ' ' {
			return '?'
		}
		return r
	}, words[0])
	for _, name := range []string{"x-ms-request-id", "x-ms-error-code", "WWW-Authenticate", "Retry-After", "iothub-errorcode"} {
		w.Header().Set(name, header)
	}
	text := strings.Join(words, " ")
	body, _ := json.Marshal(map[string]any{"errorCode": 403003, "message": text, "trackingId": header, "timestampUtc": header})
	switch e.kind % 3 {
	case 0:
		w.Header().Set("Content-Type", "application/json; "+header)
		w.WriteHeader(http.StatusForbidden)
	case 1:
		w.Header().Set("Location", "https://elsewhere.example/"+url.PathEscape(header)+"?x="+url.QueryEscape(text))
		w.WriteHeader(http.StatusFound)
	case 2:
		w.Header().Set("Content-Type", "text/html")
		body = []byte("<html>" + text)
	}
	w.Write(body)
}

// A service that repeats what it was sent, and what it should not know, in any form:
// none of it is printed. The same search finds it when nothing is learned.
func TestNothingIsPrintedThatIsKnown(t *testing.T) {
	defer func() { learning = true }()
	for i, name := range slices.Sorted(maps.Keys(echoForms)) {
		for _, learn := range []bool{true, false} {
			found := 0
			for kind := i; kind < i+3 && (kind == i || !learn && found == 0); kind++ { // one of three finds it without
				learning = learn
				printed, said := runAgainstEcho(t, echoForms[name], kind)
				for _, s := range said {
					if part := printedPart(printed, s); part != "" {
						found++
						if learn {
							t.Errorf("%s: %q of %q is printed:\n%s", name, part, s.form, surroundings(printed, part))
						}
					}
				}
			}
			if !learn && found == 0 {
				t.Errorf("%s: the search finds nothing when nothing is learned", name)
			}
		}
	}
	t.Logf("%d forms", len(echoForms))
}

// runAgainstEcho enrolls with a connection string, and returns all that was printed.
func runAgainstEcho(t *testing.T, form func(string) string, kind int) (printed string, said []echoed) {
	t.Helper()
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte(canary+"\xfb\xff"), 4))
	const application, login = "canary~Application.Secret+7/8", "somebody:canary+Proxy/Login"
	t.Setenv("AZURE_CLIENT_SECRET", application)
	t.Setenv("HTTP_PROXY", "http://"+strings.ReplaceAll(login, "/", "%2F")+"@127.0.0.1:9")
	service := &echo{form: form, secrets: []string{key, application, strings.TrimPrefix(login, "somebody:")}, kind: kind}
	server := httptest.NewUnstartedServer(service)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	host := strings.TrimPrefix(server.URL, "https://")
	cs := file("cs", "HostName="+host+";SharedAccessKeyName=enroller;SharedAccessKey="+key)
	var out bytes.Buffer
	run(t.Context(), []string{"tpmdps", "enroll", "--ek", otherEK(), "--registration-id", "box-1", "--connection-string-file", cs,
		"--ca-file", file("ca.pem", string(pemOf(server))), "-vv", "-o", []string{"json", "table"}[kind%2]}, streams{strings.NewReader(""), &out, &out})
	return out.String(), service.said
}

// printedPart finds a piece of a form in what was printed, of more than the eight
// characters of the secret that are taken for a word. Neither what JSON and a
// trace make of a text, nor the ends of lines, keep it from that.
func printedPart(printed string, s echoed) string {
	plain := func(s string) string {
		s = strings.NewReplacer(`\\`, `\`, "\r", "", "\n", "", "?", "", `\n`, "", `\r`, "", "< ", "", "> ", "", ".", "", "\x00", "", `"`, "").Replace(s)
		return s
	}
	printed, form := plain(printed), plain(s.form)
	long := max(16, 9*len(form)/len(s.secret))
	for i := 0; i+long <= len(form); i++ {
		if part := form[i : i+long]; strings.Contains(printed, part) && !strings.Contains("azure-devices-provisioning.net", part) {
			return part
		}
	}
	return ""
}

func surroundings(text, part string) string {
	at := max(strings.Index(text, part[:min(6, len(part))]), 0)
	return text[max(0, at-200):min(len(text), at+300)]
}
