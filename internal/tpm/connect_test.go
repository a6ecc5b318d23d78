package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/contexttest"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "device",
		"device":                           "device",
		"/dev/tpmrm0":                      "/dev/tpmrm0",
		"./swtpm.sock":                     "./swtpm.sock",
		"box/swtpm.sock":                   "box/swtpm.sock",
		"../box/swtpm.sock":                "../box/swtpm.sock",
		"device:/dev/tpm0":                 "device:/dev/tpm0",
		"swtpm:path=/run/a.sock":           "swtpm:path=/run/a.sock",
		"swtpm:host=127.0.0.1,port=2321":   "swtpm:host=127.0.0.1,port=2321",
		"swtpm:port=4321":                  "swtpm:host=127.0.0.1,port=4321",
		"swtpm:":                           "swtpm:host=127.0.0.1,port=2321",
		"mssim:host=localhost,port=2321":   "mssim:host=localhost,port=2321",
		"mssim:host=2001:db8::1,port=2321": "mssim:host=2001:db8::1,port=2321",
	} {
		a, err := ParseAddress(text)
		if err != nil || a.String() != want {
			t.Errorf("ParseAddress(%q) = %q, %v, want %q", text, a, err, want)
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("ParseAddress(%q) = %v, %v, want %v", a.String(), again, err, a)
		}
	}
	for text, want := range map[string]string{
		"tabrmd": "tabrmd daemon", "tpmrm0": "give a path", "swtpm:speed=9": "not a setting",
		"mssim:path=/x": "not a setting", "swtpm:port=many": "port", "device:": "give a path",
		"sock": "./sock", "swtpm:path": "path in \"swtpm:path\" has no value: write swtpm:path=SOCKET", "mssim:port": "write mssim:port=2321",
		"swtpm:host": "write swtpm:host=", "swtpm:path=": "path= has no value", "swtpm:host=,port=1": "host= has no value", "swtpm:port=": "port= has no value",
		"swtpm:/run/sock": "perhaps swtpm:path=/run/sock", "swtpm:box/sock": "perhaps swtpm:path=box/sock", "swtpm:2321": "perhaps swtpm:port=2321",
		"swtpm:bench:2321": "perhaps swtpm:host=bench,port=2321", "mssim:bench": "perhaps mssim:host=bench", "mssim:bench:2321": "perhaps mssim:host=bench,port=2321",
		"swtpm:path=a,path=b": "path= appears twice", "swtpm:port=1,port=2": "port= appears twice", "swtpm:path=a,port=1": "no host= and port=",
		"libtss2-tcti-device.so:/dev/tpm0": "give a path",
	} {
		if _, err := ParseAddress(text); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseAddress(%q) = %v, want %q in it", text, err, want)
		}
	}
}

// Every way to a TPM leads to the same chip.
func TestOpenEachWay(t *testing.T) {
	unix := softtpmtest.Start(t, "persisted")
	tcp := softtpmtest.StartWith(t, "persisted", softtpm.Options{TCP: true})
	ways := []string{
		unix.Address(), strings.TrimPrefix(unix.Address(), "swtpm:path="),
		tcp.Address(), mssimBefore(t, tcp.Address()),
	}
	var first string
	for _, way := range ways {
		addr, err := ParseAddress(way)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Open(t.Context(), addr, Options{})
		if err != nil {
			t.Errorf("Open(%q) = %v", way, err)
			continue
		}
		r, err := d.Record()
		if err := errors.Join(err, d.Close()); err != nil {
			t.Errorf("%s: %v", way, err)
		}
		if first == "" {
			first = r.EndorsementKey
		}
		if r.EndorsementKey != first {
			t.Errorf("%s: another key", way)
		}
	}
}

// A chip that asks for a retry, as it does on the first use of a key after its
// start, gets one, on each way to it.
func TestRetryIsWaitedOut(t *testing.T) {
	bus := softtpmtest.TapTCP(t, softtpmtest.StartWith(t, "persisted", softtpm.Options{TCP: true}))
	for _, way := range []string{bus.Address(), mssimBefore(t, bus.Address())} {
		addr, err := ParseAddress(way)
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		bus.Answer(func(_ []byte, ask func() []byte) []byte {
			if refused++; refused < 4 {
				return softtpmtest.Refusal(tpm2.TPMRCRetry)
			}
			return ask()
		})
		d, err := Open(t.Context(), addr, Options{})
		if err != nil {
			t.Errorf("%s: Open() = %v", way, err)
			continue
		}
		if err := d.Close(); err != nil || refused != 4 {
			t.Errorf("%s: %d commands, want the same one four times; %v", way, refused, err)
		}
	}
}

// mssimBefore speaks the Microsoft simulator's framing in front of a software
// TPM, and delivers responses in small pieces, as a network may.
func mssimBefore(t *testing.T, swtpm string) string {
	addr, err := ParseAddress(swtpm)
	if err != nil {
		t.Fatal(err)
	}
	command, platform := adjacentListeners(t)
	go func() { // platform: every signal is acknowledged
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
	}()
	go func() {
		conn, err := command.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		chip, err := net.Dial("tcp", addr.host)
		if err != nil {
			return
		}
		defer chip.Close()
		for {
			frame := make([]byte, 9) // code, locality, size
			if _, err := io.ReadFull(conn, frame); err != nil {
				return
			}
			cmd := make([]byte, binary.BigEndian.Uint32(frame[5:]))
			if _, err := io.ReadFull(conn, cmd); err != nil {
				return
			}
			chip.Write(cmd)
			rsp := make([]byte, 4096)
			n, err := framed{chip}.Read(rsp)
			if err != nil {
				return
			}
			conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(n)), rsp[:n]...))
			conn.Write(make([]byte, 4))
		}
	}()
	_, port, _ := net.SplitHostPort(command.Addr().String())
	return "mssim:host=127.0.0.1,port=" + port
}

