package tpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// simulated speaks the simulator's framing before a software TPM. It changes what
// goes back for one command.
type simulated struct {
	chip    string // of the software TPM
	command net.Listener
	at      int                              // the command, from 1
	bend    func(frame []byte) (sent []byte) // size, answer, word
	hangsUp bool
}

// serve answers programs, one connection after the other.
func (s *simulated) serve(t *testing.T) {
	sent := 0
	for {
		program, err := s.command.Accept()
		if err != nil {
			return
		}
		chip, err := net.Dial("unix", s.chip)
		if err != nil {
			t.Error(err)
			return
		}
		for {
			header := make([]byte, 9) // code, locality, size
			if _, err := io.ReadFull(program, header); err != nil {
				break
			}
			cmd := make([]byte, binary.BigEndian.Uint32(header[5:]))
			if _, err := io.ReadFull(program, cmd); err != nil {
				break
			}
			chip.Write(cmd)
			rsp := make([]byte, maxResponse)
			n, err := framed{chip}.Read(rsp)
			if err != nil {
				break
			}
			frame := append(binary.BigEndian.AppendUint32(nil, uint32(n)), rsp[:n]...)
			frame = append(frame, 0, 0, 0, 0)
			if sent++; sent == s.at {
				program.Write(s.bend(frame))
				if s.hangsUp {
					break
				}
				continue
			}
			program.Write(frame)
		}
		program.Close()
		chip.Close()
	}
}

// A simulator whose framing breaks once: that is said of the command, and what was
// made is taken off the chip on another connection.
func TestBrokenFramingOfTheSimulator(t *testing.T) {
	size := func(n int) func([]byte) []byte {
		return func(frame []byte) []byte { binary.BigEndian.PutUint32(frame, uint32(n)); return frame }
	}
	word := func(b ...byte) func([]byte) []byte {
		return func(frame []byte) []byte { return append(frame[:len(frame)-4], b...) }
	}
	for _, tt := range []struct {
		name    string
		bend    func([]byte) []byte
		hangsUp bool
		says    string
	}{
		{"the word is not zero", word(0, 0, 0, 1), false, "the word that ends the answer is 0x1"},
		{"the word is missing", word(), true, "the word that ends the answer is missing"},
		{"the word is cut", word(0, 0), true, "closed within the answer"},
		{"size 0", size(0), false, "the size before the answer is 0"},
		{"size 9", size(9), false, "the size before the answer is 9"},
		{"a size of gigabytes", size(1<<31 - 1), false, "the size before the answer is 2147483647"},
		{"a size too large", size(4000), true, "closed within the answer"},
		{"a size too small", size(20), false, ""},
		{"cut within the size", func(frame []byte) []byte { return frame[:2] }, true, "closed within the answer"},
		{"cut within the answer", func(frame []byte) []byte { return frame[:12] }, true, "closed within the answer"},
		{"more behind it", func(frame []byte) []byte { return append(frame, 0) }, false, "do not belong to it"},
		{"twice", func(frame []byte) []byte { return append(frame, frame...) }, false, "do not belong to it"},
		{"another size within", func(frame []byte) []byte { frame[4+5]++; return frame }, false, "says they are"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := softtpmtest.Start(t, "persisted")
			command, platform := adjacentListeners(t)
			go acknowledge(platform)
			// The fifth: what the chip is, its persistent handles, what is in its
			// memory (two), then CreatePrimary.
			s := &simulated{strings.TrimPrefix(p.Address(), "swtpm:path="), command, 5, tt.bend, tt.hangsUp}
			go s.serve(t)
			_, port, _ := net.SplitHostPort(command.Addr().String())
			addr, err := ParseAddress("mssim:host=127.0.0.1,port=" + port)
			if err != nil {
				t.Fatal(err)
			}
			d, err := Open(t.Context(), addr, Options{Ledgers: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.SRK()
			var answer *answerError
			if !errors.As(err, &answer) || answer.command != "CreatePrimary" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("SRK() = %v, want an answerError of CreatePrimary with %q", err, tt.says)
			}
			if err := d.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
			if left, err := softtpmtest.Leftovers(p); err != nil || len(left) > 0 {
				t.Errorf("left on the chip: %#x, %v", left, err)
			}
		})
	}
}

