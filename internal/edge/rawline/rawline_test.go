package rawline_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"

	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/tomledit"
)

// A file that is not a config.toml is named by what it is, by its first line, its last
// one and how many lines look like YAML or TOML.
func TestOtherFile(t *testing.T) {
	for text, want := range map[string]string{
		"\x1f\x8b\x08\x00rest": "the file is compressed",
		"PK\x03\x04rest":       "the file is compressed",

		"HostName=h.azure-devices.net;DeviceId=d;SharedAccessKey=AAAA\n":   "the file is a connection string",
		"\n\n  'hostname=h;DeviceId=d'\n":                                  "the file is a connection string",
		"\xef\xbb\xbfHostName=h.azure-devices.net;SharedAccessKeyName=n\n": "the file is a connection string",

		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n": "the file is a certificate or a key",

		"#!/bin/sh\ncat > config.toml <<END\n[provisioning]\nEND\n": "the file is a script",
		"#!/usr/bin/python3\nprint('hello')\n":                      "the file is a script",

		"#cloud-config\npackages:\n  - aziot-edge\n":                   "the file is for cloud-init, which writes a config.toml",
		"write_files:\n  - path: /etc/aziot/config.toml\n":             "the file is for cloud-init, which writes a config.toml",
		"runcmd:\n  - [ sh, -c, id ]\n":                                "the file is for cloud-init, which writes a config.toml",
		"bootcmd:\n  - id\n":                                           "the file is for cloud-init, which writes a config.toml",
		"provisioning:\n  source: \"dps\"\n  scope_id: \"0ne\"\n":      "the file is the config.yaml of IoT Edge 1.1",
		"provisioning:\n":                                              "the file is the config.yaml of IoT Edge 1.1",
		"agent:\n  name: edgeAgent\nhostname: box-7\n":                 "the file is the config.yaml of IoT Edge 1.1",
		"apiVersion: v1\nkind: ConfigMap\ndata:\n  config.toml: |\n":   "the file is a manifest of Kubernetes",
		"---\nservices:\n  edge:\n    image: i\n":                      "the file is YAML, not TOML",
		"one: 1\ntwo: 2\n":                                             "the file is YAML, not TOML",
		"- first: 1\n- second\n# a comment = 7\nlast: no\n":            "the file is YAML, not TOML",
		"{\n  \"modulesContent\": {}\n}\n":                             "the file is JSON, not TOML",
		"[\n  { \"registrationId\": \"box-7\" }\n]\n":                  "the file is JSON, not TOML",
		"[{\n  \"registrationId\": \"box-7\"\n}]\n":                    "the file is JSON, not TOML",
		"<?xml version=\"1.0\"?>\n":                                    "the file is a web page or XML",
		"<!DOCTYPE html>\n<html>\n":                                    "the file is a web page or XML",
		"<HTML lang=en>\n":                                             "the file is a web page or XML",
		"resource \"azurerm_iothub\" \"hub\" {\n  name = \"hub\"\n}\n": "the file is for Terraform",
		"variable \"scope\" {\n}\n":                                    "the file is for Terraform",
		"diff --git a/config.toml b/config.toml\n":                     "the file is a patch, the difference of two files",
		"--- a/config.toml\n+++ b/config.toml\n@@ -1 +1 @@\n":          "the file is a patch, the difference of two files",

		"":                                   "",
		"\n \n":                              "",
		"# nothing but a comment\n":          "",
		"hostname = \"box-7\"\n":             "",
		"[provisioning]\nsource = \"dps\"\n": "",
		"#!config.toml\nhostname = \"h\"\n[provisioning]\nsource = \"dps\"\n[tpm]\n": "",
		"hostname: box-7\n[provisioning]\nsource = \"dps\"\nid_scope = \"0ne\"\n":    "", // one slip
		"---\nhostname = \"h\"\n":                       "",
		"one: 1\ntwo: 2\nprose\nmore of it\nand more\n": "", // half of it is not YAML
		"<notes>":              "the file is a web page or XML",
		"<-- here\n":           "",
		"text that is nothing": "",
	} {
		if got := otherOf(t, text); got != want {
			t.Errorf("OtherFile(%q) = %q, want %q", text, got, want)
		}
	}
}

