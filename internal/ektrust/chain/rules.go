package chain

import (
	"errors"
	"fmt"
)

// Kind says why there is no path.
type Kind int

// Kinds, the one that says less first.
const (
	// Missing: what is there is right, and a signer's certificate is not there.
	Missing Kind = iota
	// Unanchored: the path ends at a root that is not trusted.
	Unanchored
	// Refused: a certificate is wrong, or may not have signed the one before.
	Refused
)

// Codes of [NoPath], for scripts.
const (
	CodeIssuer    = "missing-issuer"
	CodeUnpinned  = "unknown-root"
	CodeSignature = "signature"
	CodeAlgorithm = "algorithm"
	CodeSHA1      = "sha1"
	CodeCA        = "not-a-ca"
	CodeUsage     = "key-usage"
	CodeLength    = "path-length"
	CodeNames     = "name-constraints"
	CodeCritical  = "critical-extension"
	CodeCircle    = "circle"
	CodeExpiredCA = "expired-ca"
	CodeTooLong   = "too-long"
	CodeTooMany   = "too-many"
)

// NoPath is why no path was found: of all that were tried, the one that came
// furthest.
type NoPath struct {
	Kind Kind
	// Code is one of the constants, for scripts.
	Code string
	// Text is a sentence without a full stop.
	Text string
	// Path is as far as it was right; its last certificate is the one whose signer
	// is missing or was refused.
	Path Path
}

// Error is the sentence.
func (n *NoPath) Error() string { return n.Text }

var errTooMany = errors.New("too many certificates bear the same names")

func refused(code, format string, a ...any) *NoPath {
	return &NoPath{Kind: Refused, Code: code, Text: fmt.Sprintf(format, a...)}
}

// report keeps what is worth more: a longer path, or what says more. It returns nil,
// no path.
func (w *walk) report(path Path, fault *NoPath) Path {
	fault.Path = path
	if w.best == nil || len(path) > len(w.best.Path) || len(path) == len(w.best.Path) && fault.Kind > w.best.Kind {
		w.best = fault
	}
	return nil
}

// whose names the last certificate of a path for a sentence.
func whose(path Path) string {
	if len(path) == 1 {
		return "the certificate"
	}
	return "the CA " + path[len(path)-1].Subject.String()
}

func tooMany() *NoPath {
	return refused(CodeTooMany, "no path was found within %d signatures and %d certificates: %v", maxChecks, maxSteps, errTooMany)
}

func signatureFault(path Path, signer *Certificate, err error) *NoPath {
	switch {
	case errors.Is(err, ErrAlgorithm):
		return refused(CodeAlgorithm, "the signature of %s cannot be checked: %v", whose(path), err)
	case errors.Is(err, errTooMany):
		return tooMany()
	}
	return refused(CodeSignature, "%s was not signed by %s, whose name it bears: it was altered or is forged", whose(path), signer.Subject)
}

// judge says why signer may not have signed the last certificate of the path, whose
// signature is right: RFC 5280, 6.1.4. It is nil where it may.
func (w *walk) judge(path Path, signer *Certificate) *NoPath {
	last, name := path[len(path)-1], signer.Subject
	switch {
	case len(signer.UnknownCritical) > 0:
		return refused(CodeCritical, "the CA %s has a critical extension that is not known here (%s)", name, signer.UnknownCritical[0])
	case !signer.CA:
		return refused(CodeCA, "%s is not a CA by its certificate, and signed %s", name, whose(path))
	case signer.HasUsage && signer.Usage&UsageCertSign == 0:
		return refused(CodeUsage, "the key of %s is not for signing certificates", name)
	case signer.PathLength >= 0 && below(path) > signer.PathLength:
		return refused(CodeLength, "the CA %s allows %d CAs below it, and there are %d", name, signer.PathLength, below(path))
	case signer.NameConstraints:
		return refused(CodeNames, "the CA %s is bound to certain names (name constraints), which are not evaluated here", name)
	case signer.NotAfter.Before(w.leaf.NotBefore):
		return refused(CodeExpiredCA, "the CA %s had run out on %s, before the certificate was issued on %s",
			name, signer.NotAfter.Format("2006-01-02"), w.leaf.NotBefore.Format("2006-01-02"))
	case last.SHA1() && !w.sha1Counts(path, signer):
		return refused(CodeSHA1, "%s is signed with SHA-1, which counts only for CAs that are pinned by their own bytes", whose(path))
	}
	if w.Refuse != nil && !w.Anchor(signer) {
		if code, text := w.Refuse(signer); code != "" {
			return refused(code, "the CA %s %s", name, text)
		}
	}
	return nil
}

// sha1Counts: of the two texts that somebody can make to one hash of SHA-1, one
// would have to be signed by the CA. A CA that was certified so is safe where its own
// bytes are known, and a chip's certificate where those of its CA are, which is one
// of an age in which nobody could do it yet.
func (w *walk) sha1Counts(path Path, signer *Certificate) bool {
	if len(path) == 1 && !path[0].CA {
		return w.Pinned(signer)
	}
	return w.Pinned(path[len(path)-1])
}

// below counts the CAs of a path that count for a path length: not the leaf, and
// not those that certified themselves under another key.
func below(path Path) int {
	n := 0
	for _, c := range path[1:] {
		if !c.SelfIssued() {
			n++
		}
	}
	return n
}
