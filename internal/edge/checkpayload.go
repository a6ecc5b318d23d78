package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
)

// maxPayload is what DPS takes of a device's own data, and more.
const maxPayload = 256 << 10

// payload looks at the document that goes to DPS with each registration. IoT
// Edge reads it late, when it provisions.
func (c *checker) payload() {
	n := c.root.at("provisioning", "payload", "uri")
	if n == nil || c.options.Root == nil || checkFileURL(n.entry.Text) != nil {
		return
	}
	u, err := url.Parse(n.entry.Text)
	if err != nil {
		return
	}
	f := Finding{Rule: "payload", Fix: "put the document there, readable for the user aziotid"}
	switch err := checkDocument(c.options.Root, strings.TrimPrefix(u.Path, "/")); {
	case errors.Is(err, fs.ErrNotExist):
		f.Message = fmt.Sprintf("there is no %s", u.Path)
	case errors.Is(err, fs.ErrPermission):
		f.Severity, f.Message, f.Fix = Warning, fmt.Sprintf("%s was not looked at: no permission", u.Path), "run this as root: sudo"
	case err != nil:
		f.Message, f.Fix = fmt.Sprintf("%s: %s", u.Path, err), "correct that document"
	default:
		return
	}
	c.at(n, f)
}

// checkDocument reads a JSON document.
func checkDocument(root fs.FS, path string) error {
	f, err := root.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPayload+1))
	switch {
	case err != nil:
		return errors.New("it cannot be read")
	case len(data) > maxPayload:
		return fmt.Errorf("it has more than %d bytes", maxPayload)
	case !json.Valid(data):
		return errors.New("it is no JSON")
	}
	return nil
}
