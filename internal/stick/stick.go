// Package stick is the stick that a technician carries from box to box: the program for
// every system, scripts that start the right one, the batch, and the sums of all that
// does not change. Init makes one of a release, Check says whether it is still fit.
//
// The rule: a batch is never written here. All else on the stick comes from the release
// and from this package, so that it can be made again at any time.
package stick

import (
	"embed"
	"errors"
	"path"
	"slices"
	"strings"
)

// The names of what is on a stick, with slashes.
const (
	BatchFile   = "batch.jsonl"
	ReadmeFile  = "README.txt"
	LicenseFile = "LICENSE.txt"
	programs    = "bin"
	program     = programs + "/tpmdps-"
)

// Variable is the variable of the environment in which the start scripts say where the
// stick is: what they run may be a copy of the program that lies elsewhere.
const Variable = "TPMDPS_STICK"

var (
	// ErrArchive is for a file or folder that is not an archive of a release.
	ErrArchive = errors.New("not usable as a release of tpmdps")
	// ErrDownload is for an archive that is not the one that was released.
	ErrDownload = errors.New("not the file that was released")
	// ErrForeign is for a file of somebody else's where one of the stick's belongs.
	ErrForeign = errors.New("another file is in the way")
	// ErrNoStick is for a folder that was not made by Init.
	ErrNoStick = errors.New("not a stick of tpmdps")
	// ErrAltered is for a stick on which something is missing, changed or added.
	ErrAltered = errors.New("the stick is not as it was made")
	// ErrSecret is for a stick with a secret on it.
	ErrSecret = errors.New("a secret is on the stick")
	// ErrRoom is for a stick that is too full for the boxes that are to come.
	ErrRoom = errors.New("too little room on the stick")
)

//go:embed files
var files embed.FS

// ownFiles are the files of the stick that this package has, by their names. Those for
// Windows have its line ends.
func ownFiles() map[string][]byte {
	own := map[string][]byte{}
	for _, name := range []string{"start.sh", "start.cmd", ReadmeFile} {
		data, err := files.ReadFile("files/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		if name != "start.sh" {
			data = []byte(strings.ReplaceAll(string(data), "\n", "\r\n"))
		}
		own[name] = data
	}
	return own
}

// systems are those that the start scripts know, as the files of programs are named.
var systems = []string{"linux-amd64", "linux-arm64", "linux-armv7", "linux-riscv64", "windows-amd64", "windows-arm64"}

// fileOf is the name of the program for a system, on the stick.
func fileOf(system string) string {
	if strings.HasPrefix(system, "windows-") {
		return program + system + ".exe"
	}
	return program + system
}

// isProgram tells whether a name is that of a program for some system.
func isProgram(name string) bool {
	return slices.ContainsFunc(systems, func(system string) bool { return fileOf(system) == name })
}

// Of is the folder of the stick on which a running program lies, by its own path; "" if
// it does not lie on one.
func Of(executable string) string {
	executable = strings.ReplaceAll(executable, `\`, "/")
	dir := path.Dir(executable)
	if path.Base(dir) != programs || !strings.HasPrefix(path.Base(executable), "tpmdps-") {
		return ""
	}
	if dir = path.Dir(dir); strings.HasSuffix(dir, ":") {
		return dir + "/" // the drive, and not the folder that was last used on it
	}
	return dir
}
