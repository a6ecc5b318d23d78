package tpm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// reluctant is a chip that answers with a code the first times, or always.
type reluctant struct {
	code  uint32
	times int // below 0: always
	sent  []tpm2.TPMCC
	at    []time.Duration
	start time.Time
}

func (r *reluctant) Send(cmd []byte) ([]byte, error) {
	if r.start.IsZero() {
		r.start = time.Now()
	}
	r.sent, r.at = append(r.sent, commandOf(cmd)), append(r.at, time.Since(r.start))
	if r.times != 0 {
		r.times--
		return answerOf(tpm2.TPMRC(r.code)), nil
	}
	return answerOf(tpm2.TPMRCSuccess), nil
}

func flushCommand() []byte {
	return append(commandHeader(tpm2.TPMCCFlushContext, 14), 0x80, 0, 0, 0)
}

func commandHeader(cc tpm2.TPMCC, size byte) []byte {
	return []byte{0x80, 1, 0, 0, 0, size, 0, 0, byte(cc >> 8), byte(cc)}
}

// The codes that ask for a repeat get one: with pauses that double to a second,
// for as long as each may last, and whoever watches is told once.
func TestRepeats(t *testing.T) {
	for _, tt := range []struct {
		code uint32
		want time.Duration
		says string // what is told; empty for a code that is not repeated
	}{
		{0x908, 10 * time.Second, "the TPM postponed a command; waiting up to 10 s"},
		{0x909, 10 * time.Second, "the system cancelled a command of the TPM; waiting up to 10 s"},
		{0x922, 10 * time.Second, "the TPM is busy; waiting up to 10 s"},
		{0x90a, time.Minute, "the TPM is testing itself; waiting up to 60 s"},
		{0x920, time.Minute, "the TPM limits writes to its non-volatile memory; waiting up to 60 s"},
		{0x923, time.Minute, "the TPM's non-volatile memory is not available; waiting up to 60 s"},
		{0xb0922, 10 * time.Second, "the TPM is busy; waiting up to 10 s"},
		{0xc090a, time.Minute, "the TPM is testing itself; waiting up to 60 s"},
		{0xa0009, 10 * time.Second, "the TPM's resource manager is busy; waiting up to 10 s"},
		{0x8028090a, time.Minute, "the TPM is testing itself; waiting up to 60 s"},
		{0x80280802, time.Minute, "the TPM is testing itself; waiting up to 60 s"},
		{0x921, 0, ""},
		{0x902, 0, ""},
		{0x009, 0, ""},
		{0x153, 0, ""},
		{0xa000a, 0, ""},
	} {
		t.Run(fmt.Sprintf("%#x", tt.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chip := &reluctant{code: tt.code, times: -1}
				var notices []string
				g := newGuard(t.Context(), chip, nil)
				g.waiting = func(what string) { notices = append(notices, what) }
				rsp, err := g.Send(commandHeader(tpm2.TPMCCLoad, 10))
				if err != nil || responseCode(rsp) != responseCode(withoutLayer(answerOf(tpm2.TPMRC(tt.code)))) {
					t.Fatalf("Send() = %x, %v", rsp, err)
				}
				took := chip.at[len(chip.at)-1]
				if took > tt.want || took < tt.want-2*time.Second {
					t.Errorf("repeated for %s, want %s", took, tt.want)
				}
				if tt.says == "" && len(chip.sent) != 1 || tt.says != "" && !slices.Equal(notices, []string{tt.says}) {
					t.Errorf("sent %d times, told %q", len(chip.sent), notices)
				}
				for i := 1; i < len(chip.at); i++ {
					if pause := chip.at[i] - chip.at[i-1]; pause > time.Second || i <= 10 && pause != time.Millisecond<<(i-1) {
						t.Errorf("pause %d is %s", i, pause)
					}
				}
				// The next command is not waited for as long again.
				before := time.Now()
				if _, err := g.Send(flushCommand()); err != nil || time.Since(before) > time.Second {
					t.Errorf("a second command took %s, %v", time.Since(before), err)
				}
			})
		})
	}
}

