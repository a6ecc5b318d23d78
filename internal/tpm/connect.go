package tpm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-tpm/tpm2/transport"
)

// dialLimit bounds connecting to a socket: it is on this machine or next to it.
const dialLimit = 5 * time.Second

// connect opens the transport for an address, and returns the address that was
// really used.
func connect(ctx context.Context, addr Address) (Address, transport.TPMCloser, error) {
	switch addr.kind {
	case addressDefault:
		return connectDefault()
	case addressPath:
		resolved, err := resolvePath(addr.path)
		if err != nil {
			return addr, nil, err
		}
		return connect(ctx, resolved)
	case addressDevice:
		t, err := openDevice(addr.path)
		return addr, t, err
	case addressUnix:
		if err := isSocket(addr.path); err != nil {
			return addr, nil, err
		}
		t, err := dial(ctx, addr, "unix", addr.path)
		return addr, t, err
	case addressTCP:
		t, err := dial(ctx, addr, "tcp", addr.host)
		return addr, t, err
	default:
		t, err := dialMSSIM(ctx, addr.host)
		return addr, t, err
	}
}

// resolvePath tells a device from a socket by its file mode.
func resolvePath(path string) (Address, error) {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return Address{}, openError(path, err)
	case fi.Mode()&fs.ModeSocket != 0:
		return Address{kind: addressUnix, path: path}, nil
	case fi.Mode()&fs.ModeCharDevice != 0:
		return Address{kind: addressDevice, path: path}, nil
	case fi.IsDir():
		return Address{}, fmt.Errorf("%w: %s is a directory", ErrNoDevice, path)
	}
	return Address{}, fmt.Errorf("%w: %s is a file, neither a device nor a socket", ErrNoDevice, path)
}

// isSocket says what is there instead of a socket. That nothing is there, connect(2)
// says itself.
func isSocket(path string) error {
	fi, err := os.Stat(path)
	switch {
	case err != nil || fi.Mode()&fs.ModeSocket != 0:
		return nil
	case fi.IsDir():
		return fmt.Errorf("%w: %s is a directory, not a socket", ErrNoDevice, path)
	case fi.Mode()&fs.ModeDevice != 0:
		return fmt.Errorf("%w: %s is a device, not a socket", ErrNoDevice, path)
	}
	return fmt.Errorf("%w: %s is a file, not a socket", ErrNoDevice, path)
}

// ofAddress marks an error as the given address's fault: it names no TPM of a
// machine, so nothing in that machine's firmware is to be looked at. A refusal of
// a TPM that answers is not the address's fault.
func ofAddress(given Address, err error) error {
	var refused *ResponseError
	device := strings.HasPrefix(given.path, "/dev/tpm") || strings.HasPrefix(given.path, "/dev/") && errors.Is(err, fs.ErrNotExist)
	if given.kind == addressDefault || device || !errors.Is(err, ErrNoDevice) || errors.As(err, &refused) {
		return err
	}
	return wrongAddress{err}
}

// wrongAddress is an error that is an [ErrWrongAddress], too.
type wrongAddress struct{ error }

func (w wrongAddress) Unwrap() []error { return []error{w.error, ErrWrongAddress} }

// openError gives the error of an open(2) or connect(2) its meaning. Where the
// transport already gave it one, as that of Windows does, it passes.
func openError(what string, err error) error {
	var refused *ResponseError
	if errors.As(err, &refused) || errors.Is(err, ErrNoDevice) {
		return err
	}
	sentinel := ErrNoDevice
	switch {
	case errors.Is(err, fs.ErrPermission):
		sentinel = ErrPermission
	case errors.Is(err, syscall.EBUSY), errors.Is(err, syscall.EAGAIN): // of a socket: those that wait fill its queue
		sentinel = ErrBusy
	}
	return fmt.Errorf("%w: open %s: %w", sentinel, what, cause(err))
}

// cause takes the operation and path off a system error, since the caller says
// both in its own words.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var oe *net.OpError
	if errors.As(err, &oe) {
		return oe.Err
	}
	return err
}

func dial(ctx context.Context, addr Address, network, target string) (transport.TPMCloser, error) {
	conn, err := (&net.Dialer{Timeout: dialLimit}).DialContext(ctx, network, target)
	if err != nil {
		return nil, dialError(ctx, addr, err)
	}
	return wire{framed{conn}}, nil
}

// dialError tells the end of the run's time from a TPM that is not there. The dialer
// goes by the deadline's clock, now and then a moment before the context does.
func dialError(ctx context.Context, addr Address, err error) error {
	at, limited := ctx.Deadline()
	var way net.Error
	if timedOut := limited && !time.Now().Before(at) || ctx.Err() != nil; timedOut && errors.As(err, &way) && way.Timeout() {
		return timeoutIsBusy(fmt.Errorf("open %s: %w: %w", addr, cause(err), context.DeadlineExceeded))
	}
	return openError(addr.String(), err)
}

// maxResponse is the longest answer: the buffer of the kernel's driver.
const maxResponse = 4096

// wire sends commands over a connection or a device. It does so once, unlike
// go-tpm's transports, which repeat one that is answered with TPM_RC_RETRY: that
// is the guard's, which also knows the other codes and when to stop.
type wire struct{ io.ReadWriteCloser }

// Send implements transport.TPM.
func (w wire) Send(cmd []byte) ([]byte, error) {
	if _, err := w.Write(cmd); err != nil {
		return nil, err
	}
	rsp := make([]byte, maxResponse)
	n, err := w.Read(rsp)
	if err == nil && n == 0 {
		err = io.EOF
	}
	return rsp[:n], err
}

// framed makes a stream carry one message at a time: it reads an answer whole,
// also where the socket delivers it in several pieces, and refuses what is on the
// stream besides.
type framed struct{ net.Conn }

// errUnasked: more than an answer came. What the next command would read is not
// the answer to it.
const errUnasked = framingError("there are bytes after the answer that do not belong to it")

// errControl: what is there is swtpm's control channel. It answers a command of a
// TPM with TPM_BAD_ORDINAL of TPM 1.2 in four bytes (swtpm, ctrlchannel.c), which no
// answer of a TPM begins with.
const errControl = framingError("it is the control channel of swtpm that answers, not its TPM")

var controlRefusal = []byte{0, 0, 0, 0x0a}

// Write sends a command.
func (f framed) Write(p []byte) (int, error) {
	if pending(f.Conn) {
		return 0, errUnasked
	}
	return f.Conn.Write(p)
}

// Read reads an answer.
func (f framed) Read(p []byte) (int, error) {
	if len(p) < responseHeader {
		return 0, io.ErrShortBuffer
	}
	n, err := io.ReadFull(f.Conn, p[:len(controlRefusal)])
	if err == nil && bytes.Equal(p[:n], controlRefusal) {
		return 0, errControl
	}
	if err == nil {
		var rest int
		rest, err = io.ReadFull(f.Conn, p[n:responseHeader])
		n += rest
	}
	if err != nil {
		return 0, cut(n, err)
	}
	size := binary.BigEndian.Uint32(p[2:6])
	if size < responseHeader || size > uint32(len(p)) {
		return responseHeader, nil // the guard refuses it by its size
	}
	n, err = io.ReadFull(f.Conn, p[responseHeader:size])
	n += responseHeader
	if err != nil {
		return 0, cut(n, err)
	}
	if pending(f.Conn) {
		return 0, errUnasked
	}
	return n, nil
}

// cut tells a stream that ends within a message from one that ends before it.
func cut(n int, err error) error {
	if n > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return framingError(fmt.Sprintf("the connection was closed within the answer, after %d bytes", n))
	}
	return err
}
