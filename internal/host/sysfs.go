package host

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"tpmdps/internal/identity"
)

// Where the Linux kernel shows the SMBIOS table, type 1 "System Information"
// (DMTF DSP0134), and what a board without SMBIOS has instead.
const (
	dmi        = "sys/class/dmi/id/"
	deviceTree = "sys/firmware/devicetree/base/"
)

// fromFiles returns the facts that the files of a Linux system tell, everything
// but the host name.
func fromFiles(fsys fs.FS) (facts identity.Host, notes []string) {
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
	return meaningful(string(raw))
}