// After the repeats that it asked for the chip's answer counts, and short waits
// are not told.
func TestRepeatsEnd(t *testing.T) {
	for code := range repeats {
		for times := range 10 {
			synctest.Test(t, func(t *testing.T) {
				chip := &reluctant{code: uint32(code), times: times}
				g := newGuard(t.Context(), chip, nil)
				g.waiting = func(what string) { t.Errorf("%#x %d times: told %q", uint32(code), times, what) }
				rsp, err := g.Send(commandHeader(tpm2.TPMCCEvictControl, 10))
				if err != nil || responseCode(rsp) != tpm2.TPMRCSuccess || len(chip.sent) != times+1 {
					t.Errorf("%#x %d times: %x, %v, sent %d times", uint32(code), times, rsp, err, len(chip.sent))
				}
			})
		}
	}
}

// A transport of go-tpm's own repeats TPM_RC_RETRY itself, and returns nothing when
// it has enough: that is the code, too.
func TestNothingIsRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		g := newGuard(t.Context(), fake(func([]byte) ([]byte, error) {
			time.Sleep(2 * time.Second)
			if sent++; sent < 4 {
				return nil, nil
			}
			return answerOf(tpm2.TPMRCSuccess), nil
		}), nil)
		if rsp, err := g.Send(commandHeader(tpm2.TPMCCEvictControl, 10)); err != nil || responseCode(rsp) != tpm2.TPMRCSuccess || sent != 4 {
			t.Errorf("Send() = %x, %v after %d commands", rsp, err, sent)
		}
	})
}

// The end of the context ends a wait at once. What was awaited is in the error of
// a deadline; an interruption is one. Clean-up is repeated all the same, for a
// little.
func TestContextEndsWait(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want error
	}{
		"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5500*time.Millisecond)
		}, ErrBusy},
		"interruption": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(5500*time.Millisecond, cancel)
			return ctx, cancel
		}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := tt.end(t.Context())
				defer cancel()
				chip := &reluctant{code: 0x90a, times: -1}
				start := time.Now()
				d := &Device{t: newGuard(ctx, chip, nil)}
				_, err := run(d, "ask", tpm2.ReadPublic{ObjectHandle: tpm2.TPMHandle(0x81010001)})
				if took := time.Since(start); took != 5500*time.Millisecond {
					t.Errorf("it took %s", took)
				}
				var refused *ResponseError
				if !errors.Is(err, tt.want) || !errors.As(err, &refused) || refused.Code != 0x90a {
					t.Errorf("%v, want %v with the code", err, tt.want)
				}
				chip.sent, chip.times = nil, 3
				if err := d.flush(0x80000000); err != nil || len(chip.sent) != 4 {
					t.Errorf("flush = %v, sent %d times", err, len(chip.sent))
				}
				chip.times, start = -1, time.Now()
				if err := d.flush(0x80000000); !errors.Is(err, ErrBusy) || time.Since(start) > cleanupLimit+lastPause {
					t.Errorf("flush = %v after %s", err, time.Since(start))
				}
			})
		})
	}
}

// A connection that ends, and an answer that is no TPM's, are not repeated.
func TestNoRepeatWithoutACode(t *testing.T) {
	for name, answer := range map[string]func() ([]byte, error){
		"end":     func() ([]byte, error) { return nil, io.EOF },
		"garbage": func() ([]byte, error) { return []byte("HTTP/1.1 200"), nil },
		"TPM 1.2": func() ([]byte, error) { return []byte{0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0x1e}, nil },
	} {
		sent := 0
		g := newGuard(t.Context(), fake(func([]byte) ([]byte, error) { sent++; return answer() }), nil)
		if _, err := g.Send(flushCommand()); err == nil || sent != 1 {
			t.Errorf("%s: %v after %d commands", name, err, sent)
		}
	}
}
