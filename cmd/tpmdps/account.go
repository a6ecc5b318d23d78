package main

import (
	"fmt"
	"os"
	"os/user"
	"regexp"
	"runtime"
	"strconv"

	"tpmdps/internal/text"
)

// accountName is who runs the program, and for sudo who called it.
func accountName() string {
	return runner{os.Geteuid(), os.Getenv("SUDO_USER"), os.Getenv("SUDO_UID"), nameOfUID}.String()
}

// runner is what the system says of the process.
type runner struct {
	uid               int    // -1 on Windows
	sudoUser, sudoUID string // of the environment
	byID              func(uid string) (name string, ok bool)
}

// String names the account. The name of the environment is believed only where
// it cannot come from the user: root has it from sudo, and it has to be the one
// that belongs to sudo's number. Root can claim anything.
func (r runner) String() string {
	if r.uid < 0 {
		if u, err := user.Current(); err == nil {
			return plainName(u.Username)
		}
		return "unknown"
	}
	name := r.nameOf(strconv.Itoa(r.uid))
	if r.uid != 0 {
		return name
	}
	if real, ok := r.byID(r.sudoUID); ok && r.sudoUser != "" && real == r.sudoUser {
		return name + ", through sudo from " + plainName(real)
	}
	return name
}

func (r runner) nameOf(uid string) string {
	if name, ok := r.byID(uid); ok {
		return plainName(name)
	}
	return "uid " + uid
}

// nameOfUID looks a user up. user.Current would do for one that the system does
// not know what the environment says.
func nameOfUID(uid string) (string, bool) {
	if n, err := strconv.ParseUint(uid, 10, 32); err != nil || strconv.FormatUint(n, 10) != uid || runtime.GOOS == "windows" {
		return "", false
	}
	u, err := user.LookupId(uid)
	if err != nil || u.Uid != uid {
		return "", false
	}
	return u.Username, true
}

// plain are names that cannot be taken for anything else: those of Unix, and
// DOMAIN\name of Windows.
var plain = regexp.MustCompile(`^[\p{L}\p{N}._@$+\\-]+$`)

// plainName is a user's name, in quotes where it has blanks, commas or worse.
func plainName(name string) string {
	if plain.MatchString(name) {
		return text.Printable(name, 100)
	}
	return fmt.Sprintf("%+q", text.Printable(name, 100))
}
