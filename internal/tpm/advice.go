package tpm

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// advised is an error that knows what to do about it, because it saw what is at the
// address.
type advised struct {
	error
	advice string
}

// Hint is what to do, for people.
func (a advised) Hint() string { return a.advice }

// Unwrap returns the error itself.
func (a advised) Unwrap() error { return a.error }

// withAdvice adds to an error of opening a TPM what to do about it, where what is at
// the address tells.
func withAdvice(given Address, err error) error {
	var refused *ResponseError
	if errors.As(err, &refused) {
		return err // a TPM is there, and says itself what is wrong
	}
	advice := ""
	switch {
	case errors.Is(err, errControl):
		advice = adviceOnControl(given)
	case errors.Is(err, ErrPermission):
		advice = adviceOnPermission(given.path)
	case errors.Is(err, ErrBusy) && given.Software():
		advice = "what listens there does not answer: is another program connected to it (swtpm serves one at a time), or is it not the TPM's socket, but swtpm's control channel (--ctrl) or another service?"
	case errors.Is(err, ErrNoDevice):
		advice = adviceOnPlace(given, err)
	}
	if advice == "" {
		return err
	}
	return advised{err, advice}
}

// adviceOnControl is for the control channel of swtpm, which people often give the
// next port.
func adviceOnControl(given Address) string {
	const serverHint = "give the socket of swtpm's --server, not the one of --ctrl"
	host, port, err := net.SplitHostPort(given.host)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil || n < 2 {
		return serverHint
	}
	return fmt.Sprintf("%s; often that is one port lower: %s", serverHint, Address{kind: addressTCP, host: net.JoinHostPort(host, strconv.Itoa(n-1))})
}

// adviceOnPlace says what is at the address instead of a TPM, and what to write.
func adviceOnPlace(given Address, err error) string {
	const isAddress = "a TPM is a device, or the socket of a software TPM that runs: swtpm:path=SOCKET, swtpm:host=HOST,port=PORT"
	switch {
	case given.kind == addressMSSIM && !errors.Is(err, syscall.ECONNREFUSED):
		host, port, _ := net.SplitHostPort(given.host)
		return "mssim: is Microsoft's simulator, whose platform port is the next one; if it is swtpm: swtpm:host=" + host + ",port=" + port
	case given.path == "":
		return ""
	}
	fi, statErr := os.Stat(given.path)
	switch {
	case statErr != nil && !filepath.IsAbs(given.path):
		here, _ := os.Getwd()
		return "there is no such file in " + here + "; give the whole path, from / on"
	case statErr != nil:
		return ""
	case fi.IsDir():
		if sockets := socketsIn(given.path); len(sockets) > 0 {
			return "give the socket of the TPM in it: " + strings.Join(sockets, " or ")
		}
		return "there is no socket in it: " + isAddress
	case fi.Mode().IsRegular():
		return isAddress
	case fi.Mode()&fs.ModeSocket != 0 && given.kind == addressDevice:
		return "it is a socket: swtpm:path=" + given.path
	case fi.Mode()&fs.ModeDevice != 0 && given.kind == addressUnix:
		return "if it is a TPM's device: device:" + given.path
	case fi.Mode()&fs.ModeSocket != 0 && errors.Is(err, syscall.ECONNREFUSED):
		return "is swtpm, or another TPM, running there? No program listens on the socket: the one that made it has ended. Start the software TPM again"
	}
	return ""
}

// socketsIn lists a directory's sockets, at most three; the ones that are called
// control sockets come last.
func socketsIn(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var all []string
	for _, e := range entries {
		if e.Type()&fs.ModeSocket != 0 {
			all = append(all, "swtpm:path="+filepath.Join(dir, e.Name()))
		}
	}
	slices.SortStableFunc(all, func(a, b string) int {
		return strings.Compare(fmt.Sprint(strings.Contains(a, "ctrl")), fmt.Sprint(strings.Contains(b, "ctrl")))
	})
	return all[:min(len(all), 3)]
}

// adviceOnPermission says whose the thing is that this user may not open. The group
// of the TPM's devices is of no use for somebody's socket. It is empty where the
// address is this machine's own TPM, or the device is of that group.
func adviceOnPermission(path string) string {
	if path == "" {
		return ""
	}
	fi, err := os.Stat(path)
	if err != nil {
		dir := closedDirectory(path)
		if dir == "" {
			return ""
		}
		return "this user may not look into the directory " + dir + ": run it as the user whose it is" + ownedBy(dir) + ", or as root"
	}
	return adviceOnOwner(fi.Mode(), path, ownedBy(path), groupOf(path))
}

// adviceOnOwner is the advice for something with an owner, such as " (root)", and a
// group.
func adviceOnOwner(mode fs.FileMode, path, owner, group string) string {
	const groupMay = 0o060
	switch {
	case mode&fs.ModeSocket != 0:
		return "the socket is another user's" + owner + ": run it as that user, or as root; or start the software TPM as this user"
	case mode&fs.ModeDevice == 0:
		return ""
	case group == "" || group == "tss":
		return ""
	case group == "root" || mode.Perm()&groupMay != groupMay:
		return "only root may open " + path + ": run it as root. A rule of udev gives it to the group tss: install tpm-udev, then restart the machine"
	}
	return "run as root, or give the user access: sudo usermod -aG " + group + " $USER, and log in again"
}

// closedDirectory is the first directory of a path that this user may not look into.
func closedDirectory(path string) string {
	closed := ""
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "x")); errors.Is(err, fs.ErrPermission) {
			closed = dir
		}
		if dir == filepath.Dir(dir) {
			return closed
		}
	}
}
