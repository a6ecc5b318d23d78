package softtpmtest

import (
	"fmt"
	"io"
	"net"
	"testing"

	"tpmdps/internal/softtpm"
)

// TapTCP is Tap for programs that find a chip by host and port, as tpm2-tools
// do, and for a chip that was started with softtpm.Options.TCP. Such programs
// also want swtpm's control channel, on the port after that of the commands:
// it is passed on unread, since no TPM command crosses there.
func TapTCP(tb testing.TB, p *softtpm.Process) *Bus {
	tb.Helper()
	_, address, err := dialAddress(p.Address())
	if err != nil {
		tb.Fatal(err)
	}
	chip, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	chip.Port++
	commands, control, err := listenPair()
	if err != nil {
		tb.Fatal(err)
	}
	at := commands.Addr().(*net.TCPAddr)
	b := &Bus{address: fmt.Sprintf("swtpm:host=%s,port=%d", at.IP, at.Port)}
	stop, err := b.listen(commands, p)
	if err != nil {
		control.Close()
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	tb.Cleanup(accept(control, func(program net.Conn) { relay(program, chip.String()) }))
	return b
}

// listenPair listens on two adjacent ports. The second may be taken, so it
// tries a few pairs.
func listenPair() (first, second net.Listener, err error) {
	for range 64 {
		first, err = net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		next := *first.Addr().(*net.TCPAddr)
		next.Port++
		second, err = net.Listen("tcp", next.String())
		if err == nil {
			return first, second, nil
		}
		first.Close()
	}
	return nil, nil, fmt.Errorf("find two adjacent free ports: %w", err)
}

// relay passes everything on in both directions until one side hangs up.
func relay(program net.Conn, address string) {
	defer program.Close()
	chip, err := net.DialTimeout("tcp", address, exchangeLimit)
	if err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(chip, program)
		chip.Close()
	}()
	io.Copy(program, chip)
	program.Close()
	<-done
}
