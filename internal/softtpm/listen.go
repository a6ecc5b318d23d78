package softtpm

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// maxSocketPath is the longest path a unix socket may have everywhere: sun_path
// has 104 bytes on the BSDs and 108 on Linux, the terminating zero included.
const maxSocketPath = 100

// endpoint is a socket as a client names it.
type endpoint struct {
	network string // "unix" or "tcp"
	name    string // path, or host:port
}

func (e endpoint) address() string {
	if e.network == "unix" {
		return "swtpm:path=" + e.name
	}
	host, port, _ := net.SplitHostPort(e.name) // made by listenTCP, so well formed
	return fmt.Sprintf("swtpm:host=%s,port=%s", host, port)
}

// sockets are the two listening sockets a chip is born with.
type sockets struct {
	data, ctrl endpoint
	dir        string // holds the unix sockets; "" for TCP
	open       []*os.File
}

// files are the sockets in the order that spawn numbers them: data, control.
func (s *sockets) files() []*os.File { return s.open }

func (s *sockets) close() {
	for _, f := range s.open {
		f.Close()
	}
}

func listen(tcp bool) (*sockets, error) {
	if tcp {
		return listenTCP()
	}
	return listenUnix()
}

// listenUnix makes both sockets in a directory of their own with mode 0700:
// anyone who can connect to the socket can use the chip.
func listenUnix() (*sockets, error) {
	dir, err := socketDir()
	if err != nil {
		return nil, fmt.Errorf("make a directory for the software TPM's sockets: %w", err)
	}
	data := endpoint{"unix", filepath.Join(dir, "tpm.sock")}
	ctrl := endpoint{"unix", filepath.Join(dir, "ctrl.sock")}
	s := &sockets{data: data, ctrl: ctrl, dir: dir}
	for _, e := range []endpoint{data, ctrl} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: e.name, Net: "unix"})
		if err != nil {
			s.close()
			os.RemoveAll(dir)
			return nil, fmt.Errorf("listen for the software TPM: %w", err)
		}
		l.SetUnlinkOnClose(false) // the child goes on listening on it
		if err := s.take(l); err != nil {
			os.RemoveAll(dir)
			return nil, err
		}
	}
	return s, nil
}

// socketDir makes a directory whose paths fit into a socket address. TMPDIR may
// be too deep for that; /tmp never is.
func socketDir() (string, error) {
	dir, err := os.MkdirTemp("", "tpmdps-")
	if err != nil || len(filepath.Join(dir, "ctrl.sock")) <= maxSocketPath {
		return dir, err
	}
	if err := os.Remove(dir); err != nil {
		return "", err
	}
	return os.MkdirTemp("/tmp", "tpmdps-")
}

// portAttempts bounds the search for two adjacent free ports.
const portAttempts = 64

// listenTCP takes a free port whose successor is free too.
func listenTCP() (*sockets, error) {
	var last error
	for range portAttempts {
		data, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, fmt.Errorf("listen for the software TPM: %w", err)
		}
		next := *data.Addr().(*net.TCPAddr)
		next.Port++
		ctrl, err := net.ListenTCP("tcp", &next)
		if err != nil { // taken, or past the last port: another pair
			data.Close()
			last = err
			continue
		}
		s := &sockets{
			data: endpoint{"tcp", data.Addr().String()},
			ctrl: endpoint{"tcp", ctrl.Addr().String()},
		}
		return s, errors.Join(s.take(data), s.take(ctrl))
	}
	return nil, fmt.Errorf("find two adjacent free ports for the software TPM: %w", last)
}

// take turns a listener into a descriptor that can be inherited, and closes it.
func (s *sockets) take(l interface {
	File() (*os.File, error)
	Close() error
}) error {
	f, err := l.File()
	if err == nil {
		s.open = append(s.open, f)
	}
	if err := errors.Join(err, l.Close()); err != nil {
		s.close()
		return fmt.Errorf("pass a socket to the software TPM: %w", err)
	}
	return nil
}
