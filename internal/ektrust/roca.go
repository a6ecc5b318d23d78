package ektrust

import (
	"math/big"
	"math/bits"
	"sync"
)

// rocaPrimes are the primes below 702 for which 65537 does not generate all of
// their group, each with the residues that it does generate.
var rocaPrimes = sync.OnceValue(makeROCAPrimes)

type rocaPrime struct {
	prime   int64
	residue []bool
}

func makeROCAPrimes() []rocaPrime {
	const last = 701 // the 126th prime: those of which Infineon's library made its keys of 2048 bits
	var list []rocaPrime
	for p := int64(3); p <= last; p++ {
		if !big.NewInt(p).ProbablyPrime(0) {
			continue
		}
		r := rocaPrime{p, make([]bool, p)}
		count := int64(0)
		for power := int64(1); !r.residue[power]; power = power * 65537 % p {
			r.residue[power] = true
			count++
		}
		if count < p-1 {
			list = append(list, r)
		}
	}
	return list
}

// ROCA tells whether an RSA modulus was made by the faulty library of Infineon
// (CVE-2017-15361): then the private key can be computed from the public one. Its
// primes are powers of 65537 modulo a product of small primes, and so the modulus is
// one modulo each of them. That another modulus is, too, happens once in 10^50.
func ROCA(modulus []byte) bool {
	const shortest = 512
	n := new(big.Int).SetBytes(modulus)
	if n.BitLen() < shortest {
		return false
	}
	words := n.Bits()
	for _, r := range rocaPrimes() {
		var rest uint
		for i := len(words) - 1; i >= 0; i-- {
			rest = bits.Rem(rest, uint(words[i]), uint(r.prime))
		}
		if !r.residue[rest] {
			return false
		}
	}
	return true
}
