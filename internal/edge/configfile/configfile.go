// Package configfile writes IoT Edge's configuration to a file: it finds what is
// there, plans what it will say, and writes that as one whole file. What is in the
// file is package edge's.
//
// The order is Find, [Target.Plan], [Target.Write]. Find and Plan write nothing.
package configfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tpmdps/internal/disk"
	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
)

// Stdout is the path of a file that is only planned, and then printed.
const Stdout = "-"

// LegacyFile is where IoT Edge 1.1 reads its configuration.
const LegacyFile = "/etc/iotedge/config.yaml"

// templateName is what IoT Edge's package installs beside its configuration.
const templateName = "config.toml.edge.template"

// Origin says where a setting comes from.
type Origin int

// The origins. What comes from the environment may be there for other runs, so it
// fills in what a file does not say, and changes nothing that it says.
const (
	CommandLine Origin = iota
	Environment
)

// Setting is a value of the operator's that the file may have as well; Text is ""
// where there is none.
type Setting struct {
	Text string
	From Origin
}

// OrFile is the value, or the file's where it has one: that goes before a variable of
// the environment, which may be there for another run, and after the command line.
func (s Setting) OrFile(text string) string {
	if text != "" && (s.Text == "" || s.From != CommandLine) {
		return text
	}
	return s.Text
}

// Request is what the file is to say.
type Request struct {
	Path   string // or Stdout
	Legacy bool   // the config.yaml of IoT Edge 1.1, which is never edited

	IDScope, GlobalEndpoint Setting
	// RegistrationID is an ID, or a template with {…}. Without one, the ID is derived
	// from the chip, unless the file has one that can stay.
	RegistrationID Setting
	// IDTemplate is what an ID is derived with, such as "{ek32}".
	IDTemplate string
	// Derive: the operator asked for a derived ID, so the file's does not stay.
	Derive bool
	// Other has all other settings. Its fields for the three above are ignored.
	Other edge.Config

	ReplaceProvisioning bool // see [edge.EditOptions]
	DryRun              bool // nothing is written
	Backups             int  // how many old files are kept, 1 at least

	// Read reads a file, which has to be a regular one. Its error for one that is not
	// there wraps fs.ErrNotExist.
	Read func(path string) ([]byte, error)
	// Record reads what registration IDs are made of, from the chip: the IDs that are
	// derived from the EK, or, for a template, all of it. No answer is asked for twice.
	Record func(whole bool) (identity.Record, error)
	// Notify is handed what happens meanwhile, for people; a warning says so.
	Notify func(format string, args ...any)
}

// RequestError is for a request that has to be changed: something is missing in it,
// or it names the wrong place.
type RequestError struct{ Err error }

// Error implements error.
func (e *RequestError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *RequestError) Unwrap() error { return e.Err }

// errNoScope is for a file that has no ID scope after the edit either.
var errNoScope = &RequestError{errors.New("no ID scope: give --id-scope, or set IOTHUB_DEVICE_DPS_ID_SCOPE")}

// Validate finds what is wrong with the settings whatever chip and file say. The
// error wraps [edge.ErrInvalid].
func (r Request) Validate() error {
	c := r.Other
	c.IDScope, c.RegistrationID, c.GlobalEndpoint = r.IDScope.Text, r.RegistrationID.Text, r.GlobalEndpoint.Text
	if isTemplate(c.RegistrationID) {
		c.RegistrationID = ""
	}
	if err := c.CheckFilledIn(); err != nil {
		return err
	}
	if c.IDScope == "" {
		c.IDScope = "0ne00000000" // the file may have one
	}
	if c.RegistrationID == "" {
		c.RegistrationID = unknownID
	}
	return c.Validate()
}

// unknownID stands in for an ID that the chip will give.
const unknownID = "from-the-chip"

// Target is the file that is written, and what it is made of.
type Target struct {
	request Request
	exists  bool   // it is edited in place
	text    []byte // the file itself, or the template; nil: neither is there
	from    string // the template's path
	warned  map[string]bool

	record *chipRecord // nil: not asked for yet
}

// Find looks at the file. It does so before the chip is asked, which may take a
// minute.
func Find(r Request) (*Target, error) {
	t := &Target{request: r, warned: map[string]bool{}}
	if r.Path == Stdout {
		return t, nil
	}
	return t, t.read()
}

// TCTI is how the file that is there has IoT Edge open the chip, "" where it does not
// say.
func (t *Target) TCTI() string {
	if !t.exists {
		return ""
	}
	c, err := edge.Parse(t.text)
	if err != nil {
		return ""
	}
	return c.TCTI
}

func (t *Target) read() error {
	t.exists, t.text, t.from = false, nil, ""
	path := t.request.Path
	data, err := t.request.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t.readTemplate()
	case err != nil:
		return err
	case t.request.Legacy:
		return fmt.Errorf("%s: %w; a file of IoT Edge 1.1 is not edited", path, fs.ErrExist)
	}
	t.exists, t.text = true, data
	return nil
}

// readTemplate finds what a new file is made of.
func (t *Target) readTemplate() error {
	path := t.request.Path
	switch info, err := os.Lstat(path); {
	case err != nil:
	case info.Mode().Type() != fs.ModeSymlink:
		return t.read() // another run has just made it
	default:
		return &RequestError{fmt.Errorf("%s is a symbolic link to a file that does not exist", path)}
	}
	dir := filepath.Dir(path)
	installHint := "" // only the package makes these
	if dir == filepath.Dir(edge.DefaultFile) || dir == filepath.Dir(LegacyFile) {
		installHint = "; is IoT Edge installed?"
	}
	if info, err := os.Stat(dir); err != nil {
		return disk.At(path, &RequestError{fmt.Errorf("there is no directory %s to write %s to%s: %w", dir, filepath.Base(path), installHint, err)})
	} else if !info.IsDir() {
		return &disk.Error{Cause: disk.NoFolder, Path: path, Err: fmt.Errorf("write %s: %s is not a directory", path, dir)}
	}
	if t.request.Legacy {
		return nil
	}
	from := filepath.Join(dir, templateName)
	data, err := t.request.Read(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	t.text, t.from = data, from
	return err
}
