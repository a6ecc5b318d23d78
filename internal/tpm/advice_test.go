//go:build !windows

package tpm

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// serve answers every connection to a socket with one function.
func serve(t *testing.T, network, address string, answer func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				answer(c)
			}()
		}
	}()
	return l.Addr()
}

// control answers as swtpm's control channel does what is no command of its own, and
// keeps the connection.
func control(c net.Conn) {
	io.ReadAtLeast(c, make([]byte, 64), 10)
	c.Write([]byte{0, 0, 0, 0x0a})
	io.Copy(io.Discard, c)
}

// What is at an address instead of a TPM is named, and so is what to type; never
// the device, the firmware or the group of this machine's own chip.
func TestAddressesThatAreNotTPMs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"empty", "box"} {
		if err := os.Mkdir(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, "unix", at("box/sock"), control)
	serve(t, "unix", at("box/a-ctrl"), control)
	tcp := serve(t, "tcp", "127.0.0.1:0", control).(*net.TCPAddr)
	l, err := net.Listen("unix", at("dead"))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	tcpAddress := Address{kind: addressTCP, host: tcp.String()}.String()
	ofMachine := regexp.MustCompile(`/dev/tpm0|fuser|firmware|tss`)
	for _, row := range []struct{ address, says, advice string }{
		{"swtpm:path=box/sock", "control channel", "--server, not the one of --ctrl"},
		{"box/sock", "control channel", "--ctrl"},
		{"./box/sock", "control channel", "--ctrl"},
		{tcpAddress, "control channel", "one port lower: swtpm:host=127.0.0.1,port="},
		{"swtpm:path=box", "box is a directory, not a socket", "swtpm:path=box/sock or swtpm:path=box/a-ctrl"},
		{"./box", "is a directory", "swtpm:path=box/sock"},
		{"swtpm:path=" + at("empty"), "is a directory, not a socket", "there is no socket in it"},
		{at("empty"), "is a directory", "there is no socket in it"},
		{"device:box", "is not a device", "swtpm:path=box/sock"},
		{"swtpm:path=file", "file is a file, not a socket", "the socket of a software TPM that runs"},
		{"./file", "is a file, neither a device nor a socket", "the socket of a software TPM that runs"},
		{"device:" + at("file"), "is not a device", "the socket of a software TPM"},
		{"device:box/sock", "box/sock is a socket, not a device", "swtpm:path=box/sock"},
		{"swtpm:path=/dev/null", "/dev/null is a device, not a socket", "device:/dev/null"},
		{"swtpm:path=dead", "connection refused", "No program listens on the socket"},
		{"./dead", "connection refused", "Start the software TPM again"},
		{"swtpm:path=no/where", "no such file", "no such file in " + dir},
		{"no/where", "no such file", "give the whole path"},
	} {
		addr, err := ParseAddress(row.address)
		if err != nil {
			t.Errorf("%s: %v", row.address, err)
			continue
		}
		_, err = Open(t.Context(), addr, Options{})
		var knows interface{ Hint() string }
		if !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, want %q", row.address, err, row.says)
		}
		if !errors.As(err, &knows) || !strings.Contains(knows.Hint(), row.advice) || ofMachine.MatchString(knows.Hint()) {
			t.Errorf("%s: advice %v, want %q", row.address, knows, row.advice)
		}
	}
}

// Whose the thing is decides what helps against a refused permission.
func TestAdviceOnPermission(t *testing.T) {
	for _, row := range []struct {
		mode               fs.FileMode
		owner, group, want string
	}{
		{fs.ModeSocket | 0o600, " (root)", "root", "the socket is another user's (root): run it as that user"},
		{fs.ModeSocket | 0o660, " (anna)", "tss", "the socket is another user's (anna)"},
		{fs.ModeDevice | fs.ModeCharDevice | 0o660, " (tss)", "tss", ""},
		{fs.ModeDevice | fs.ModeCharDevice | 0o660, " (tss)", "factory", "usermod -aG factory"},
		{fs.ModeDevice | fs.ModeCharDevice | 0o600, " (root)", "root", "only root may open /dev/x"},
		{fs.ModeDevice | fs.ModeCharDevice | 0o600, " (root)", "factory", "only root may open /dev/x"},
	} {
		got := adviceOnOwner(row.mode, "/dev/x", row.owner, row.group)
		if !strings.Contains(got, row.want) || row.want == "" && got != "" {
			t.Errorf("%v of%s:%s: %q, want %q", row.mode, row.owner, row.group, got, row.want)
		}
		if row.mode&fs.ModeSocket != 0 && strings.Contains(got, "usermod") {
			t.Errorf("a socket: %q", got)
		}
	}
}
