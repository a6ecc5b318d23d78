package operator

import (
	"fmt"
	"os/user"
	"regexp"
	"runtime"
	"strconv"

	"tpmdps/internal/environment"
	"tpmdps/internal/text"
)

// LocalAccount names the account of this machine that asks, and for sudo the account
// that called it. uid is the effective one, -1 on Windows; the variables are sudo's.
func LocalAccount(uid int, v environment.Variables) string {
	name, _ := v.First("SUDO_USER")
	id, _ := v.First("SUDO_UID")
	return localAccount{uid, name.Value, id.Value, nameOfUID}.String()
}

// localAccount is what the system says of the process.
type localAccount struct {
	uid               int    // -1 on Windows
	sudoUser, sudoUID string // of the environment
	byID              func(uid string) (name string, ok bool)
}

// String names the account. The name in the environment counts only where it cannot
// come from the user: root has it from sudo, and it must be the name that belongs to
// sudo's number. Root can claim anything.
func (a localAccount) String() string {
	if a.uid < 0 {
		if u, err := user.Current(); err == nil {
			return plainName(u.Username)
		}
		return "unknown"
	}
	name := a.nameOf(strconv.Itoa(a.uid))
	if a.uid != 0 {
		return name
	}
	if real, ok := a.byID(a.sudoUID); ok && a.sudoUser != "" && real == a.sudoUser {
		return name + ", through sudo from " + plainName(real)
	}
	return name
}

func (a localAccount) nameOf(uid string) string {
	if name, ok := a.byID(uid); ok {
		return plainName(name)
	}
	return "uid " + uid
}

// nameOfUID looks a user up. For one that the system does not know, user.Current would
// go by the environment.
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

// unquoted matches names that cannot be mistaken for anything else: those of Unix, and
// DOMAIN\name of Windows.
var unquoted = regexp.MustCompile(`^[\p{L}\p{N}._@$+\\-]+$`)

// plainName is a user's name, in quotes where it has blanks, commas or worse.
func plainName(name string) string {
	if unquoted.MatchString(name) {
		return text.Printable(name, 100)
	}
	return fmt.Sprintf("%+q", text.Printable(name, 100))
}
