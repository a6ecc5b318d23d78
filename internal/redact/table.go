package redact

// table is a set of pieces. There are thousands of a secret's, each is asked for at
// every character of a text, and most answers are no: a map would take ten times as
// long.
type table struct {
	slots []uint64 // 0 is free: no piece has eight zeros
	n     int
}

// spread is Knuth's multiplier: it brings every bit of a key into the upper ones.
const spread = 0x9e3779b97f4a7c15

func (t *table) add(key uint64) {
	if 2*t.n >= len(t.slots) {
		old := t.slots
		t.slots, t.n = make([]uint64, max(1<<12, 2*len(old))), 0
		for _, key := range old {
			if key != 0 {
				t.add(key)
			}
		}
	}
	if at := t.find(key); t.slots[at] == 0 {
		t.slots[at] = key
		t.n++
	}
}

func (t *table) has(key uint64) bool { return t.n > 0 && t.slots[t.find(key)] != 0 }

// find is where a key is, or belongs.
func (t *table) find(key uint64) int {
	mask := len(t.slots) - 1
	at := int(key * spread >> 32)
	for {
		if at &= mask; t.slots[at] == 0 || t.slots[at] == key {
			return at
		}
		at++
	}
}