// acknowledge is a platform port: every signal is acknowledged.
func acknowledge(platform net.Listener) {
	for conn, err := platform.Accept(); err == nil; conn, err = platform.Accept() {
		go func() {
			for signal := make([]byte, 4); ; {
				if _, err := io.ReadFull(conn, signal); err != nil {
					return
				}
				conn.Write(make([]byte, 4))
			}
		}()
	}
}

// Lies in the answers to the commands that make something or take it away, while
// other objects and sessions are on the chip: these stay, and nothing else.
func TestLiesLeaveWhatIsOthers(t *testing.T) {
	for _, tt := range []struct {
		cc    tpm2.TPMCC
		every int // which of the lies
	}{
		{tpm2.TPMCCStartAuthSession, 1}, {tpm2.TPMCCLoad, 1}, {tpm2.TPMCCFlushContext, 1},
		{tpm2.TPMCCCreatePrimary, 5}, // takes its time
	} {
		t.Run(commandName(tt.cc), func(t *testing.T) {
			p := softtpmtest.Start(t, "persisted")
			if tt.cc != tpm2.TPMCCCreatePrimary {
				if err := softtpmtest.PersistSRK(p); err != nil {
					t.Fatal(err)
				}
			}
			leave := func(c transport.TPM) error {
				return errors.Join(softtpmtest.LeaveObjects(c, 1), softtpmtest.LeaveSessions(c, 1))
			}
			if err := softtpmtest.On(p, leave); err != nil {
				t.Fatal(err)
			}
			bus := softtpmtest.Tap(t, p)
			dir := t.TempDir()
			for i, lie := range softtpmtest.Lies() {
				if i%tt.every == 0 {
					lieBesideOthers(t, p, bus, dir, tt.cc, lie)
				}
			}
		})
	}
}

// lieBesideOthers opens two keys while the first answer to a command is a lie.
func lieBesideOthers(t *testing.T, p *softtpm.Process, bus *softtpmtest.Bus, dir string, cc tpm2.TPMCC, lie softtpmtest.Lie) {
	t.Helper()
	before, err := softtpmtest.Leftovers(p)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := ParseAddress(bus.Address())
	if err != nil {
		t.Fatal(err)
	}
	changed := false
	bus.SetQuirk(func(command []byte, send func([]byte) []byte) []byte {
		if changed || softtpmtest.CommandCode(command) != cc {
			return nil
		}
		changed = true
		answer := lie.Change(bytes.Clone(send(command)))
		if lie.HangsUp {
			bus.HangUp()
		}
		return append([]byte{}, answer...)
	})
	d, err := Open(t.Context(), addr, Options{Ledgers: dir})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(openTwice(t, d), d.Close())
	bus.SetQuirk(nil)
	if !changed || errors.Is(err, ErrOtherChip) {
		t.Errorf("%s: told %v: %v", lie.Name, changed, err)
	}
	if left, leftErr := softtpmtest.Leftovers(p); leftErr != nil || !slices.Equal(left, before) {
		t.Fatalf("%s: on the chip are %#x, there were %#x; %v, %v", lie.Name, left, before, leftErr, err)
	}
}

// openTwice opens two keys with a device, whatever comes of it.
func openTwice(t *testing.T, d *Device) (err error) {
	ek, err := d.EK()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ek.Close()) }()
	srk, err := d.SRK()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srk.Close()) }()
	for range 2 {
		key, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "x/y"))
		if err != nil {
			return err
		}
		if err := key.Close(); err != nil {
			return err
		}
	}
	return nil
}
