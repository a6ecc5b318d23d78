package ektrust

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/ektrust/chain"
)

func TestPolicyJudge(t *testing.T) {
	w := plain(t, nil)
	e := Evidence{EK: ek(), Certificate: w.chip.der, Manufacturer: "IFX"}
	listed, err := ParseAllowList(fmt.Appendf(nil, "%x\n", sha256.Sum256(e.EK)))
	if err != nil {
		t.Fatal(err)
	}
	other, err := ParseAllowList(fmt.Appendf(nil, "%x\n", sha256.Sum256(nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range Words() {
		v := Verdict{Verdict: word, Reasons: []Reason{{"code", "the reason"}}}
		bad := word != Trusted
		tests := []struct {
			name    string
			policy  Policy
			refused bool
			codes   int
		}{
			{"off", Policy{Mode: Off, Vendors: []string{"STM"}, Allow: other}, false, 0},
			{"none", Policy{}, false, 0},
			{"warn", Policy{Mode: Warn}, word == Vulnerable, 0},
			{"warn, weak keys allowed", Policy{Mode: Warn, AllowVulnerable: true}, false, 0},
			{"require", Policy{Mode: Require}, bad, 0},
			{"require, weak keys allowed", Policy{Mode: Require, AllowVulnerable: true}, bad, 0},
			{"require this maker", Policy{Mode: Require, Vendors: []string{"STM", "ifx"}}, bad, 0},
			{"require another maker", Policy{Mode: Require, Vendors: []string{"STM"}}, true, 1},
			{"warn of another maker", Policy{Mode: Warn, Vendors: []string{"STM"}}, word == Vulnerable, 1},
			{"require, listed", Policy{Mode: Require, Allow: listed}, bad, 0},
			{"require, not listed", Policy{Mode: Require, Allow: other}, true, 1},
			{"require, neither", Policy{Mode: Require, Allow: other, Vendors: []string{"STM"}}, true, 2},
		}
		for _, test := range tests {
			d := test.policy.Judge(v, e)
			want := test.codes
			if bad && test.policy.Mode != Off && test.policy.Mode != "" {
				want++
			}
			if d.Refused != test.refused || len(d.Reasons) != want || d.Reasons == nil {
				t.Errorf("%s, %s: %+v, want refused %v with %d reasons", word, test.name, d, test.refused, want)
			}
			if err := d.Err(); (err != nil) != test.refused || err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("%s, %s: error %v", word, test.name, err)
			}
		}
		if word.Meaning() == "" {
			t.Errorf("%s means nothing", word)
		}
	}
}

func TestParseAllowList(t *testing.T) {
	sum := sha256.Sum256(ek())
	der := sha256.Sum256(chain.MarshalRSA(ekKey().N.Bytes(), []byte{1, 0, 1}))
	colons := strings.TrimSuffix(strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":"), ":")
	for _, text := range []string{
		fmt.Sprintf("%x", sum), fmt.Sprintf("%X\r\n", sum), fmt.Sprintf("# a list\n\n  %x  line 3\n", sum), fmt.Sprintf("%x,press 2\n", sum),
		fmt.Sprintf("0x%x\n", sum), colons, fmt.Sprintf("\"%x\"\n", sum), fmt.Sprintf("\xef\xbb\xbf%x\n", sum), fmt.Sprintf("%x  ek.der\n", der),
	} {
		if list, err := ParseAllowList([]byte(text)); err != nil || !list.Has(ek()) || list.Len() != 1 || list.Has([]byte("another")) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"": "no hash in it", "# nothing\n": "no hash in it", fmt.Sprintf("%x\nabc\n", sum): "line 2", fmt.Sprintf("%x", sum[:20]): "line 1",
		strings.Repeat("a", 100_000): "too long", "not hex": "line 1",
	} {
		if _, err := ParseAllowList([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %q", text, err, want)
		}
	}
}

func TestParseVendorsAndMode(t *testing.T) {
	if ids, err := ParseVendors("IFX, stm"); err != nil || !slices.Equal(ids, []string{"IFX", "STM"}) {
		t.Errorf("%q, %v", ids, err)
	}
	for _, list := range []string{"", "IFX,", "Infineon", "IFX;STM"} {
		if ids, err := ParseVendors(list); err == nil {
			t.Errorf("%q: %q, want an error", list, ids)
		}
	}
	for _, word := range []string{"off", "warn", "require"} {
		if m, err := ParseMode(word); err != nil || string(m) != word {
			t.Errorf("%s: %v", word, err)
		}
	}
	for _, word := range []string{"", "Require", "on"} {
		if _, err := ParseMode(word); err == nil {
			t.Errorf("%q is a mode", word)
		}
	}
}
