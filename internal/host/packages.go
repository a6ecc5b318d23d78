package host

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Package is a package that has to do with IoT Edge or with the TPM.
type Package struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	// State is dpkg's, such as "install ok installed".
	State string `json:"state"`
}

// Bounds for dpkg's status file; that of a full desktop has ten MiB.
const (
	maxStatusFile = 64 << 20
	maxStatusLine = 1 << 20
	maxPackages   = 200
)

// packagePrefixes are what the names of those packages begin with.
var packagePrefixes = []string{
	"aziot-", "iotedge", "libiothsm", "azure-iot", "defender-iot", "moby-",
	"tpm-udev", "tpm2-", "libtss2-", "libtpm", "tpm-tools", "libtspi", "trousers", "swtpm",
}

// parsePackages reads dpkg's status file: paragraphs of "Field: value" lines, a
// blank line between them (deb-control(5)). Packages that have nothing to do with
// the chip are skipped. Packages are in the order of their names.
func parsePackages(r io.Reader) ([]Package, error) {
	found := []Package{}
	var p Package
	end := func() {
		if p.Name != "" && len(found) < maxPackages && isOurs(p.Name) {
			found = append(found, p)
		}
		p = Package{}
	}
	lines := bufio.NewScanner(io.LimitReader(r, maxStatusFile))
	lines.Buffer(make([]byte, 0, 64<<10), maxStatusLine)
	for lines.Scan() {
		line := lines.Text()
		if strings.TrimSpace(line) == "" {
			end()
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = cut(clean(value))
		switch strings.ToLower(field) { // a line that goes on begins with a blank
		case "package":
			p.Name = value
		case "version":
			p.Version = value
		case "architecture":
			p.Architecture = value
		case "status":
			p.State = value
		}
	}
	end()
	slices.SortFunc(found, func(a, b Package) int { return strings.Compare(a.Name+a.Architecture, b.Name+b.Architecture) })
	if err := lines.Err(); err != nil {
		return found, fmt.Errorf("read dpkg's status: %w", err)
	}
	return found, nil
}

func isOurs(name string) bool {
	return slices.ContainsFunc(packagePrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// cut bounds a value that comes from a file of the system.
func cut(s string) string {
	if len(s) > maxValue {
		return strings.ToValidUTF8(s[:maxValue], "")
	}
	return s
}
