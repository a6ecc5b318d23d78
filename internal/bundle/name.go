package bundle

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// ErrPart is for parts that cannot be packed: a name that could end up outside of
// the folder, or twice the same.
var ErrPart = errors.New("not a part of a bundle")

var partName = regexp.MustCompile(`^(?:[a-z0-9][a-z0-9_-]*/)?[a-z0-9][a-z0-9_-]*\.[a-z0-9]+$`)

// check refuses what would make a zip that is not safe to unpack.
func (b Bundle) check() error {
	switch {
	case b.Redact == nil:
		return fmt.Errorf("%w: nothing would be redacted", ErrPart)
	case !folderName.MatchString(b.Folder):
		return fmt.Errorf("%w: the folder %q", ErrPart, b.Folder)
	case len(b.Parts) > maxParts:
		return fmt.Errorf("%w: there are %d", ErrPart, len(b.Parts))
	}
	seen := map[string]bool{manifestName: true, strings.ToLower(readmeName): true} // some file systems have no capitals
	for _, p := range b.Parts {
		if !partName.MatchString(p.Name) || seen[p.Name] {
			return fmt.Errorf("%w: %q", ErrPart, p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}

var (
	folderName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$`)
	notInNames = regexp.MustCompile(`[^A-Za-z0-9-]+`)
)

// Name is what a bundle of a host is called, without ".zip": the host's name with
// nothing in it that a file name may not have, and the time in UTC.
func Name(host string, at time.Time) string {
	host = strings.Trim(notInNames.ReplaceAllString(host, "-"), "-")
	if len(host) > 63 {
		host = host[:63]
	}
	if host == "" {
		host = "unknown"
	}
	return "tpmdps-support-" + host + "-" + at.UTC().Format("20060102T150405Z")
}
