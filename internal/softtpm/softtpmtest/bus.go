package softtpmtest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm"
)

// Bus stands on the wires between a program and its chip: it passes every
// command on, and notes what crossed, in both directions. It can be told to
// answer in the chip's stead. The program under test knows nothing of it.
type Bus struct {
	address string

	mu       sync.Mutex
	commands []tpm2.TPMCC
	bytes    []byte
	quirk    Quirk
	hangUp   bool
}

// Tap puts a Bus before a software TPM, for as long as the test runs. One
// program at a time can use it, as it is with swtpm itself.
func Tap(tb testing.TB, p *softtpm.Process) *Bus {
	tb.Helper()
	b, stop, err := NewBus(p)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return b
}

// NewBus is Tap for callers without a testing.TB, such as the commands of a
// script, which call stop in the end.
func NewBus(p *softtpm.Process) (b *Bus, stop func(), err error) {
	dir, err := os.MkdirTemp("", "tpmdps-bus-") // a socket's path must be short
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, "bus.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	b = &Bus{address: "swtpm:path=" + path}
	end, err := b.listen(l, p)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return b, func() {
		end()
		os.RemoveAll(dir)
	}, nil
}

// listen serves programs until it is stopped.
func (b *Bus) listen(l net.Listener, p *softtpm.Process) (stop func(), err error) {
	network, address, err := dialAddress(p.Address())
	if err != nil {
		l.Close()
		return nil, err
	}
	return accept(l, func(program net.Conn) { b.serve(program, network, address) }), nil
}

// accept hands over one connection after the other until it is stopped.
func accept(l net.Listener, serve func(net.Conn)) (stop func()) {
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
	return func() {
		l.Close()
		<-done
	}
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
		command, err := b.read(program)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.commands = append(b.commands, tpm2.TPMCC(binary.BigEndian.Uint32(command[6:])))
		quirk := b.quirk
		b.mu.Unlock()
		send := func(command []byte) []byte {
			if _, err := chip.Write(command); err != nil {
				return nil
			}
			response, err := readMessage(chip)
			if err != nil {
				return nil
			}
			return response
		}
		response := quirk.answer(command, send)
		b.note(response)
		if _, err := program.Write(response); err != nil || len(response) == 0 || b.hangsUp() {
			return
		}
	}
}

// read takes a command off the wires and notes it.
func (b *Bus) read(from io.Reader) ([]byte, error) {
	message, err := readMessage(from)
	b.note(message)
	return message, err
}

func (b *Bus) note(message []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes = append(b.bytes, message...)
}

// readMessage reads one command or response: tag, size of the whole, code,
// content (TPM 2.0 Part 1, 18).
func readMessage(from io.Reader) ([]byte, error) {
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
	_, err := io.ReadFull(from, message[header:])
	return message, err
}

// Answer has a function answer the program from now on, instead of the
// chip, which it may ask. With nil the chip answers again.
func (b *Bus) Answer(answer func(command []byte, ask func() []byte) []byte) {
	if answer == nil {
		b.SetQuirk(nil)
		return
	}
	b.SetQuirk(func(command []byte, send func([]byte) []byte) []byte {
		return answer(command, func() []byte { return send(command) })
	})
}

// HangUp has the connection closed after the next answer.
func (b *Bus) HangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hangUp = true
}

func (b *Bus) hangsUp() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.hangUp
	b.hangUp = false
	return now
}

// SetQuirk gives the chip a quirk from now on; nil takes it away again.
func (b *Bus) SetQuirk(q Quirk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quirk = q
}

// Refusal is the answer of a TPM that refuses a command.
func Refusal(rc tpm2.TPMRC) []byte {
	return binary.BigEndian.AppendUint32([]byte{0x80, 0x01, 0, 0, 0, 10}, uint32(rc))
}

// Without has the chip not know some commands: it does not list them, and
// refuses them.
func (b *Bus) Without(commands ...tpm2.TPMCC) {
	b.Answer(func(command []byte, ask func() []byte) []byte {
		cc := tpm2.TPMCC(binary.BigEndian.Uint32(command[6:]))
		if slices.Contains(commands, cc) {
			return Refusal(tpm2.TPMRCCommandCode)
		}
		response := ask()
		const header, listed, list = 10, 10 + 1 + 4, 10 + 1 + 4 + 4 // moreData, capability, count
		if cc != tpm2.TPMCCGetCapability || binary.BigEndian.Uint32(command[header:]) != uint32(tpm2.TPMCapCommands) || len(response) < list {
			return response
		}
		kept := response[list:list]
		for entry := range slices.Chunk(slices.Clone(response[list:]), 4) {
			if !slices.Contains(commands, tpm2.TPMCC(binary.BigEndian.Uint16(entry[2:]))) {
				kept = append(kept, entry...)
			}
		}
		binary.BigEndian.PutUint32(response[listed:], uint32(len(kept)/4))
		binary.BigEndian.PutUint32(response[2:], uint32(list+len(kept)))
		return response[:list+len(kept)]
	})
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
