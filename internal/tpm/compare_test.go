package tpm

import (
	"bytes"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

func names(candidates []Candidate) map[string]Candidate {
	m := map[string]Candidate{}
	for _, c := range candidates {
		m[c.Template] = c
	}
	return m
}

// The key that the C SDK made persistent is recognised, and is the one that
// IoT Edge goes on with.
func TestCandidatesRecogniseEmptyUnique(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		k, err := d.derive(tpm2.TPMRHEndorsement, nil, withUnique(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Persist(k, HandleEK); err != nil {
			t.Fatal(err)
		}
		closeAll(t, k)
		d = open(t, chip, Options{})
		candidates, _, err := d.Candidates()
		if err != nil {
			t.Fatal(err)
		}
		c := names(candidates)
		if len(candidates) != 2 || !c["empty-unique"].Persistent || !c["empty-unique"].IoTEdge || c["tcg-l1"].Persistent || c["tcg-l1"].IoTEdge {
			t.Errorf("Candidates() = %+v", candidates)
		}
		if bytes.Equal(c["empty-unique"].EndorsementKey, c["tcg-l1"].EndorsementKey) {
			t.Error("both templates give one key")
		}
	})
}

// What is persistent and none of the known derivations is shown as such.
func TestCandidatesWithForeignKey(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		persistAs(t, d, withUnique(bytes.Repeat([]byte{7}, modulusSize)), HandleEK)
		candidates, notes, err := open(t, chip, Options{}).Candidates()
		if err != nil {
			t.Fatal(err)
		}
		if c := names(candidates); len(candidates) != 3 || len(notes) != 0 || !c["persistent"].Persistent || !c["persistent"].IoTEdge || c["tcg-l1"].IoTEdge {
			t.Errorf("Candidates() = %+v", candidates)
		}
	})
}

// A nonce and a template in NV memory change the maker's EK: TCG EK Credential
// Profile 2.5, 2.2.1.5.1.
func TestCandidatesWithNonceAndTemplate(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		nonce := bytes.Repeat([]byte{9}, 64)
		store(t, chip, indexNonce, asMaker, nonce)
		store(t, chip, indexTemplate, asMaker, tpm2.Marshal(withUnique(append(bytes.Clone(nonce), make([]byte, modulusSize-64)...))))
		candidates, notes, err := open(t, chip, Options{}).Candidates()
		if err != nil {
			t.Fatal(err)
		}
		c := names(candidates)
		if len(candidates) != 4 || len(notes) != 0 || !bytes.Equal(c["nv-nonce"].EndorsementKey, c["nv-template"].EndorsementKey) || bytes.Equal(c["nv-nonce"].EndorsementKey, c["tcg-l1"].EndorsementKey) {
			t.Errorf("Candidates() = %+v", candidates)
		}
	})
}

// Damage in NV is no candidate and no failure, and a hostile template no panic.
func TestCandidatesWithDamagedTemplate(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		store(t, chip, indexNonce, asMaker, make([]byte, modulusSize+1))
		store(t, chip, indexTemplate, asMaker, []byte{0, 1, 0, 0xb, 1, 2, 3})
		candidates, notes, err := open(t, chip, Options{}).Candidates()
		if err != nil || len(candidates) != 2 || len(notes) != 2 {
			t.Errorf("Candidates() = %+v, %q, %v, want the two usual ones and two notes", candidates, notes, err)
		}
	})
}
