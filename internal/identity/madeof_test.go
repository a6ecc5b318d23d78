package identity

import (
	"strings"
	"testing"
)

func TestForeignIDs(t *testing.T) {
	own, other := []byte("\x01\x3aone key"), []byte("\x01\x3aanother key")
	ids, others := RegistrationIDs(own), RegistrationIDs(other)
	for id, want := range map[string]struct {
		madeOf  string
		foreign bool
	}{
		ids.Base32:                            {"base32", false},
		ids.Hex:                               {"hex", false},
		strings.ToUpper(ids.Base32):           {"base32", false},
		strings.ToUpper(ids.Hex):              {"hex", false},
		others.Base32:                         {"", true},
		others.Hex:                            {"", true},
		strings.ToUpper(others.Hex):           {"", true},
		"box-7":                               {"", false},
		"":                                    {"", false},
		others.Base32[:51]:                    {"", false},
		others.Hex + "0":                      {"", false},
		"line7-" + others.Base32:              {"", true},
		others.Base32 + "-7.ksa123z":          {"", true},
		"a.b_" + others.Hex + ":c":            {"", true},
		"A-" + strings.ToUpper(others.Base32): {"", true},
		ids.Base32 + "-" + others.Hex:         {"", true},
		"line7-" + ids.Base32:                 {"", false},
		ids.Hex + ".7":                        {"", false},
		"line7" + others.Base32:               {"", false}, // where it begins, nothing tells
		"line7-" + others.Base32[1:]:          {"", false},
		"-._:":                                {"", false},
	} {
		if got := MadeOf(id, own); got != want.madeOf {
			t.Errorf("MadeOf(%q) = %q, want %q", id, got, want.madeOf)
		}
		if got := IsForeign(id, own); got != want.foreign {
			t.Errorf("IsForeign(%q) = %t", id, got)
		}
	}
}
