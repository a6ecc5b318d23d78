package chain

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// MaxLinks bounds a path, in signatures. Intel's on-die CAs have five: the
// endorsement key, three CAs in the machine, one of the product, the root.
const MaxLinks = 5

// maxChecks bounds the signatures that are checked for one path, since certificates
// that bear one name and sign one another make exponentially many.
const maxChecks = 200

// maxSteps bounds the certificates that are gone on from, since a few that all sign one
// another have many paths without one more signature to check.
const maxSteps = 1000

// Pool holds certificates of CAs by their names. It is not changed by a search, so
// that one pool serves many.
type Pool struct {
	bySubject map[Name][]*Certificate
	known     map[[sha256.Size]byte]bool
}

// NewPool makes a pool of some certificates. The same one twice is there once.
func NewPool(certificates ...*Certificate) *Pool {
	p := &Pool{map[Name][]*Certificate{}, map[[sha256.Size]byte]bool{}}
	for _, c := range certificates {
		if !p.known[c.Fingerprint] {
			p.known[c.Fingerprint] = true
			p.bySubject[c.Subject.key()] = append(p.bySubject[c.Subject.key()], c)
		}
	}
	return p
}

// key is the name without how it is shown, which equal names may differ in.
func (n Name) key() Name { return Name{canonical: n.canonical} }

// Named returns the certificates of those who bear a name.
func (p *Pool) Named(name Name) []*Certificate { return p.bySubject[name.key()] }

// Len is the number of different certificates.
func (p *Pool) Len() int { return len(p.known) }

// Search is what a path is looked for with.
type Search struct {
	// Pools are where signers may be: the user's file, the chip. What is in them is
	// not trusted for that.
	Pools []*Pool
	// Anchor tells whether a path may end at a certificate.
	Anchor func(*Certificate) bool
	// Pinned tells whether the bytes of a certificate are known by themselves. Only
	// then a CA may have been certified, and may have signed, with SHA-1.
	Pinned func(*Certificate) bool
	// Refuse, if not nil, is asked of every CA below the anchor: it returns a code and
	// the end of a sentence for one that a path may not go by, or nothing.
	Refuse func(*Certificate) (code, text string)
}

// Path is a certificate and its signers, the anchor last.
type Path []*Certificate

// Find looks for a path from a certificate to an anchor, judged at the time at which
// the certificate begins to be valid: makers let the certificates of CAs run out
// long before the chips that they vouched for are used. The error is a [*NoPath].
func (s Search) Find(leaf *Certificate) (Path, error) {
	if s.Anchor(leaf) {
		return Path{leaf}, nil
	}
	w := &walk{Search: s, leaf: leaf, checked: map[pair]error{}}
	if found := w.extend(Path{leaf}); found != nil {
		return found, nil
	}
	return nil, w.best
}

type pair struct{ child, signer *Certificate }

// walk is one search, depth first.
type walk struct {
	Search
	leaf    *Certificate
	checked map[pair]error // nil: the signature is right
	steps   int
	best    *NoPath // what is worth the most to be reported
}

// extend returns the whole path that begins with path, or nil after reporting.
func (w *walk) extend(path Path) Path {
	last := path[len(path)-1]
	if w.steps++; w.steps > maxSteps {
		return w.report(path, tooMany())
	}
	if len(last.UnknownCritical) > 0 {
		return w.report(path, refused(CodeCritical, "%s has a critical extension that is not known here (%s)", whose(path), last.UnknownCritical[0]))
	}
	if last.SelfIssued() && !last.Subject.Empty() && w.signedBy(last, last) == nil {
		return w.report(path, &NoPath{Kind: Unanchored, Code: CodeUnpinned,
			Text: fmt.Sprintf("%s is signed by itself, and is not one of the roots that are trusted", whose(path))})
	}
	candidates, circle := w.signers(path)
	missing := true
	for _, c := range candidates {
		_, keyFits := last.MayBeFrom(c)
		missing = missing && !keyFits
		if found := w.step(path, c, keyFits); found != nil {
			return found
		}
	}
	switch {
	case circle:
		return w.report(path, refused(CodeCircle, "the CAs certify one another in a circle that no trusted root is in"))
	case missing && len(candidates) > 0:
		return w.report(path, &NoPath{Kind: Missing, Code: CodeIssuer, Text: "the certificate of its issuer is missing; one of the same name has another key"})
	case missing:
		return w.report(path, &NoPath{Kind: Missing, Code: CodeIssuer, Text: "the certificate of its issuer is missing"})
	}
	return nil
}

// step goes on with one candidate for the signer of the last certificate.
func (w *walk) step(path Path, signer *Certificate, keyFits bool) Path {
	last := path[len(path)-1]
	if err := w.signedBy(last, signer); err != nil {
		if keyFits {
			return w.report(path, signatureFault(path, signer, err))
		}
		return nil // another key of the same name
	}
	if fault := w.judge(path, signer); fault != nil {
		return w.report(path, fault)
	}
	next := append(slices.Clone(path), signer)
	if w.Anchor(signer) {
		return next
	}
	if len(path) == MaxLinks {
		return w.report(path, refused(CodeTooLong, "the path has more than %d links", MaxLinks))
	}
	return w.extend(next)
}

// signers lists those who bear the issuer's name and are not on the path, most
// likely ones first. circle says that one was left out that is.
func (w *walk) signers(path Path) (list []*Certificate, circle bool) {
	last := path[len(path)-1]
	if last.Issuer.Empty() {
		return nil, false
	}
	var seen []*Certificate
	known := map[[sha256.Size]byte]bool{}
	for _, pool := range w.Pools {
		for _, c := range pool.Named(last.Issuer) {
			onPath := slices.ContainsFunc(path, func(p *Certificate) bool { return p.sameCA(c) })
			circle = circle || onPath
			if !onPath && !known[c.Fingerprint] {
				known[c.Fingerprint] = true
				seen = append(seen, c)
			}
		}
	}
	rank := func(c *Certificate) int {
		_, key := last.MayBeFrom(c)
		switch {
		case key && w.Anchor(c):
			return 0
		case key:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(seen, func(a, b *Certificate) int { return rank(a) - rank(b) })
	return seen, circle
}

// sameCA: the same name and key, maybe certified by another. A path that comes by
// twice runs in a circle.
func (c *Certificate) sameCA(other *Certificate) bool {
	return c.Fingerprint == other.Fingerprint || c.Subject.Equal(other.Subject) && string(c.Key.DER) == string(other.Key.DER)
}

// signedBy checks a signature, each one once.
func (w *walk) signedBy(child, signer *Certificate) error {
	key := pair{child, signer}
	if err, done := w.checked[key]; done {
		return err
	}
	if len(w.checked) >= maxChecks {
		return errTooMany
	}
	err := child.CheckSignature(signer.Key)
	w.checked[key] = err
	return err
}
