// Package host reads what the firmware says of the machine that a chip sits in:
// the maker, the product and the serial number that stand on its label, so that
// a record of the chip can be matched with the box in the warehouse.
//
// The rule for its users: none of it is proof of anything. Many makers leave
// the fields as they found them; such a placeholder is not an identity and is
// never returned as one, it becomes an empty value and a note that says so.
//
// Read-ek asks it once per machine; nothing else depends on it.
package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Facts are what is known of a machine. What is not known is empty.
type Facts struct {
	Hostname     string `json:"hostname"`
	Manufacturer string `json:"manufacturer"`
	Product      string `json:"product"`
	Serial       string `json:"serial"`
	UUID         string `json:"uuid"` // SMBIOS type 1, in lower case
}

// Where the Linux kernel shows the SMBIOS table, type 1 "System Information"
// (DMTF DSP0134), and what a board without SMBIOS has instead.
const (
	dmi        = "sys/class/dmi/id/"
	deviceTree = "sys/firmware/devicetree/base/"
)

// Local returns the facts of this machine. The notes are for people: one line
// for each value that is missing and whose absence has a reason worth knowing.
// Outside Linux only the host name is known.
func Local() (facts Facts, notes []string) {
	if runtime.GOOS == "linux" {
		facts, notes = Read(os.DirFS("/"))
	}
	name, err := os.Hostname()
	if err != nil {
		notes = append(notes, fmt.Sprintf("hostname: %v", err))
	}
	facts.Hostname = clean(name)
	return facts, notes
}

// Read returns the facts that the files of a Linux system tell, everything but
// the host name. fsys is the system's root directory.
func Read(fsys fs.FS) (facts Facts, notes []string) {
	for _, field := range []struct {
		name  string
		value *string
		files []string // the first that says something is taken
	}{
		{"manufacturer", &facts.Manufacturer, []string{dmi + "sys_vendor"}},
		{"product", &facts.Product, []string{dmi + "product_name", deviceTree + "model"}},
		{"serial", &facts.Serial, []string{dmi + "product_serial", deviceTree + "serial-number"}},
		{"uuid", &facts.UUID, []string{dmi + "product_uuid"}},
	} {
		for _, file := range field.files {
			value, note := read(fsys, file)
			if note != "" {
				notes = append(notes, field.name+": "+note)
			}
			if value != "" {
				*field.value = value
				break
			}
		}
	}
	facts.UUID = strings.ToLower(facts.UUID)
	return facts, notes
}

// maxValue bounds what is read of one file. SMBIOS strings have 64 bytes at
// most in practice, device-tree ones not many more.
const maxValue = 256

// read returns the value in a file, or an empty one and, unless the machine
// simply has no such file, the reason.
func read(fsys fs.FS, name string) (value, note string) {
	f, err := fsys.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", ""
	case errors.Is(err, fs.ErrPermission):
		return "", "only root may read it"
	case err != nil:
		return "", err.Error()
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxValue))
	if err != nil {
		return "", err.Error()
	}
	value = clean(string(raw))
	if Placeholder(value) {
		if value == "" {
			return "", "the firmware leaves it empty"
		}
		return "", fmt.Sprintf("%q is a placeholder that the maker left in the firmware", value)
	}
	return value, ""
}

// clean makes one printable line of firmware text: device-tree strings end in a
// zero byte, and nothing that comes from outside may act on a terminal.
func clean(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
