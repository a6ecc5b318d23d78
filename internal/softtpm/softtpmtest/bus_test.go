package softtpmtest_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// A program on the tapped ports has its chip: its commands are answered and
// counted, and the control channel is swtpm's.
func TestTapTCP(t *testing.T) {
	bus := softtpmtest.TapTCP(t, softtpmtest.StartWith(t, "", softtpm.Options{TCP: true}))
	var port int
	if _, err := fmt.Sscanf(bus.Address(), "swtpm:host=127.0.0.1,port=%d", &port); err != nil {
		t.Fatalf("Address() = %q: %v", bus.Address(), err)
	}
	for range 2 { // programs, one after the other
		commands := dial(t, port)
		if _, err := (tpm2.GetRandom{BytesRequested: 8}).Execute(transport.FromReadWriter(commands)); err != nil {
			t.Fatal(err)
		}
		commands.Close()
		control := dial(t, port+1)
		answer := make([]byte, 8)
		if _, err := control.Write([]byte{0, 0, 0, 1}); err != nil { // CMD_GET_CAPABILITY
			t.Fatal(err)
		}
		if _, err := io.ReadFull(control, answer); err != nil {
			t.Fatal(err)
		}
		control.Close()
	}
	if got, want := bus.Commands(), []tpm2.TPMCC{tpm2.TPMCCGetRandom, tpm2.TPMCCGetRandom}; !slices.Equal(got, want) {
		t.Errorf("Commands() = %v, want %v", got, want)
	}
}

func dial(t *testing.T, port int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Quirks pass a command on in their order, and answers back.
func TestQuirks(t *testing.T) {
	var order []string
	named := func(name string) softtpmtest.Quirk {
		return func(command []byte, send func([]byte) []byte) []byte {
			order = append(order, name)
			if name == "looks" {
				return nil
			}
			return append(send(append(command, name[0])), name[0])
		}
	}
	chip := chipFunc(func(command []byte) []byte { order = append(order, "chip"); return append([]byte("="), command...) })
	got, err := softtpmtest.Quirky(chip, softtpmtest.Quirks(named("first"), nil, named("looks"), named("second"))).Send([]byte("c"))
	if err != nil || string(got) != "=cfssf" {
		t.Errorf("Send() = %q, %v", got, err)
	}
	if want := []string{"first", "looks", "second", "chip"}; !slices.Equal(order, want) {
		t.Errorf("asked in the order %q, want %q", order, want)
	}
}

// chipFunc is a chip that is a function.
type chipFunc func([]byte) []byte

func (f chipFunc) Send(command []byte) ([]byte, error) { return f(command), nil }
