package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"tpmdps/internal/disk"
	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// templateName is what IoT Edge's package installs beside its configuration.
const templateName = "config.toml.edge.template"

// target is the file that is written, and what it is made of.
type target struct {
	path   string
	legacy bool   // the config.yaml of IoT Edge 1.1
	exists bool   // it is edited in place
	text   []byte // the file itself, or the template; nil: neither is there
	from   string // the template's path

	// record reads the chip, at the first call.
	record func() (identity.Record, error)
}

// findTarget looks at the file before the chip is asked, which may take a
// minute.
func findTarget(s *session) (target, error) {
	t := target{path: s.flag.String("config")}
	t.record = sync.OnceValues(func() (identity.Record, error) { return idRecord(s) })
	switch v := s.flag.String("for"); v {
	case "", "1.4", "1.5", "1.6":
	case "1.1":
		t.legacy = true
		if !s.flag.IsSet("config") {
			t.path = configYAML
		}
	default:
		return t, fmt.Errorf("%w: --for %q: choose 1.1, 1.4, 1.5 or 1.6", errUsage, text.Printable(v, 20))
	}
	if t.path == "-" {
		return t, s.excludes("config -", "dry-run")
	}
	err := t.read(s)
	s.learn(edge.SecretValues(t.text)...)
	return t, err
}

func (t *target) read(s *session) error {
	t.exists, t.text, t.from = false, nil, ""
	info, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t.readTemplate(s)
	case err != nil:
		return cannotRead(t.path, err)
	case !info.Mode().IsRegular():
		return notFile(t.path, info.Mode())
	case t.legacy:
		return fmt.Errorf("%s: %w; a file of IoT Edge 1.1 is not edited", t.path, fs.ErrExist)
	}
	t.exists = true
	t.text, err = readLimited(s.ctx, t.path, edge.MaxFile)
	return err
}

// readTemplate finds what a new file is made of.
func (t *target) readTemplate(s *session) error {
	switch info, err := os.Lstat(t.path); {
	case err != nil:
	case info.Mode().Type() != fs.ModeSymlink:
		return t.read(s) // another run has just made it
	default:
		return fmt.Errorf("%w: %s is a symbolic link to what is not there", errUsage, t.path)
	}
	dir := filepath.Dir(t.path)
	whyNot := "" // only the package makes this one
	if dir == filepath.Dir(configTOML) || dir == filepath.Dir(configYAML) {
		whyNot = "; is IoT Edge installed?"
	}
	if info, err := os.Stat(dir); err != nil {
		return disk.At(t.path, fmt.Errorf("%w: there is no directory %s to write %s to%s: %w", errUsage, dir, filepath.Base(t.path), whyNot, err))
	} else if !info.IsDir() {
		return &disk.Error{Cause: disk.NoFolder, Path: t.path, Err: fmt.Errorf("write %s: %s is not a directory", t.path, dir)}
	}
	if t.legacy {
		return nil
	}
	from := filepath.Join(dir, templateName)
	text, err := readLimited(s.ctx, from, edge.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	t.text, t.from = text, from
	return err
}

// leaveToFile keeps variables of the environment from changing what a file says:
// only a flag does. They are there for other runs, such as one of verify.
func (t target) leaveToFile(s *session, told *edge.Config) error {
	if !t.exists {
		return nil
	}
	for _, at := range []struct {
		flag, key string
		told      *string
	}{
		{"id-scope", "provisioning.id_scope", &told.IDScope},
		{"registration-id", "provisioning.attestation.registration_id", &told.RegistrationID},
		{"global-endpoint", "provisioning.global_endpoint", &told.GlobalEndpoint},
	} {
		value := s.flag.String(at.flag)
		says, ok := edge.Says(t.text, at.key)
		if value == "" || !ok || s.onCommandLine(at.flag) {
			continue
		}
		*at.told = ""
		if err := s.flag.Set(at.flag, ""); err != nil {
			return err
		}
		bare := func(url string) string { return strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/") }
		if !strings.EqualFold(bare(value), bare(says)) {
			s.say("warning: %s stays what the file has, not what the environment has; --%s changes it", at.key, at.flag)
		}
	}
	return nil
}

// said is what the file says of its registration ID, "" if nothing yet.
func (t target) said() string {
	if !t.exists {
		return ""
	}
	c, err := edge.Parse(t.text)
	if err != nil || edge.IsPlaceholder(c.RegistrationID) {
		return ""
	}
	return c.RegistrationID
}

// plan makes the file as it shall be.
func (t target) plan(s *session, settings *edge.Config) (configResult, error) {
	r := configResult{File: t.path, Template: t.from, DryRun: s.flag.Bool("dry-run"), Changes: []edge.Change{}, Removed: []string{}}
	if err := t.leaveToFile(s, settings); err != nil {
		return r, err
	}
	told := *settings
	// What is wrong with the file is said before the chip is asked.
	if _, err := t.edit(s, withID(told)); err != nil {
		return r, err
	}
	var err error
	if told.RegistrationID, r.FromChip, err = registrationID(s, t.said(), t.record); err != nil {
		return r, err
	}
	e, err := t.edit(s, told)
	if err != nil {
		return r, err
	}
	r.IDScope, r.RegistrationID, r.data = e.Config.IDScope, e.Config.RegistrationID, e.Data
	r.Changes = append(r.Changes, e.Changes...)
	switch {
	case !t.exists:
		r.Action = "create"
	case bytes.Equal(e.Data, t.text):
		r.Action = "unchanged"
	default:
		r.Action = "change"
	}
	r.Diff = t.diff(e.Data)
	return r, nil
}

// withID stands in for an ID that is not known yet.
func withID(told edge.Config) edge.Config {
	if told.RegistrationID == "" {
		told.RegistrationID = "from-the-chip"
	}
	return told
}

// edit makes the new text of the old one, or of a template.
func (t target) edit(s *session, told edge.Config) (edge.Edit, error) {
	if t.text == nil {
		return t.render(told)
	}
	if t.from != "" && told.AutoReprovisioningMode == "" {
		told.AutoReprovisioningMode = "Dynamic"
	}
	e, err := told.ApplyTo(t.text, edge.EditOptions{ReplaceProvisioning: s.flag.Bool("replace-provisioning")})
	if err == nil {
		return e, nil
	}
	if t.from != "" {
		return e, fmt.Errorf("%s: %w: %w", t.from, errConfigFile, err)
	}
	if e.Config.IDScope == "" && errors.Is(err, identity.ErrIDScope) && told.IDScope == "" {
		if c, err := edge.Parse(t.text); err != nil || c.IDScope == "" {
			return e, errNoScope
		}
	}
	return e, &fileFault{t.path, err}
}

func (t target) render(told edge.Config) (e edge.Edit, err error) {
	if told.IDScope == "" {
		return e, errNoScope
	}
	e.Config = told
	if !t.legacy {
		e.Data, err = edge.Render(told)
		return e, err
	}
	if e.Config.Hostname == "" {
		name, err := os.Hostname()
		if err != nil {
			return e, fmt.Errorf("find out the host name: %w", err)
		}
		e.Config.Hostname = strings.ToLower(name)
	}
	e.Data, err = edge.RenderLegacy(e.Config)
	return e, err
}

var errNoScope = fmt.Errorf("%w: no ID scope: give --id-scope, or set IOTHUB_DEVICE_DPS_ID_SCOPE", errUsage)
