package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"tpmdps/internal/identity"
	"tpmdps/internal/verdict"
)

func utf16LE(s string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return string(out)
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
		"{\n\"a\":1,\n}":                  "line 3: there is an extra comma before the }",
		"[1]":                             "line 1: it is a list, not an object",
		"":                                "line 1: it is empty",
		"{\"a\":\"\xfc\"}":                "line 1: a character is neither UTF-8 nor UTF-16",
		"\xff\xfe" + utf16LE("{\n\"a\":"): "line 2: it ends too early",
	} {
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readObject(t.Context(), path); err == nil || !strings.Contains(err.Error(), reason) || verdict.Of(err).Code != 2 {
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
