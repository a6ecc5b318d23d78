package examine

import (
	"math/big"
	"slices"
	"testing"

	"tpmdps/internal/ektrust"
)

// weakModulus is one as the library of CVE-2017-15361 made them: modulo the product of
// the first 126 primes it is a power of 65537.
func weakModulus() []byte {
	m, primes := big.NewInt(1), 0
	for p := int64(2); primes < 126; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
			primes++
		}
	}
	n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(815), m)
	k := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 2048), m)
	return n.Add(n, k.Sub(k, big.NewInt(1)).Mul(k, m)).Bytes()
}

// Of several keys of a chip the certificate counts for its own alone, and for all where
// it is another chip's. A weak key is found whichever it is, and one that DPS cannot use
// is not judged.
func TestKeys(t *testing.T) {
	good := record(t)
	own, err := good.EK()
	if err != nil {
		t.Fatal(err)
	}
	other, err := chips(t)[ektrust.Mismatch].EK()
	if err != nil {
		t.Fatal(err)
	}
	weak, short := publicOf(t, weakModulus()), own[:100]
	bare := good
	bare.EKCertificate = nil
	const none = ektrust.Word("")
	for name, tt := range map[string]struct {
		keys  [][]byte
		bare  bool
		words []ektrust.Word
	}{
		"its own alone":      {[][]byte{own}, false, []ektrust.Word{ektrust.Trusted}},
		"its own and others": {[][]byte{other, own, weak, short}, false, []ektrust.Word{ektrust.Absent, ektrust.Trusted, ektrust.Vulnerable, none}},
		"its own twice":      {[][]byte{own, own, other}, false, []ektrust.Word{ektrust.Trusted, ektrust.Trusted, ektrust.Absent}},
		"another chip's":     {[][]byte{other, weak}, false, []ektrust.Word{ektrust.Mismatch, ektrust.Vulnerable}},
		"no certificate":     {[][]byte{own, other, weak}, true, []ektrust.Word{ektrust.Absent, ektrust.Absent, ektrust.Vulnerable}},
		"no key":             {nil, false, nil},
	} {
		chip := good
		if tt.bare {
			chip = bare
		}
		for _, mode := range []ektrust.Mode{ektrust.Warn, ektrust.Require, ektrust.Off} {
			x, err := Sources{Extra: "../../../testdata/roots", Policy: ektrust.Policy{Mode: mode}}.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			results, err := x.Keys(t.Context(), chip, tt.keys, now)
			if err != nil {
				t.Fatal(err)
			}
			var words []ektrust.Word
			for i, r := range results {
				words = append(words, verdictWord(r))
				refused := tt.words[i] == ektrust.Vulnerable || mode == ektrust.Require && tt.words[i] != ektrust.Trusted && tt.words[i] != none
				if (r.Refusal() != "") != (refused && mode != ektrust.Off) {
					t.Errorf("%s, %s, key %d: refused with %q", name, mode, i, r.Refusal())
				}
			}
			want := tt.words
			if mode == ektrust.Off {
				want = make([]ektrust.Word, len(tt.words))
			}
			if !slices.Equal(words, want) {
				t.Errorf("%s, %s: %q", name, mode, words)
			}
		}
	}
	if chip := good; chip.EKCertificate == nil {
		t.Error("the record was changed")
	}
}

func verdictWord(r Result) ektrust.Word {
	if r.Verdict == nil {
		return ""
	}
	return r.Verdict.Verdict
}
