package lint

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/text"
)

// maxPayload is what DPS accepts of a device's own data, and more.
const maxPayload = 256 << 10

// payload looks at the document that goes to DPS with each registration. IoT
// Edge reads it late, when it provisions.
func (c *checker) payload() {
	n := c.root.at("provisioning", "payload", "uri")
	if n == nil || c.options.Root == nil {
		return
	}
	name, err := schema.FilePath(n.entry.Text)
	if err != nil {
		return
	}
	f := Finding{Rule: "payload", Fix: "put the document there, readable for the user aziotid"}
	switch err := checkDocument(c.options.Root, name); {
	case errors.Is(err, fs.ErrNotExist):
		f.Message = fmt.Sprintf("there is no %s", name)
	case errors.Is(err, fs.ErrPermission):
		f.Severity, f.Message, f.Fix = Warning, fmt.Sprintf("%s was not checked: no permission", name), "run this as root: sudo"
	case err != nil:
		f.Message, f.Fix = fmt.Sprintf("%s: %s", name, err), "correct that document"
	default:
		return
	}
	c.at(n, f)
}

// checkDocument reads a JSON document. What is not a file, or says that it is empty
// as those of /proc do, is not opened: reading it may never end.
func checkDocument(root fs.FS, name string) error {
	clean := cmp.Or(strings.TrimPrefix(path.Clean(name), "/"), ".")
	if !fs.ValidPath(clean) {
		return errors.New("that is not a path")
	}
	info, err := fs.Stat(root, clean)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || strings.HasSuffix(name, "/"):
		return errors.New("it is not a file")
	case info.Size() == 0:
		return errors.New("it is empty")
	case info.Size() > maxPayload:
		return fmt.Errorf("it has more than %d bytes", maxPayload)
	}
	f, err := root.Open(clean)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPayload+1))
	switch {
	case err != nil:
		return errors.New("it cannot be read")
	case len(data) > maxPayload:
		return fmt.Errorf("it has more than %d bytes", maxPayload)
	}
	return checkJSON(data)
}

// checkJSON says what is wrong with a document that IoT Edge reads as it is: UTF-8
// without a byte order mark.
func checkJSON(data []byte) error {
	if json.Valid(data) {
		return nil
	}
	decoded, err := text.Decode(data)
	switch {
	case err != nil:
		return err
	case !json.Valid(decoded.UTF8):
		var value json.RawMessage
		line, reason := text.JSONFault(decoded.UTF8, json.Unmarshal(decoded.UTF8, &value))
		return fmt.Errorf("it is not JSON: line %d: %s", line, reason)
	case decoded.Encoding == text.UTF8:
		return errors.New("it begins with a byte order mark, which IoT Edge does not read; save it as UTF-8 without one")
	}
	return fmt.Errorf("it is stored as %s; save it as UTF-8", decoded.Encoding)
}
