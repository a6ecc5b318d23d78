package verdict

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/audit"
	"tpmdps/internal/commandline"
	"tpmdps/internal/contexttest"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/filelock"
	"tpmdps/internal/input"
	"tpmdps/internal/network"
	"tpmdps/internal/operator"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// What a run can wait for when its time ends: all of it is 20, says to raise the
// time, and keeps the step. What was refused before is what it was.
func TestOvertimeHasOneCode(t *testing.T) {
	over := context.DeadlineExceeded
	for _, tt := range []struct {
		err  error
		code int
	}{
		{over, 20},
		{fmt.Errorf("%w: the TPM: %w", tpm.ErrBusy, over), 20},
		{fmt.Errorf("%w: open: %w", tpm.ErrNoDevice, os.ErrDeadlineExceeded), 20},
		{fmt.Errorf("%w: %w: %w", tpm.ErrNoDevice, tpm.ErrWrongAddress, over), 20},
		{fmt.Errorf("%w: %w", tpm.ErrLost, over), 20},
		{fmt.Errorf("%w: %w", dps.ErrMalformed, over), 20},
		{fmt.Errorf("%w: %w", network.ErrTLS, over), 20},
		{fmt.Errorf("%w: %w", network.ErrProxy, over), 20},
		{fmt.Errorf("%w: %w", network.ErrName, &net.DNSError{IsTimeout: true}), 20},
		{fmt.Errorf("%w: %w", network.ErrConnect, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}), 20},
		{fmt.Errorf("%w: %w", provision.ErrStillAssigning, over), 20},
		{fmt.Errorf("%w: %w", operator.Reasons()[7], over), 20},
		{fmt.Errorf("%w: %w", batch.ErrPartly, over), 20},
		{fmt.Errorf("t: %w: %w", audit.ErrLocked, over), 20},
		{fmt.Errorf("%w: %w", filelock.ErrHeld, over), 20},
		{&input.WaitError{Name: "pipe", What: "its end did not come", Cause: over}, 20},
		{&input.WaitError{Name: "file", What: "", Cause: over}, 20},

		{fmt.Errorf("%w: %w", provision.ErrUnavailable, over), 32},
		{fmt.Errorf("%w; the last answer was: %w", over, &dps.Error{Status: 503}), 32},
		{fmt.Errorf("%w: %w", provision.ErrNotEnrolled, over), 31},
		{errors.Join(&disk.Error{Cause: disk.Full, Err: errors.New("full")}, over), 1},
		{errors.Join(commandline.ErrUsage, over), 2},
		{tpm.ErrBusy, 12},
		{tpm.ErrNoDevice, 10},
		{dps.ErrMalformed, 21},
	} {
		ctx, expire := contexttest.WithDeadline(t)
		expire()
		<-ctx.Done()
		err := Overtime(ctx, &provision.StepError{Step: "tpm.ek", Err: tt.err})
		v := Of(err)
		if v.Code != tt.code || (tt.code == 20) != strings.Contains(v.Hint, "raise --timeout") {
			t.Errorf("%v: exit code %d, hint %q; want %d", tt.err, v.Code, v.Hint, tt.code)
		}
		var step *provision.StepError
		if !errors.As(err, &step) || step.Step != "tpm.ek" {
			t.Errorf("%v: the step is lost: %v", tt.err, err)
		}
		if fresh := Overtime(t.Context(), tt.err); errors.Is(fresh, ErrOvertime) {
			t.Errorf("%v is one of the run's time, which is not over", tt.err)
		}
	}
}

// What is worth another try says so.
func TestRetryableErrors(t *testing.T) {
	for _, tt := range []struct {
		err     error
		want    bool
		seconds int64
	}{
		{&dps.Error{Status: 429, Form: dps.FormDPS, RetryAfter: 1500 * time.Millisecond}, true, 2},
		{fmt.Errorf("%w: %w", provision.ErrUnavailable, &dps.Error{Status: 503, RetryAfter: 9 * time.Second}), true, 9},
		{overtimeError{tpm.ErrBusy}, true, 0},
		{tpm.ErrBusy, true, 0},
		{tpm.ErrLockout, false, 0},
		{tpm.ErrAuth, false, 0},
		{tpm.ErrFailure, false, 0},
		{provision.ErrNotEnrolled, false, 0},
	} {
		if got, seconds := Retry(tt.err, Of(tt.err).Code); got != tt.want || seconds != tt.seconds {
			t.Errorf("%v: %v after %d s, want %v after %d", tt.err, got, seconds, tt.want, tt.seconds)
		}
	}
}
