package tpm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/tcp"
)

// dialMSSIM connects to a simulator that speaks Microsoft's framing and switches
// it on, which a running one ignores. (go-tpm's tpmutil/mssim would power-cycle
// it, and with that change what is only to be looked at.)
//
// go-tpm's transport knows no deadline before the first command, so opening runs
// beside a limit; one that never answers keeps its goroutine until the program
// ends.
func dialMSSIM(ctx context.Context, host string) (transport.TPMCloser, error) {
	type opened struct {
		t   transport.TPMCloser
		err error
	}
	done := make(chan opened, 1)
	go func() {
		t, err := openMSSIM(host)
		done <- opened{t, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	select {
	case o := <-done:
		return o.t, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: mssim %s does not answer: %w", ErrBusy, host, ctx.Err())
	}
}

func openMSSIM(host string) (transport.TPMCloser, error) {
	h, p, err := net.SplitHostPort(host)
	if err != nil {
		return nil, openError("mssim "+host, err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return nil, openError("mssim "+host, err)
	}
	t, err := tcp.Open(tcp.Config{CommandAddress: host, PlatformAddress: net.JoinHostPort(h, strconv.Itoa(port+1))})
	if err != nil {
		return nil, openError("mssim "+host, err)
	}
	if err := t.PowerOn(); err != nil {
		return nil, openError("mssim "+host, errors.Join(err, t.Close()))
	}
	s := &started{TPMCloser: t}
	return s, nil
}

// started is a simulator after TPM2_Startup, which on a real machine the
// firmware sends.
type started struct {
	transport.TPMCloser
	tried bool
}

func (s *started) Send(cmd []byte) ([]byte, error) {
	rsp, err := s.TPMCloser.Send(cmd)
	if err != nil || len(rsp) < responseHeader || responseCode(rsp) != tpm2.TPMRCInitialize || s.tried {
		return rsp, err
	}
	_, err = tpm2.Startup{StartupType: tpm2.TPMSUClear}.Execute(s.TPMCloser)
	var refused tpm2.TPMRC
	errors.As(err, &refused)
	_, again := asksForRepeat(refused)
	s.tried = !again
	switch {
	case refused != 0:
		return answerOf(refused), nil // the guard knows what to do about it
	case err != nil:
		return nil, err
	}
	return s.TPMCloser.Send(cmd)
}
