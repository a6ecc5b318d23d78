package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// The framing of Microsoft's simulator (TPMCmd/Simulator, TpmTcpProtocol.h): a
// code, and for a command the locality and its size. An answer comes with its size
// before it and a word of zeros after it. go-tpm's transport reads over a word
// that is not zero, and does not read an answer that comes in pieces.
const (
	mssimSendCommand = 8  // on the command port
	mssimPowerOn     = 1  // on the platform port
	mssimNVOn        = 11 // on the platform port
)

// mssim is a connection to a simulator.
type mssim struct{ command, platform net.Conn }

// dialMSSIM connects to a simulator and switches it on, which a running one
// ignores. (go-tpm's tpmutil/mssim would power-cycle it, and with that change what
// is only to be looked at.)
func dialMSSIM(ctx context.Context, host string) (transport.TPMCloser, error) {
	h, p, err := net.SplitHostPort(host)
	if err != nil {
		return nil, openError("mssim "+host, err)
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return nil, openError("mssim "+host, err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	m, err := openMSSIM(ctx, host, net.JoinHostPort(h, strconv.Itoa(port+1)))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("%w: mssim %s does not answer: %w", ErrBusy, host, ctx.Err())
	case err != nil:
		return nil, openError("mssim "+host, err)
	}
	return &started{TPMCloser: m}, nil
}

func openMSSIM(ctx context.Context, command, platform string) (*mssim, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", command)
	if err != nil {
		return nil, err
	}
	p, err := d.DialContext(ctx, "tcp", platform)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	m := &mssim{c, p}
	// The signals are awaited no longer than the context lives.
	stop := context.AfterFunc(ctx, func() { p.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	for _, signal := range []uint32{mssimPowerOn, mssimNVOn} {
		_, err := p.Write(binary.BigEndian.AppendUint32(nil, signal))
		if err == nil {
			err = acknowledged(p)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%w: switch it on: %w", ErrNoDevice, err), m.Close())
		}
	}
	return m, nil
}

// acknowledged reads the word that ends every exchange.
func acknowledged(c net.Conn) error {
	word := make([]byte, 4)
	if n, err := io.ReadFull(c, word); err != nil {
		return cut(n, err)
	}
	if code := binary.BigEndian.Uint32(word); code != 0 {
		return framingError(fmt.Sprintf("the word that ends the answer is %#x instead of 0", code))
	}
	return nil
}

// Send implements transport.TPM.
func (m *mssim) Send(cmd []byte) ([]byte, error) {
	if pending(m.command) {
		return nil, errUnasked
	}
	frame := binary.BigEndian.AppendUint32(nil, mssimSendCommand)
	frame = append(frame, 0) // locality
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(cmd)))
	if _, err := m.command.Write(append(frame, cmd...)); err != nil {
		return nil, err
	}
	word := make([]byte, 4)
	if n, err := io.ReadFull(m.command, word); err != nil {
		return nil, cut(n, err)
	}
	size := binary.BigEndian.Uint32(word)
	if size < responseHeader || size > maxResponse {
		return nil, framingError(fmt.Sprintf("the size before the answer is %d", size))
	}
	rsp := make([]byte, size)
	if n, err := io.ReadFull(m.command, rsp); err != nil {
		return nil, cut(len(word)+n, err)
	}
	if err := acknowledged(m.command); err != nil {
		if errors.Is(err, io.EOF) {
			err = framingError("the word that ends the answer is missing")
		}
		return nil, err
	}
	if pending(m.command) {
		return nil, errUnasked
	}
	return rsp, nil
}

// Close implements transport.TPMCloser.
func (m *mssim) Close() error { return errors.Join(m.command.Close(), m.platform.Close()) }

// started is a simulator after TPM2_Startup, which on a real machine the
// firmware sends.
type started struct {
	transport.TPMCloser
	tried bool
}

// Send implements transport.TPM.
func (s *started) Send(cmd []byte) ([]byte, error) {
	rsp, err := s.TPMCloser.Send(cmd)
	if err != nil || responseCode(rsp) != tpm2.TPMRCInitialize || s.tried {
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
