package tpm

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrAddress is returned, wrapped with the reason, for a text that names no way
// to a TPM.
var ErrAddress = errors.New("invalid TPM address")

// Address is a way to a TPM. The zero value means this machine's own chip:
// /dev/tpmrm0 and then /dev/tpm0 on Linux, the TPM Base Services on Windows.
type Address struct {
	kind addressKind
	path string // device or socket
	host string // host:port of the command channel
}

type addressKind int

const (
	addressDefault addressKind = iota
	addressPath                // a device or a unix socket, decided by its file mode
	addressDevice
	addressUnix
	addressTCP   // bare TPM commands over TCP, as swtpm accepts them
	addressMSSIM // the Microsoft simulator's framing over TCP
)

// ParseAddress reads the spellings of tpm2-tools' TCTI strings where they name
// something that can be reached without a daemon:
//
//	""                             this machine's chip
//	/dev/tpmrm0, box/sock          a device or a unix socket: a path has a slash in it
//	device, device:/dev/tpm0       a device
//	swtpm:path=/run/swtpm.sock     swtpm on a unix socket
//	swtpm:host=127.0.0.1,port=2321 swtpm on TCP
//	mssim:host=127.0.0.1,port=2321 Microsoft's simulator, platform port one higher
//
// It returns an error that wraps [ErrAddress].
func ParseAddress(text string) (Address, error) {
	kind, conf, hasConf := strings.Cut(text, ":")
	switch {
	case text == "" || text == "device":
		return Address{}, nil
	case kind == "device" && conf != "":
		return Address{kind: addressDevice, path: conf}, nil
	case kind == "swtpm" || kind == "mssim":
		return parseSocket(kind, conf)
	case kind == "tabrmd":
		return Address{}, fmt.Errorf("%w %q: the tabrmd daemon is not supported; use device:/dev/tpmrm0, the kernel's own resource manager", ErrAddress, text)
	case strings.Contains(kind, "/"):
		return Address{kind: addressPath, path: text}, nil
	case !hasConf:
		return Address{}, fmt.Errorf("%w %q: give a path such as /dev/tpmrm0 (for one in this directory: ./%s), or device:, swtpm: or mssim: with its settings", ErrAddress, text, text)
	}
	return Address{}, fmt.Errorf("%w %q: give a path such as /dev/tpmrm0, or device:, swtpm: or mssim: with its settings", ErrAddress, text)
}

func parseSocket(kind, conf string) (Address, error) {
	given := map[string]string{}
	for _, part := range strings.Split(conf, ",") {
		if part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		known := key == "host" || key == "port" || key == "path" && kind == "swtpm"
		switch _, twice := given[key]; {
		case known && !ok:
			return Address{}, fmt.Errorf("%w: %s in %q has no value: write %s", ErrAddress, key, kind+":"+conf,
				map[string]string{"path": "swtpm:path=SOCKET", "host": kind + ":host=127.0.0.1", "port": kind + ":port=2321"}[key])
		case known && value == "":
			return Address{}, fmt.Errorf("%w: %s= has no value in %q", ErrAddress, key, kind+":"+conf)
		case known && twice:
			return Address{}, fmt.Errorf("%w: %s= appears twice in %q", ErrAddress, key, kind+":"+conf)
		case !known:
			return Address{}, fmt.Errorf("%w: %q is not a setting of %s: (host=, port=%s)%s", ErrAddress, part, kind,
				map[string]string{"swtpm": ", path="}[kind], suggestSetting(kind, part, ok))
		}
		given[key] = value
	}
	if path, ok := given["path"]; ok {
		if len(given) > 1 {
			return Address{}, fmt.Errorf("%w: path= is a socket on this machine, which has no host= and port=", ErrAddress)
		}
		return Address{kind: addressUnix, path: path}, nil
	}
	host, port := cmp.Or(given["host"], "127.0.0.1"), cmp.Or(given["port"], "2321")
	if _, err := net.LookupPort("tcp", port); err != nil { //nolint:noctx // a number, or a name in a file of this machine
		return Address{}, fmt.Errorf("%w: port %q", ErrAddress, port)
	}
	k := addressTCP
	if kind == "mssim" {
		k = addressMSSIM
	}
	return Address{kind: k, host: net.JoinHostPort(host, port)}, nil
}

// suggestSetting says how a setting without a name is written, as the end of a
// sentence: a path, a port, or both host and port.
func suggestSetting(kind, part string, named bool) string {
	_, err := strconv.ParseUint(part, 10, 16)
	host, port, cutErr := net.SplitHostPort(part)
	switch {
	case named:
		return ""
	case err == nil:
		return ", perhaps " + kind + ":port=" + part
	case cutErr == nil && host != "" && port != "" && !strings.Contains(part, "/"):
		return ", perhaps " + kind + ":host=" + host + ",port=" + port
	case kind == "swtpm":
		return ", perhaps swtpm:path=" + part
	}
	return ", perhaps mssim:host=" + part
}

// Software tells whether it is the address of a software TPM, or of another one
// that is reached over a socket: no device of this machine.
func (a Address) Software() bool {
	switch a.kind {
	case addressUnix, addressTCP, addressMSSIM:
		return true
	case addressPath:
		return !strings.HasPrefix(a.path, "/dev/")
	}
	return false
}

// TCTI spells the address as tpm2-tss reads it, for a program that starts in another
// directory: a bare path is not a TCTI, and paths in it begin with /. Of a path that
// is not there, what is below /dev is taken for a device.
func (a Address) TCTI() string {
	switch a.kind {
	case addressPath:
		resolved, err := resolvePath(a.path)
		if err != nil {
			resolved = Address{kind: addressUnix, path: a.path}
		}
		if strings.HasPrefix(a.path, "/dev/") {
			resolved.kind = addressDevice
		}
		return resolved.TCTI()
	case addressDevice, addressUnix:
		if path, err := filepath.Abs(a.path); err == nil && !strings.HasPrefix(a.path, "/") {
			a.path = path
		}
	}
	return a.String()
}

// String spells the address so that [ParseAddress] reads it back.
func (a Address) String() string {
	host, port, _ := net.SplitHostPort(a.host)
	switch a.kind {
	case addressPath:
		return a.path
	case addressDevice:
		return "device:" + a.path
	case addressUnix:
		return "swtpm:path=" + a.path
	case addressTCP:
		return "swtpm:host=" + host + ",port=" + port
	case addressMSSIM:
		return "mssim:host=" + host + ",port=" + port
	}
	return "device"
}
