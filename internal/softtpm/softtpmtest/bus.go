package softtpmtest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm"
)

// Bus stands on the wires between a program and its chip: it passes every
// command on, and notes what crossed, in both directions. The program under
// test knows nothing of it.
type Bus struct {
	address string

	mu       sync.Mutex
	commands []tpm2.TPMCC
	bytes    []byte
}

// Tap puts a Bus before a software TPM, for as long as the test runs. One
// program at a time can use it, as it is with swtpm itself.
func Tap(tb testing.TB, p *softtpm.Process) *Bus {
	tb.Helper()
	dir, err := os.MkdirTemp("", "tpmdps-bus-") // a socket's path must be short
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "bus.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		tb.Fatal(err)
	}
	b := &Bus{address: "swtpm:path=" + path}
	b.listen(tb, l, p)
	return b
}

// listen serves programs until the test is over.
func (b *Bus) listen(tb testing.TB, l net.Listener, p *softtpm.Process) {
	tb.Helper()
	network, address, err := dialAddress(p.Address())
	if err != nil {
		l.Close()
		tb.Fatal(err)
	}
	accept(tb, l, func(program net.Conn) { b.serve(program, network, address) })
}

// accept hands over one connection after the other until the test is over.
func accept(tb testing.TB, l net.Listener, serve func(net.Conn)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	tb.Cleanup(func() {
		l.Close()
		<-done
	})
}

// serve connects one program to the chip until it hangs up.
func (b *Bus) serve(program net.Conn, network, address string) {
	defer program.Close()
	chip, err := net.DialTimeout(network, address, exchangeLimit)
	if err != nil {
		return
	}
	defer chip.Close()
	for {
		command, err := b.pass(chip, program)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.commands = append(b.commands, tpm2.TPMCC(binary.BigEndian.Uint32(command[6:])))
		b.mu.Unlock()
		if _, err := b.pass(program, chip); err != nil {
			return
		}
	}
}

// pass takes one command or response off a connection, notes it and hands it
// on: tag, size of the whole, code, content (TPM 2.0 Part 1, 18).
func (b *Bus) pass(to io.Writer, from io.Reader) ([]byte, error) {
	const header, limit = 10, 8192
	message := make([]byte, header)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(message[2:])
	if size < header || size > limit {
		return nil, errors.New("not a TPM message")
	}
	message = append(message, make([]byte, size-header)...)
	if _, err := io.ReadFull(from, message[header:]); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.bytes = append(b.bytes, message...)
	b.mu.Unlock()
	_, err := to.Write(message)
	return message, err
}

// Address is where the program finds the chip, in the form of --tpm.
func (b *Bus) Address() string { return b.address }

// Commands are those that were sent since the last Reset.
func (b *Bus) Commands() []tpm2.TPMCC {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]tpm2.TPMCC(nil), b.commands...)
}

// Bytes is everything that crossed since the last Reset, in both directions.
func (b *Bus) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]byte(nil), b.bytes...)
}

// Reset forgets what crossed.
func (b *Bus) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.commands, b.bytes = nil, nil
}
