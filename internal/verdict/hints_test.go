package verdict

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/dps"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// What to do about a password depends on whose it is, and whether there is one.
func TestAuthHint(t *testing.T) {
	for _, row := range []struct {
		err  tpm.AuthError
		want string
	}{
		{tpm.AuthError{Handle: 0x40000001}, "--owner-auth-file FILE"},
		{tpm.AuthError{Handle: 0x4000000b}, "--endorsement-auth-file FILE"},
		{tpm.AuthError{Handle: 0x40000001, None: true}, "leave --owner-auth-file out"},
		{tpm.AuthError{Handle: 0x4000000b, None: true}, "leave --endorsement-auth-file out"},
		{tpm.AuthError{Handle: tpm.HandleSRK}, "tpm2_evictcontrol -c 0x81000001, then tpmdps read-ek --persist"},
		{tpm.AuthError{Handle: tpm.HandleEK}, "tpm2_evictcontrol -c 0x81010001, then tpmdps read-ek --persist"},
		{tpm.AuthError{Handle: 0x81000100}, "tpm2_readpublic -c 0x81000100; if nothing needs it: tpm2_evictcontrol -c 0x81000100"},
		{tpm.AuthError{Handle: 0x01c00002}, "tpm2_nvreadpublic 0x01c00002"},
		{tpm.AuthError{Handle: 0x80000000}, "the key has no password"},
	} {
		v := Of(fmt.Errorf("read: %w", &row.err))
		if !strings.Contains(v.Hint, row.want) {
			t.Errorf("%+v: %q, want %q", row.err, v.Hint, row.want)
		}
	}
	if got := authHint(&tpm.AuthError{}); got != "" {
		t.Errorf("a password of nobody knows what: %q", got)
	}
}

func TestOccupiedHint(t *testing.T) {
	for handle, want := range map[uint32]string{
		tpm.HandleEK:  "look at what is there: tpm2_readpublic -c 0x81010001; if nothing needs it: " + HowToReplaceEK + "; " + WhoStoresEKs,
		tpm.HandleSRK: "look at what is there: tpm2_readpublic -c 0x81000001; if nothing needs it: tpm2_evictcontrol -C o -c 0x81000001",
		0x81000100:    "look at what is there: tpm2_readpublic -c 0x81000100; if nothing needs it: tpm2_evictcontrol -C o -c 0x81000100",
	} {
		if got := Of(fmt.Errorf("store: %w", &tpm.OccupiedError{Handle: handle})).Hint; got != want {
			t.Errorf("%#x: %q, want %q", handle, got, want)
		}
	}
	if got := occupiedHint(errors.New("other"), "else"); got != "else" {
		t.Errorf("an error about no handle: %q", got)
	}
}

// An interrupted run says where it was, and stays a canceled one.
func TestInterrupted(t *testing.T) {
	plain := Interrupted(errors.New("read: canceled"))
	if plain.Error() != "interrupted" || !errors.Is(plain, context.Canceled) {
		t.Errorf("%v", plain)
	}
	at := Interrupted(fmt.Errorf("run: %w", &provision.StepError{Step: "chip", Err: context.Canceled}))
	var step *provision.StepError
	if !errors.As(at, &step) || step.Step != "chip" || !errors.Is(at, context.Canceled) || !strings.Contains(at.Error(), "interrupted") {
		t.Errorf("%v", at)
	}
}

// What the service said is found however deep it is in an error.
func TestServedIn(t *testing.T) {
	for _, row := range []struct {
		err  error
		want Served
	}{
		{nil, Served{}},
		{errors.New("other"), Served{}},
		{&dps.Error{Status: 401, Code: 401002, TrackingID: "t", RequestID: "r"}, Served{401, 401002, "t"}},
		{&dps.Error{Status: 503, RequestID: "r"}, Served{503, 0, "r"}},
		{&dps.AnswerError{Status: 302}, Served{302, 0, ""}},
		{&provision.RegistrationError{Code: 400207}, Served{200, 400207, ""}},
	} {
		for range 3 {
			if got := ServedIn(row.err); got != row.want {
				t.Errorf("%v: %+v, want %+v", row.err, got, row.want)
			}
			if row.err != nil {
				row.err = errors.Join(errors.New("first"), fmt.Errorf("doing: %w", row.err))
			}
		}
	}
}

// The response that counts is the one by which an error is what it is, not that of
// the clean-up.
func TestResponseIn(t *testing.T) {
	busy, auth := &tpm.ResponseError{Code: 0x922}, &tpm.ResponseError{Code: 0x98e}
	for _, row := range []struct {
		err  error
		is   error
		want *tpm.ResponseError
	}{
		{busy, busy, busy}, {busy, auth, nil}, {nil, busy, nil}, {errors.New("other"), busy, nil},
		{fmt.Errorf("doing: %w", busy), busy, busy},
		{errors.Join(busy, auth), auth, auth}, {errors.Join(busy, auth), busy, busy},
		{fmt.Errorf("a: %w, then %w", errors.New("x"), errors.Join(auth, busy)), busy, busy},
	} {
		if got := responseIn(row.err, row.is); got != row.want {
			t.Errorf("in %v: %v, want %v", row.err, got, row.want)
		}
	}
}

// The tables are those that are searched, and who gets one cannot change them.
func TestTableIsACopy(t *testing.T) {
	all, hints := Table(), Hints()
	if len(all) < 40 || len(hints) < len(all) {
		t.Fatalf("%d rows and %d hints", len(all), len(hints))
	}
	for _, row := range all {
		if row.Is == nil || row.Code == 0 || !slices.Contains(hints, row.Hint) {
			t.Errorf("%+v", row)
		}
	}
	want := all[0].Code
	all[0].Code = -1
	if Table()[0].Code != want {
		t.Error("the table itself is handed out")
	}
}
