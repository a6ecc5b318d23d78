package ektrust

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"tpmdps/internal/ektrust/chain"
)

// Root is a certificate that the program knows by its fingerprint. It has no
// certificates itself: they are their makers' to give away.
type Root struct {
	// Fingerprint is the SHA-256 of the certificate's DER.
	Fingerprint [sha256.Size]byte
	// Anchor: a path may end here. The others are CAs of a time when makers signed with
	// SHA-1, which counts for these alone.
	Anchor bool
	// Vendor is the maker of chips whose root it is, such as "Infineon".
	Vendor string
	// Name is its subject.
	Name string
	// Source is where the fingerprint was taken from, and Date which state of it.
	Source, Date string
}

//go:embed roots.tsv
var rootsTable string

var roots = sync.OnceValue(func() []Root {
	var list []Root
	for line := range strings.Lines(rootsTable) {
		fields := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(fields) != 6 {
			panic("the table of roots has a line of another form: " + line)
		}
		r := Root{Anchor: fields[1] == "root", Vendor: fields[2], Name: fields[3], Source: fields[4], Date: fields[5]}
		if n, err := hex.Decode(r.Fingerprint[:], []byte(fields[0])); err != nil || n != sha256.Size {
			panic("the table of roots has a fingerprint of another form: " + line)
		}
		list = append(list, r)
	}
	return list
})

var byFingerprint = sync.OnceValue(func() map[[sha256.Size]byte]Root {
	m := map[[sha256.Size]byte]Root{}
	for _, r := range roots() {
		m[r.Fingerprint] = r
	}
	return m
})

// Roots lists the pinned certificates, the anchors first, by vendor.
func Roots() []Root { return append([]Root{}, roots()...) }

// RootsDate is the newest state of a source that the table was made from. What makers
// have published since is not in it.
func RootsDate() time.Time {
	newest := ""
	for _, r := range roots() {
		newest = max(newest, r.Date)
	}
	t, _ := time.Parse(time.DateOnly, newest)
	return t
}

// Known finds a certificate in the table.
func Known(fingerprint [sha256.Size]byte) (Root, bool) {
	r, ok := byFingerprint()[fingerprint]
	return r, ok
}

// old is the age from which on it is worth a word that the table may lack something.
const old = 365 * 24 * time.Hour

// RootsAge says how old the table is, in words; "" where it is not over a year at the
// time that is given.
func RootsAge(now time.Time) string {
	age := now.Sub(RootsDate())
	if age <= old {
		return ""
	}
	return fmt.Sprintf("%d days old: roots that makers have published since are not known; use a newer version of tpmdps", int(age.Hours())/24)
}

// vendorIDs are the IDs of the TCG's Vendor ID Registry that the chips below a
// vendor's roots bear. AMD and Qualcomm also make chips with Microsoft's Pluton in
// them, which calls itself MSFT.
var vendorIDs = map[string][]string{
	"AMD":                {"AMD", "MSFT"},
	"Atmel":              {"ATML"},
	"Infineon":           {"IFX"},
	"Intel":              {"INTC"},
	"Microsoft":          {"MSFT", "AMD", "QCOM", "INTC"},
	"Nationz":            {"NTZ", "NSG"},
	"Nuvoton":            {"NTC", "WEC"},
	"Qualcomm":           {"QCOM", "MSFT"},
	"STMicroelectronics": {"STM"},
}

// Store is what an EK certificate is judged by: certificates of CAs, which of them
// are trusted, lists of revoked certificates. It does not change once it was made.
type Store struct {
	pool    *chain.Pool
	extra   map[[sha256.Size]byte]bool
	crls    []*chain.CRL
	hasCRLs bool
	// signedLists has, of each list and CA, whether the one is the other's: a list has
	// up to 16 MiB, and a batch a hundred thousand chips.
	signedLists *sync.Map
}

// NewStore makes a store. What is given is trusted only as far as the table of roots
// has it; extra is trusted because the user says so, root or not.
func NewStore(given, extra []*chain.Certificate) *Store {
	s := &Store{extra: map[[sha256.Size]byte]bool{}}
	for _, c := range extra {
		s.extra[c.Fingerprint] = true
	}
	s.pool = chain.NewPool(append(append([]*chain.Certificate{}, given...), extra...)...)
	return s
}

// WithCRLs returns a store that also looks for revoked certificates. That a CA has no
// list among them is a note in the verdict, not a failure.
func (s *Store) WithCRLs(lists []*chain.CRL) *Store {
	with := *s
	with.crls, with.hasCRLs, with.signedLists = lists, true, &sync.Map{}
	return &with
}

// Len is the number of different certificates in the store.
func (s *Store) Len() int { return s.pool.Len() }

func (s *Store) anchor(c *chain.Certificate) bool {
	return s.extra[c.Fingerprint] || byFingerprint()[c.Fingerprint].Anchor
}

func (s *Store) pinned(c *chain.Certificate) bool {
	_, known := byFingerprint()[c.Fingerprint]
	return known || s.extra[c.Fingerprint]
}
