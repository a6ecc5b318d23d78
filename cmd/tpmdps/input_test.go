package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"tpmdps/internal/identity"
)

func utf16LE(s string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return string(out)
}

// Of a secret only the encoding and the line end are undone.
func TestSecretFrom(t *testing.T) {
	for data, want := range map[string]string{
		"pass word\n":                         "pass word",
		" pass \r\n":                          " pass ",
		"p\u00e4ss\u200b":                     "p\u00e4ss\u200b",
		"p\xe4ss\n":                           "p\xe4ss", // a code page, or any bytes
		"\xff\x01\xfe":                        "\xff\x01\xfe",
		"\xef\xbb\xbfp\u00e4ss\r\n":           "p\u00e4ss",
		"\xff\xfe" + utf16LE("p\u00e4ss\r\n"): "p\u00e4ss",
		"\xff\xfe" + utf16LE("\u4e2d\u56fd"):  "\u4e2d\u56fd",
		utf16LE("p\u00e4ss\r\n"):              "p\u00e4ss",
		"\xfe\xff\x00p\x00w\x00\r\x00\n":      "pw",
		"\x00p\x00w":                          "pw",
	} {
		if got, err := secretFrom(strings.NewReader(data), "f"); err != nil || string(got) != want {
			t.Errorf("secretFrom(%q) = %q, %v, want %q", data, got, err, want)
		}
	}
	for data, want := range map[string]string{
		"ab\x00cd":                 "a zero byte cannot be part of a secret",
		"\x00\x00":                 "a zero byte",
		"a" + utf16LE("b\n"):       "a zero byte", // it changes half-way: not to be guessed
		utf16LE("\u4e2d") + "\x00": "a zero byte",
		"\xff\xfe":                 "it is empty",
		"\xef\xbb\xbf\r\n":         "it is empty",
	} {
		if got, err := secretFrom(strings.NewReader(data), "f"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("secretFrom(%q) = %q, %v, want %q", data, got, err, want)
		}
	}
}

// A payload is read as Windows writes it, and sent as UTF-8; what is wrong is named
// with its line.
func TestReadObject(t *testing.T) {
	path := filepath.Join(t.TempDir(), "payload.json")
	const want = "{\"hall\":\r\n\"S\u00fcd \u5317\"}"
	for _, data := range []string{want, "\xef\xbb\xbf" + want, "\xff\xfe" + utf16LE(want), utf16LE(want)} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readObject(t.Context(), path); err != nil || string(got) != want {
			t.Errorf("readObject(%q) = %q, %v", data, got, err)
		}
	}
	for data, reason := range map[string]string{
		"{\n\"a\":1,\n}":                  "line 3: there is a comma too many before the }",
		"[1]":                             "line 1: it is a list, not an object",
		"":                                "line 1: it is empty",
		"{\"a\":\"\xfc\"}":                "line 1: a character is neither UTF-8 nor UTF-16",
		"\xff\xfe" + utf16LE("{\n\"a\":"): "line 2: it breaks off before its end",
	} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readObject(t.Context(), path); err == nil || !strings.Contains(err.Error(), reason) || verdict(err).code != 2 {
			t.Errorf("readObject(%q) = %v, want %q", data, err, reason)
		}
	}
}

// No line ends in a colon or begins with a comma where the certificate does not
// say whose it is.
func TestCertificateRowsWithoutNames(t *testing.T) {
	certificateText := "x"
	for _, facts := range []identity.EKCertificateFacts{
		{}, {KeyMatches: true}, {TPMManufacturer: "IFX"}, {KeyMatches: true, TPMModel: "SLB9670"}, {Issuer: "CN=a", Serial: "01"},
	} {
		r := identity.Record{EKCertificate: &certificateText, EKCertificateFacts: &facts}
		for _, row := range certificateRows(r) {
			for _, cell := range row {
				if text := strings.TrimSpace(cell); strings.HasSuffix(text, ":") || strings.HasPrefix(text, ",") {
					t.Errorf("%+v: %q", facts, cell)
				}
			}
		}
		want := "belongs to another key"
		if facts.KeyMatches {
			want = "matches the key"
		}
		if got := certificate(r); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, strings.TrimSpace(facts.TPMManufacturer+" "+facts.TPMModel)) {
			t.Errorf("certificate(%+v) = %q", facts, got)
		}
	}
}
