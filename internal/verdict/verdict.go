// Package verdict is the one table from an error to its exit code and to what to do next.
// It knows the errors of all stages, and prints nothing.
package verdict

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/hub"
	"tpmdps/internal/identity"
	"tpmdps/internal/network"
	"tpmdps/internal/provision"
	"tpmdps/internal/secretfile"
	"tpmdps/internal/tpm"
)

// hinter is an error that knows what to do about it.
type hinter interface {
	error
	Hint() string
}

// Of finds exit code and hint for an error.
func Of(err error) Verdict {
	for _, e := range exits {
		if errors.Is(err, e.Is) {
			return e.fitted(err)
		}
	}
	return unlisted(err)
}

// fitted is a row of the table with the hint for one of its errors: several know more
// than the row.
func (e Verdict) fitted(err error) Verdict {
	var format *identity.FormatError
	var auth *tpm.AuthError
	var failed *provision.StepError
	switch {
	case e.Is == tpm.ErrOccupied:
		e.Hint = occupiedHint(err, e.Hint)
	case e.Is == tpm.ErrAuth && errors.As(err, &auth):
		e.Hint = cmp.Or(authHint(auth), e.Hint)
	case e.Is == network.ErrCertificate && ofEmulator(err):
		e.Hint = hintOtherEmulator
	}
	if e.Is != identity.ErrSample && errors.As(err, &format) {
		e.Hint = formatHint(format, e.Hint)
	}
	e.Hint = codeHint(err, e)
	e.Hint = refusedHint(err, e)
	if knows := hinter(nil); errors.As(err, &knows) && errors.Is(knows, e.Is) {
		e.Hint = cmp.Or(knows.Hint(), e.Hint)
	}
	if errors.As(err, &failed) {
		e.Hint = failed.Names.Carry(e.Hint)
	}
	return e
}

// unlisted is for errors that have no row: those of other packages, by their types.
func unlisted(err error) Verdict {
	var format *identity.FormatError
	var (
		service *dps.Error
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		network net.Error
		file    *fs.PathError
	)
	cause, isDisk := disk.Find(err)
	switch {
	case errors.As(err, &service):
		return serviceVerdict(service)
	case errors.As(err, &format):
		return Verdict{Code: 14, Hint: formatHint(format, "")}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Verdict{Code: 22, Hint: hintClock}
	case ofEmulator(err):
		return Verdict{Code: 21, Hint: hintOtherEmulator}
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert):
		return Verdict{Code: 21, Hint: "if a proxy inspects TLS here, give its CA with --ca-file; otherwise check the host name"}
	// A system error counts as one of the network's (syscall.Errno has its
	// methods), so the files' come first.
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, secretfile.ErrEmpty):
		return Verdict{Code: 2}
	case isDisk:
		return Of(cause)
	case errors.As(err, &file) && errors.Is(err, syscall.EPIPE):
		return Verdict{Code: 1, Hint: "the program that read the output has ended; it, or the pipe, is where to look"}
	case errors.As(err, &file):
		return Verdict{Code: 1}
	case errors.Is(err, context.DeadlineExceeded):
		return Verdict{Code: 20, Hint: "timed out: check the network, or raise --timeout"}
	case isBroken(err):
		return Verdict{Code: 20, Hint: hintBroken}
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Verdict{Code: 20, Hint: "check cable, name resolution and firewall (port 443 out), and HTTPS_PROXY"}
	}
	return Verdict{Code: 1, Hint: "unexpected error; please report it and attach the output of -v"}
}

// isBroken: within verdict, network is a variable.
var isBroken = network.Broken

// hintBroken is for an answer that did not come to its end.
const hintBroken = "name, connection and TLS were in order, and the answer broke off: try again; if it persists, a proxy or firewall on the way cuts connections or inspects TLS (HTTPS_PROXY)"

// hintOtherEmulator is for an emulator that is not trusted here.
const hintOtherEmulator = "an emulator answers, of another run or directory than the one that is trusted here: set -a; . DIR/emulator.env; set +a"

// ofEmulator tells whether a certificate that is not trusted is an emulator's.
func ofEmulator(err error) bool {
	var verify *tls.CertificateVerificationError
	if errors.As(err, &verify) {
		return slices.ContainsFunc(verify.UnverifiedCertificates, func(c *x509.Certificate) bool {
			return strings.HasPrefix(c.Issuer.CommonName, emulator.AuthorityName)
		})
	}
	return errors.Is(err, network.ErrCertificate) && strings.Contains(err.Error(), emulator.AuthorityName)
}

func formatHint(f *identity.FormatError, otherwise string) string {
	switch {
	case f.Convert != "":
		return f.Advice + "; as DPS accepts it: " + f.Convert
	case f.Advice != "":
		return f.Advice
	}
	return otherwise
}

// Retry says whether the same command may succeed by itself later, and how many seconds
// the service asks to wait; 0 where it does not say. Of a chip that only waits: a
// password that is refused is not to be tried in a loop.
func Retry(err error, code int) (retryable bool, seconds int64) {
	var refused *dps.Error
	if errors.As(err, &refused) {
		seconds = int64((refused.RetryAfter + time.Second - 1) / time.Second)
	}
	switch code {
	case 20, 32:
		return true, seconds
	case 12:
		return errors.Is(err, tpm.ErrBusy) || errors.Is(err, tpm.ErrResources), seconds
	case 34:
		return errors.Is(err, hub.ErrUnavailable), seconds
	}
	return false, seconds
}

// hintAnswer is for a chip whose answer cannot be used.
const hintAnswer = "run it again; if it persists, switch the machine off and on; then the chip, or what stands between it and this program, is broken"
