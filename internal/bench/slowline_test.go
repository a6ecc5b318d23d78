//go:build linux

package bench

import (
	"io"
	"net"
	"testing"
	"time"
)

// slowLine stands before a service until the test is over, and brings everything later by half
// of a round trip in each direction. It does not make the line narrower: any amount may be under way.
func slowLine(t testing.TB, at, to string, roundTrip time.Duration) (address string, err error) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.DialTimeout("tcp", to, runLimit)
			if err != nil {
				client.Close()
				continue
			}
			go delay(server, client, roundTrip/2)
			go delay(client, server, roundTrip/2)
		}
	}()
	return l.Addr().String(), nil
}

// piece is what came over a line, and when it is to go on.
type piece struct {
	data []byte
	due  time.Time
}

// delay passes on what comes, each piece as much later, until one side hangs up.
func delay(to, from net.Conn, by time.Duration) {
	pieces := make(chan piece, 1<<12)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			if n > 0 {
				pieces <- piece{buf[:n], time.Now().Add(by)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due)) // the delay is what is measured with; no outcome depends on it
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	to.Close()
	from.Close() // ends the reading
	for range pieces {
	}
}

// What comes is what was sent, and not before its time.
func TestSlowLine(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		c, err := echo.Accept()
		if err != nil {
			return
		}
		io.Copy(c, c)
		c.Close()
	}()
	const roundTrip = 30 * time.Millisecond
	address, err := slowLine(t, "127.0.0.1:0", echo.Addr().String(), roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 5)
	if _, err := io.ReadFull(c, back); err != nil || string(back) != "hello" {
		t.Fatalf("%q, %v", back, err)
	}
	if took := time.Since(began); took < roundTrip {
		t.Errorf("it took %v", took)
	}
}