// otherOf is the name that OtherFile has for a file. A name comes with what to do.
func otherOf(t *testing.T, text string) string {
	t.Helper()
	name, fix, ok := rawline.OtherFile([]byte(text))
	if ok != (name != "") || ok != (fix != "") {
		t.Errorf("OtherFile(%q) = %q, %q, %v", text, name, fix, ok)
	}
	return name
}

// A file's kind does not depend on its line ends, a byte order mark, or blank lines
// around it.
func TestOtherFileWhateverTheLineEnds(t *testing.T) {
	for _, text := range []string{
		"HostName=h;DeviceId=d\n", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n", "#!/bin/sh\nid\n", "#cloud-config\nruncmd:\n  - id\n",
		"provisioning:\n  source: dps\n", "apiVersion: v1\nkind: Secret\n", "one: 1\ntwo: 2\n", "{\n\"a\": 1\n}\n", "<html>\n<body>\n", "module \"m\" {\n}\n",
		"diff --git a/x b/x\n", "[tpm]\nauth_key_index = 7\n",
	} {
		want := otherOf(t, text)
		if toml := strings.HasPrefix(text, "[tpm]"); toml != (want == "") {
			t.Errorf("OtherFile(%q) = %q", text, want)
		}
		for _, same := range []string{strings.ReplaceAll(text, "\n", "\r\n"), "\xef\xbb\xbf" + text, "\n\n" + text + "\n \n", strings.TrimRight(text, "\n"), strings.ReplaceAll(text, "\n", " \n")} {
			if got := otherOf(t, same); got != want {
				t.Errorf("OtherFile(%q) = %q, want %q as of %q", same, got, want, text)
			}
		}
	}
}

// The character of a web page is named if it is what stops the parser there.
func TestOddCharacter(t *testing.T) {
	for text, want := range map[string]string{
		"hostname = “box-7”\n":                          rawline.WebQuotes,
		"hostname = “box-7”\r\n":                        rawline.WebQuotes,
		"hostname = „box-7“":                            rawline.WebQuotes,
		"hostname = ‘box-7’\n[tpm]\n":                   rawline.WebQuotes,
		"hostname = «box-7»\n":                          rawline.WebQuotes,
		"hostname\u00a0= \"box-7\"\n":                   rawline.WebBlanks,
		"\u200bhostname = \"box-7\"\n":                  rawline.WebBlanks,
		"hostname =\u3000\"box-7\"\n[tpm]\nx = }\n":     rawline.WebBlanks, // the next error is of another line
		"hostname\u00a0= “box-7”\n":                     rawline.WebBlanks, // both: the one whose end makes the line right
		"hostname = box-7\n":                            "",
		"hostname = “box-7” }\n":                        "", // it is not the reason
		"hostname = \"a\"\nhostname = \"“quoted”\" }\n": "",
	} {
		_, err := tomledit.Parse([]byte(text))
		var at *tomledit.SyntaxError
		if !errors.As(err, &at) {
			t.Errorf("%q: %v, want a syntax error", text, err)
			continue
		}
		data := []byte(text)
		if got := rawline.OddCharacter(data, at); got != want {
			t.Errorf("OddCharacter(%q, line %d) = %q, want %q", text, at.Line, got, want)
		}
		if string(data) != text {
			t.Errorf("OddCharacter changes its file to %q", data)
		}
	}
	for _, line := range []int{-1, 0, 3, 99} {
		if got := rawline.OddCharacter([]byte("a = “b”\n"), &tomledit.SyntaxError{Line: line}); got != "" {
			t.Errorf("line %d, which the file has not: %q", line, got)
		}
	}
}

