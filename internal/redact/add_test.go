package redact

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"testing"
)

// The shortcut of dull is right: no piece of few characters is judged otherwise than by
// counting.
func TestDull(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	found := map[bool]int{}
	for range 100_000 {
		text := make([]byte, piece)
		var key uint64
		for i := range text {
			text[i] = "aaaab"[r.IntN(5)]
			if r.IntN(4) == 0 {
				text[i] = byte(1 + r.IntN(255))
			}
			key = key<<8 | uint64(text[i])
		}
		most := 0
		for _, c := range text {
			most = max(most, bytes.Count(text, []byte{c}))
		}
		want := 4*most >= 3*piece
		found[want]++
		if got := dull(key); got != want {
			t.Fatalf("dull(%q) = %v", text, got)
		}
	}
	if found[true] < 1000 || found[false] < 1000 {
		t.Errorf("dull and not: %v", found)
	}
}

// A table has what was added to it and nothing else, however it came to its size.
func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, room := range []int{0, 1, 2048, 5000, 100_000} {
		var all table
		all.grow(room)
		known := map[uint64]bool{}
		for range 20_000 {
			key := 1 + r.Uint64N(30_000)<<r.IntN(40)
			all.add(key)
			known[key] = true
		}
		if all.n != len(known) || len(all.slots) < 2*all.n {
			t.Errorf("room for %d: %d of %d in %d slots", room, all.n, len(known), len(all.slots))
		}
		for key := range known {
			if other := key + 1; !all.has(key) || all.has(other) != known[other] {
				t.Errorf("room for %d: has(%#x) = %v, has(%#x) = %v", room, key, all.has(key), other, all.has(other))
			}
		}
	}
}

// The keys that the program meets: of a device, and as DPS wraps it for a chip.
func BenchmarkAdd(b *testing.B) {
	wrapped := make([]byte, 390)
	r := rand.New(rand.NewPCG(7, 8))
	for i := range wrapped {
		wrapped[i] = byte(r.Uint32())
	}
	for name, secret := range map[string]string{
		"key":     "hq0F3Jh/gGIwoTygd5bado9kB0jRo/aqukAES5h1OkM=",
		"wrapped": base64.StdEncoding.EncodeToString(wrapped),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := &Set{}
				s.Add(secret)
			}
		})
	}
}
