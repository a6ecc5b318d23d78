//go:build linux

package bench

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"math/big"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
)

// primeBits is half of an RSA-2048 modulus.
const primeBits = 1024

// machines are records of so many machines. Each has an RSA-2048 key of its own: the product of
// two primes of a pool, so that few primes do for many keys.
func machines(n int) iter.Seq[identity.Record] {
	return func(yield func(identity.Record) bool) {
		pool, i := primes(poolFor(n)), 0
		for a := range pool {
			for b := range a {
				if i == n || !yield(machine(i, new(big.Int).Mul(pool[a], pool[b]))) {
					return
				}
				i++
			}
		}
	}
}

// poolFor is how many primes have n pairs.
func poolFor(n int) int {
	size := 2
	for size*(size-1)/2 < n {
		size++
	}
	return size
}

func machine(i int, modulus *big.Int) identity.Record {
	public := tpm2.RSAEKTemplate
	public.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: modulus.Bytes()})
	return identity.Record{
		Schema: identity.Schema, RegistrationID: machineID(i),
		EndorsementKey:     base64.StdEncoding.EncodeToString(tpm2.Marshal(tpm2.New2B(public))),
		EKTemplate:         "tcg-l1",
		EKCertificateChain: []string{}, EKCertificateIndices: []identity.EKCertificateIndex{}, EKCertificateNotes: []string{},
		Host:   identity.Host{Hostname: "box", Serial: fmt.Sprintf("SN-%06d", i)},
		Labels: map[string]string{"line": "4"}, ReadAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func machineID(i int) string { return fmt.Sprintf("box-%06d", i) }

var pool struct {
	sync.Mutex
	primes []*big.Int
}

// primes are so many different ones, of 1024 bits with the upper two set, so that a product has
// 2048. They hang on their numbers alone.
func primes(n int) []*big.Int {
	pool.Lock()
	defer pool.Unlock()
	more := make([]*big.Int, max(0, n-len(pool.primes)))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				more[i] = prime(uint64(len(pool.primes) + i))
			}
		})
	}
	for i := range more {
		next <- i
	}
	close(next)
	wg.Wait()
	pool.primes = append(pool.primes, more...)
	return pool.primes[:n]
}

func prime(number uint64) *big.Int {
	random := rand.New(rand.NewPCG(number, primeBits))
	p := new(big.Int)
	for bits := range primeBits / 64 {
		p.Or(p, new(big.Int).Lsh(new(big.Int).SetUint64(random.Uint64()), uint(64*bits)))
	}
	p.SetBit(p.SetBit(p.SetBit(p, 0, 1), primeBits-1, 1), primeBits-2, 1)
	for two := big.NewInt(2); !p.ProbablyPrime(0); p.Add(p, two) {
	}
	return p
}

// writeMachines writes a batch as a plain list.
func writeMachines(t testing.TB, path string, n int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for r := range machines(n) {
		if err := enc.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
}

// Every machine has a key of its own, and that of an RSA modulus.
func TestMachines(t *testing.T) {
	const n = 60
	keys := map[string]bool{}
	for r := range machines(n) {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := identity.ParseRecord(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		keys[r.EndorsementKey] = true
	}
	if len(keys) != n {
		t.Errorf("%d keys of %d machines", len(keys), n)
	}
	for i, p := range primes(poolFor(n)) {
		if p.BitLen() != primeBits || !p.ProbablyPrime(20) {
			t.Errorf("prime %d: %d bits, %v", i, p.BitLen(), p)
		}
	}
}
