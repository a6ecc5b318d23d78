package ektrust

import (
	"crypto/sha256"
	"fmt"
	"time"

	"tpmdps/internal/ektrust/chain"
)

// revoked looks for every certificate of a path in the lists of its issuer.
func (s *Store) revoked(v *Verdict, path chain.Path, now time.Time) bool {
	if !s.hasCRLs {
		return false
	}
	found := false
	for i, c := range path[:len(path)-1] {
		issuer := path[i+1]
		listed := false
		for _, l := range s.crls {
			if !l.Covers(c) {
				continue
			}
			if err := s.checkList(l, issuer); err != nil {
				v.Notes = append(v.Notes, fmt.Sprintf("%s was not used: %v", l.Name, err))
				continue
			}
			listed = true
			if l.Expired(now) {
				v.Notes = append(v.Notes, fmt.Sprintf("%s, the list of revoked certificates of %s, is old: a new one was due on %s",
					l.Name, issuer.Subject, l.NextUpdate.Format(time.DateOnly)))
			}
			if at, is := l.Revoked(c); is {
				found = true
				whose := "the EK certificate"
				if i > 0 {
					whose = "the CA " + c.Subject.String()
				}
				v.because(Untrusted, CodeRevoked, fmt.Sprintf("%s was revoked on %s, says %s", whose, at.Format(time.DateOnly), l.Name))
			}
		}
		if !listed && len(c.CRLURLs) > 0 {
			v.Notes = append(v.Notes, fmt.Sprintf("no list of revoked certificates of %s is there; it is to be had at %s", issuer.Subject, c.CRLURLs[0]))
		}
	}
	return found
}

// listOf is a list and the CA that it may be from.
type listOf struct {
	list *chain.CRL
	ca   [sha256.Size]byte
}

// checkList checks the signature of a list, once for each CA.
func (s *Store) checkList(l *chain.CRL, ca *chain.Certificate) error {
	key := listOf{l, ca.Fingerprint}
	if known, done := s.signedLists.Load(key); done {
		err, _ := known.(error)
		return err
	}
	err := l.CheckSignature(ca, s.pinned(ca))
	s.signedLists.Store(key, err)
	return err
}