func adjacentListeners(t *testing.T) (command, platform net.Listener) {
	for range 50 {
		command, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := command.Addr().(*net.TCPAddr).Port
		platform, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1)))
		if err != nil {
			command.Close()
			continue
		}
		t.Cleanup(func() { command.Close(); platform.Close() })
		return command, platform
	}
	t.Fatal("no two adjacent ports are free")
	return nil, nil
}

// fake is a transport made of a function.
type fake func(cmd []byte) ([]byte, error)

func (f fake) Send(cmd []byte) ([]byte, error) { return f(cmd) }

func TestNewRefusesWhatIsNoTPM(t *testing.T) {
	answer := func(b ...byte) fake { return func([]byte) ([]byte, error) { return b, nil } }
	for name, tt := range map[string]struct {
		chip fake
		want error
	}{
		"nothing, for ever a retry": {answer(), ErrBusy},
		"three bytes":               {answer(1, 2, 3), ErrNoDevice},
		"zeros":                     {answer(make([]byte, 64)...), ErrNoDevice},
		"a size that lies":          {answer(0x80, 1, 0, 0, 0, 99, 0, 0, 0, 0), ErrNoDevice},
		"a TPM 1.2":                 {answer(0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0x1e), ErrUnsupported},
		"success without content":   {answer(0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0), nil},
		"a list of a billion":       {answer(0x80, 1, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0x3f, 0xff, 0xff, 0xff), nil},
		"the connection closed":     {func([]byte) ([]byte, error) { return nil, io.EOF }, ErrNoDevice},
		"in a failure mode":         {answer(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1), nil},
	} {
		synctest.Test(t, func(t *testing.T) { // the repeats of the first take no time
			_, err := newDevice(t.Context(), tt.chip, Options{})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%s: newDevice() = %v, want %v", name, err, tt.want)
			}
		})
	}
}

// A chip that never answers is given up: after the limit of a first command, or
// soon after the end of the run. The time is the bubble's, which passes when
// everybody waits.
func TestHungChipMeetsTheDeadline(t *testing.T) {
	for _, tt := range []struct{ run, want time.Duration }{
		{time.Millisecond, time.Millisecond + cleanupLimit},
		{time.Hour, firstLimit},
	} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			hung := fake(func([]byte) ([]byte, error) { <-release; return nil, io.EOF })
			ctx, cancel := context.WithTimeout(t.Context(), tt.run)
			defer cancel()
			began := time.Now()
			if _, err := newDevice(ctx, hung, Options{}); !errors.Is(err, ErrBusy) {
				t.Errorf("newDevice() = %v, want ErrBusy", err)
			}
			if took := time.Since(began); took != tt.want {
				t.Errorf("a run of %s waited %s for the chip, want %s", tt.run, took, tt.want)
			}
		})
	}
}

// After an interruption nothing is sent any more but the clean-up.
func TestInterruptedDeviceOnlyFlushes(t *testing.T) {
	var sent []tpm2.TPMCC
	chip := fake(func(cmd []byte) ([]byte, error) {
		sent = append(sent, tpm2.TPMCC(binary.BigEndian.Uint32(cmd[6:])))
		return []byte{0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0}, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := &Device{t: newGuard(ctx, chip, nil)}
	if _, err := d.EK(); !errors.Is(err, context.Canceled) {
		t.Errorf("EK() = %v, want context.Canceled", err)
	}
	if err := d.flush(0x80000000); err != nil {
		t.Errorf("flush = %v", err)
	}
	if len(sent) != 1 || sent[0] != tpm2.TPMCCFlushContext {
		t.Errorf("sent %v, want FlushContext only", sent)
	}
}

// A listener that says nothing: every kind of address gives up at the deadline,
// which comes when the first bytes have arrived that nobody will answer.
func TestSilentListener(t *testing.T) {
	t.Parallel() // a command in flight is given two seconds after the deadline
	command, platform := adjacentListeners(t)
	asked := make(chan struct{})
	for _, l := range []net.Listener{command, platform} {
		go func() {
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				go func() {
					defer c.Close()
					if n, _ := c.Read(make([]byte, 1)); n > 0 {
						asked <- struct{}{}
					}
					io.Copy(io.Discard, c)
				}()
			}
		}()
	}
	_, port, _ := net.SplitHostPort(command.Addr().String())
	for _, kind := range []string{"mssim", "swtpm"} {
		addr, err := ParseAddress(kind + ":host=127.0.0.1,port=" + port)
		if err != nil {
			t.Fatal(err)
		}
		ctx, expire := contexttest.WithDeadline(t)
		go func() {
			<-asked
			expire()
		}()
		if _, err := Open(ctx, addr, Options{}); !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: Open() = %v, want ErrBusy at the deadline", kind, err)
		}
	}
}
