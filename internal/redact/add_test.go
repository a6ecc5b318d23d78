package redact

import "testing"

func BenchmarkAdd(b *testing.B) {
	for b.Loop() {
		s := &Set{}
		s.Add("hq0F3Jh/gGIwoTygd5bado9kB0jRo/aqukAES5h1OkM=")
	}
}
