package identity

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// slips are what hands, eyes and label printers do to a registration ID, at a place
// in it.
var slips = map[string]func(id string, at int) string{
	"wrong":           func(id string, at int) string { return id[:at] + other(id[at]) + id[at+1:] },
	"two wrong":       func(id string, at int) string { return id[:at] + other(id[at]) + other(id[at+1]) + id[at+2:] },
	"missing":         func(id string, at int) string { return id[:at] + id[at+1:] },
	"too many":        func(id string, at int) string { return id[:at] + id[at:at+1] + id[at:] },
	"swapped":         func(id string, at int) string { return id[:at] + id[at+1:at+2] + id[at:at+1] + id[at+2:] },
	"tail cut off":    func(id string, at int) string { return id[:max(at, cutLimit)] },
	"head cut off":    func(id string, at int) string { return id[min(at, len(id)-cutLimit):] },
	"capitals, wrong": func(id string, at int) string { return strings.ToUpper(id[:at] + other(id[at]) + id[at+1:]) },
	"separators":      func(id string, at int) string { return id[:at] + "-" + id[at:] },
	"in groups":       func(id string, at int) string { return id[:8] + ":" + id[8:16] + ":" + id[16:] },
	"0x before":       func(id string, at int) string { return "0x" + id },
	"template, wrong": func(id string, at int) string { return "line7-" + id[:at] + other(id[at]) + id[at+1:] },
	"digits as letter": func(id string, at int) string {
		return strings.NewReplacer("2", "z", "5", "s").Replace(id[:at]) + other(id[at]) + id[at+1:]
	},
}

// other is a character that is mistaken for one, or at least another.
func other(c byte) string {
	if like, ok := map[byte]string{'o': "0", 'l': "1", 'i': "1", '0': "o", '1': "l", 'b': "8", '5': "s", '2': "z"}[c]; ok {
		return like
	}
	return string("abcdefghijklmnopqrstuvwxyz"[(int(c)+1)%26])
}

// A slip of a derived ID is known for one; what is right, a name, or another key's
// is not.
func TestNearMiss(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	tried := 0
	for range 40 {
		key, another := randomKey(r), randomKey(r)
		ids, foreign := RegistrationIDs(key), RegistrationIDs(another)
		for _, id := range []string{ids.Base32, ids.Hex} {
			for name, slip := range slips {
				text := slip(id, 1+r.IntN(len(id)-3))
				if strings.EqualFold(text, id) || name == "swapped" && text == id {
					continue
				}
				tried++
				own, how := NearMiss(text, key)
				if own != id || how == "" {
					t.Errorf("%s: NearMiss(%q) = %q, %q; want %q", name, text, own, how, id)
				}
			}
			for _, right := range []string{id, strings.ToUpper(id), "line7-" + id, id + ".a", foreign.Base32, foreign.Hex, "line7-" + foreign.Base32, "box-7", "", id[:8], "box-" + id[:12], strings.Repeat("a", 52), strings.Repeat("a", 128)} {
				tried++
				if own, how := NearMiss(right, key); own != "" || how != "" {
					t.Errorf("NearMiss(%q) = %q, %q", right, own, how)
				}
			}
		}
	}
	t.Logf("%d IDs", tried)
}

func randomKey(r *rand.Rand) []byte {
	key := make([]byte, 316)
	for i := range key {
		key[i] = byte(r.Uint32())
	}
	return key
}

// The two forms lead to each other, with the key and without.
func TestForms(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 50 {
		key := randomKey(r)
		ids := RegistrationIDs(key)
		for id, want := range map[string]string{
			ids.Base32: ids.Hex, ids.Hex: ids.Base32, strings.ToUpper(ids.Base32): ids.Hex, strings.ToUpper(ids.Hex): ids.Base32, "box-7": ids.Base32 + " " + ids.Hex,
		} {
			if got := strings.Join(Forms(id, key), " "); got != want {
				t.Errorf("Forms(%q, key) = %q, want %q", id, got, want)
			}
			if id == "box-7" {
				want = ""
			}
			if got := strings.Join(Forms(id, nil), " "); got != want {
				t.Errorf("Forms(%q, nil) = %q, want %q", id, got, want)
			}
		}
	}
}
