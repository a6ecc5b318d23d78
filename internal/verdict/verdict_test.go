package verdict

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"tpmdps/internal/commandline"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/enroll"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/inventory"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// Errors of several layers come out as the cause, not as what wrapped it.
func TestVerdict(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("doing: %w", err) }
	for _, tt := range []struct {
		err  error
		code int
	}{
		{errors.New("a surprise"), 1},
		{wrap(io.EOF), 20},
		{wrap(io.ErrUnexpectedEOF), 20},
		{wrap(&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}), 20},
		{wrap(context.DeadlineExceeded), 20},
		{wrap(&fs.PathError{Op: "write", Path: "batch.jsonl", Err: syscall.ENOSPC}), 1},
		{wrap(&fs.PathError{Op: "open", Path: "batch.jsonl", Err: syscall.ENOENT}), 2},
		{wrap(syscall.ENOSPC), 1},
		{wrap(&os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EBUSY}), 1},
		{wrap(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), 21},
		{wrap(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}), 22},
		{wrap(&dps.Error{Status: 401}), 30},
		{wrap(&dps.Error{Status: 403}), 30},
		{wrap(&dps.Error{Status: 400, Code: 400004}), 14},
		{wrap(&dps.Error{Status: 412}), 15},
		{wrap(&dps.Error{Status: 429}), 32},
		{wrap(&dps.Error{Status: 302}), 21},
		{wrap(&dps.Error{Status: 418}), 21},
		{fmt.Errorf("%w; the last answer was: %w", context.DeadlineExceeded, &dps.Error{Status: 503}), 32},
		{&provision.StepError{Step: "tpm.activate", Err: fmt.Errorf("%w: %w", tpm.ErrOtherChip, tpm.ErrFailure)}, 31},
		{fmt.Errorf("%w: line 3: %w", inventory.ErrDamaged, &identity.FormatError{Is: "x"}), 50},
		{errors.Join(errors.New("close failed"), tpm.ErrLockout), 12},
		{errors.Join(context.Canceled, tpm.ErrNoDevice), 130},
	} {
		if got := Of(tt.err); got.Code != tt.code {
			t.Errorf("Of(%v) = %d, want %d", tt.err, got.Code, tt.code)
		}
	}
	if got := Of(wrap(&fs.PathError{Op: "open", Path: "config.toml", Err: syscall.EACCES})); got.Code != 2 || got.Hint != hintOtherUser {
		t.Errorf("without permission: %+v", got)
	}
}

// An entry that stands behind one that it wraps could never match.
func TestEveryExitMatches(t *testing.T) {
	for _, e := range exits {
		if got := Of(e.Is); got != e {
			t.Errorf("Of(%v) = %d, hint %q; its entry in the table says %d, hint %q", e.Is, got.Code, got.Hint, e.Code, e.Hint)
		}
	}
	if got := Of(fmt.Errorf("config.toml: %w: %w", edge.ErrUnusable, identity.ErrIDScope)); got.Code != 40 {
		t.Errorf("a bad ID scope in a file is exit code %d, want 40", got.Code)
	}
}

// A batch that ends before its last record is no success, although no record
// failed.
func TestEnrollEndsEarly(t *testing.T) {
	done := []batch.Outcome{{}, {}}
	for _, tt := range []struct {
		records int
		ended   error
		code    int
	}{
		{2, nil, 0},
		{2, context.Canceled, 0}, // too late to matter
		{3, context.Canceled, 130},
		{3, context.DeadlineExceeded, 20},
	} {
		code := 0
		if err := batch.Conclude(done, tt.records, tt.ended); err != nil {
			code = Of(err).Code
		}
		if code != tt.code {
			t.Errorf("2 of %d done, then %v: exit code %d, want %d", tt.records, tt.ended, code, tt.code)
		}
	}
}

// Ctrl-C does not replace an error that was there before, and cannot come from it.
func TestInterruptsHideNothing(t *testing.T) {
	full := disk.At("f", &fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC})
	gone := disk.At(disk.Stdout, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EROFS})
	chip := &fs.PathError{Op: "read", Path: "/dev/tpmrm0", Err: fs.ErrClosed}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{context.Canceled, true},
		{fmt.Errorf("dial: %w", context.Canceled), true},
		{&input.WaitError{Name: "stdin", What: "its end did not come", Cause: context.Canceled}, true},
		{net.ErrClosed, true},
		{io.ErrUnexpectedEOF, true},
		{tpm.ErrAnswer, true},
		{chip, true},
		{&fs.PathError{Op: "read", Path: "/dev/tpm0", Err: syscall.EIO}, true},
		{errors.New("signal: killed"), true},
		{full, false},
		{gone, false},
		{errors.Join(full, context.Canceled), false},
		{fmt.Errorf("%w: %w", batch.ErrNoIntent, full), false},
		{&batch.OffRecordError{Err: fmt.Errorf("%w: %w", batch.ErrOffRecord, full)}, false},
		{&batch.OffRecordError{Err: fmt.Errorf("%w: %w", batch.ErrOffRecord, context.Canceled)}, false},
		{commandline.ErrUsage, false},
		{enroll.ErrConflict, false},
		{provision.ErrNotEnrolled, false},
		{&dps.Error{Status: 412}, false},
		{fmt.Errorf("%w: %w", inventory.ErrDamaged, &identity.FormatError{Is: "x"}), false},
	} {
		if got := Interrupts(tt.err); got != tt.want {
			t.Errorf("Interrupts(%v) = %v", tt.err, got)
		}
	}
}