func TestKeyOfLine(t *testing.T) {
	for line, want := range map[string]string{
		`hostname = "box-7"`:          "hostname",
		"  id_scope=0ne":              "  id_scope",
		`"with blank" = 1`:            `"with blank"`,
		`'a.b'.c = 1`:                 `'a.b'.c`,
		"provisioning . source = dps": "provisioning . source",
		"a-b_c9 =":                    "a-b_c9",
		"":                            "",
		"[tpm]":                       "",
		"# a = 1":                     "",
		"hostname: box-7":             "",
		"two words = 1":               "",
		"= 1":                         "",
	} {
		if got := rawline.Key(line); got != want {
			t.Errorf("Key(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestLineForms(t *testing.T) {
	for _, row := range []struct {
		form interface{ FindStringSubmatch(string) []string }
		line string
		want []string // the groups; nil where it does not match
	}{
		{rawline.Setting, `a = "b" # c`, []string{"a", `"b" # c`}},
		{rawline.Setting, "a", nil},
		{rawline.Header, "[tpm]", []string{"tpm", ""}},
		{rawline.Header, " [[ a . b ]]  # c", []string{"a . b", "# c"}},
		{rawline.Header, "[tpm] x", nil},
		{rawline.Header, "[]", nil},
		{rawline.YAML, "  key: value: 2", []string{"  ", "key", "value: 2"}},
		{rawline.YAML, "- key:", []string{"", "key", ""}},
		{rawline.YAML, "https://h", nil},
		{rawline.YAML, "9: x", nil},
		{rawline.Quoted, `"a \" b" c`, []string{`"a \" b"`, "c"}},
		{rawline.Quoted, `'a\'`, []string{`'a\'`, ""}},
		{rawline.Quoted, `"open`, nil},
		{rawline.Leftover, `\n`, []string{""}},
		{rawline.Leftover, `,; # c`, []string{"# c"}},
		{rawline.Leftover, ", x", nil},
		{rawline.Leftover, "", nil},
	} {
		m := row.form.FindStringSubmatch(row.line)
		if (m == nil) != (row.want == nil) || m != nil && !slices.Equal(m[1:], row.want) {
			t.Errorf("%q: %q, want the groups %q", row.line, m, row.want)
		}
	}
}

func TestWord(t *testing.T) {
	for text, want := range map[string][2]string{
		"dps":            {"dps", ""},
		" dps # comment": {"dps", " # comment"},
		"a#b":            {"a#b", ""},
		"a # b # c":      {"a", " # b # c"},
		" #":             {"", " #"},
		"":               {"", ""},
		"two words  ":    {"two words", ""},
		"dps\t":          {"dps", ""},
	} {
		if value, rest := rawline.Word(text); value != want[0] || rest != want[1] {
			t.Errorf("Word(%q) = %q, %q, want %q", text, value, rest, want)
		}
	}
}

func TestOnlyStrings(t *testing.T) {
	for array, want := range map[string]bool{
		`["a", 'b']`: true, `[]`: true, "[\n\"a\",\n]": true,
		`[1]`: false, `["a", 1]`: false, `[a]`: false, `["a"`: false, `"a"`: false, `[["a"]]`: false, `[{ a = "b" }]`: false, `[true]`: false,
	} {
		if got := rawline.OnlyStrings(array); got != want {
			t.Errorf("OnlyStrings(%s) = %v", array, got)
		}
	}
}

// Plain text stays what it is, and what is made plain has nothing left to make plain.
func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"“a” „b‟ «c» ″": `"a" "b" "c" "`, "‘a’ ‚b‛ ´ `": `"a" "b" " "`, `"a" 'b'`: `"a" 'b'`, "": "", "ä€": "ä€",
	} {
		if got := rawline.PlainQuotes(text); got != want || rawline.PlainQuotes(got) != got {
			t.Errorf("PlainQuotes(%q) = %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"a\u00a0b\u2003c\u3000d": "a b c d", "\ufeffa\u200bb\u00adc\u2060": "abc", "a\x00\x1b\x7fb": "ab", "a\tb c": "a\tb c", "a\nb": "a\nb", "": "", "ä€": "ä€",
	} {
		if got := rawline.PlainBlanks(text); got != want || rawline.PlainBlanks(got) != got {
			t.Errorf("PlainBlanks(%q) = %q, want %q", text, got, want)
		}
	}
	for _, r := range unicode.Zs.R16 { // each blank that Unicode has is a space
		for c := rune(r.Lo); c <= rune(r.Hi); c += rune(r.Stride) {
			if got := rawline.PlainBlanks("a" + string(c) + "b"); got != "a b" {
				t.Errorf("the blank %U becomes %q", c, got)
			}
		}
	}
}
