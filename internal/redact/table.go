package redact

import "math/bits"

// table is a set of pieces. There are thousands of a secret's, each is asked for at
// every character of a text, and most answers are no: a map would take ten times as
// long.
type table struct {
	slots []uint64 // 0 is free: no piece has eight zeros
	n     int
	shift uint // of a product, so that what is left is a place in slots
}

// spread is Knuth's multiplier: it brings every bit of a key into the upper ones.
const spread = 0x9e3779b97f4a7c15

func (t *table) add(key uint64) {
	if 2*t.n >= len(t.slots) {
		t.grow(t.n + 1)
	}
	if at := t.find(key); t.slots[at] == 0 {
		t.slots[at] = key
		t.n++
	}
}

// grow makes room for n pieces: half of the slots stay free, so that most questions are
// answered at the first. To do it once is cheaper than to bring all pieces over each time
// that a table has become too small.
func (t *table) grow(n int) {
	wide := max(12, bits.Len(uint(2*n)))
	if 1<<wide <= len(t.slots) {
		return
	}
	old := t.slots
	t.slots, t.shift = make([]uint64, 1<<wide), uint(64-wide)
	for _, key := range old {
		if key != 0 {
			t.slots[t.find(key)] = key
		}
	}
}

func (t *table) has(key uint64) bool { return t.n > 0 && t.slots[t.find(key)] != 0 }

// find is where a key is, or belongs.
func (t *table) find(key uint64) int {
	at := int(key * spread >> (t.shift & 63)) // a shift that is known to be below 64 is one instruction
	for t.slots[at] != 0 && t.slots[at] != key {
		at = (at + 1) & (len(t.slots) - 1)
	}
	return at
}
