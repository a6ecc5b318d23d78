package aziot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/template"
	"time"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/disk"
	"tpmdps/templates"
)

// RuleFile is where the rule stands, under the name that IoT Edge's
// documentation gives it. It sorts after the rules of tpm2-tss
// (60-tpm-udev.rules), so that its owner counts.
const RuleFile = "/etc/udev/rules.d/tpmaccess.rules"

var ruleTemplate = template.Must(template.New("tpmaccess.rules").Parse(templates.TPMAccessRules))

// Rule makes the rule that gives the daemon the chip that a TCTI string leads
// to. The error wraps ErrNoRule where no node is opened that udev makes.
func (i Installation) Rule(tcti string) ([]byte, error) {
	w := parseTCTI(tcti)
	number, ok := w.number()
	switch {
	case w.nodes == nil:
		return nil, fmt.Errorf("%w for tcti %q: %s", ErrNoRule, tcti, w.other)
	case !ok:
		return nil, fmt.Errorf("%w for tcti %q: udev makes /dev/tpmrm0 and /dev/tpm0, and what has another number", ErrNoRule, tcti)
	}
	// Without the group the rule is good anyway.
	local, _ := i.Machine.Accounts()
	var b bytes.Buffer
	err := ruleTemplate.Execute(&b, map[string]any{"User": User, "Number": number, "TSS": local.HasGroup("tss")})
	return b.Bytes(), err
}

// Installed tells whether the daemon's user is there. The error wraps
// ErrNotInstalled where it is not: udev ignores a rule whose user it does
// not know.
func (i Installation) Installed() error {
	local, err := i.Machine.Accounts()
	if err != nil {
		return err
	}
	if _, found := local.User(User); !found {
		return fmt.Errorf("%w: there is no user %s, and udev ignores a rule for a user that it does not know", ErrNotInstalled, User)
	}
	return nil
}

// RuleState says what WriteRule would do: create, change or do nothing
// (unchanged). old is what stands there now.
func (i Installation) RuleState(rule []byte) (action string, old []byte, err error) {
	old, err = os.ReadFile(i.Machine.Path(RuleFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "create", nil, nil
	case err != nil:
		return "", nil, disk.At(i.Machine.Path(RuleFile), err)
	case bytes.Equal(old, rule):
		return "unchanged", old, nil
	}
	return "change", old, nil
}

// RuleWritten is what WriteRule did.
type RuleWritten struct {
	Action  string   // as of RuleState
	Backup  string   // where that is now what the file had, "" for nothing
	Removed []string // older backups
}

// WriteRule puts the rule into its file. It waits for another run that is at the
// same, until ctx ends.
func (i Installation) WriteRule(ctx context.Context, rule []byte, now time.Time) (w RuleWritten, err error) {
	w.Removed = []string{}
	path := i.Machine.Path(RuleFile)
	lock, err := atomicfile.Acquire(ctx, path, nil)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	action, old, err := i.RuleState(rule)
	if err != nil {
		return w, err
	}
	switch w.Action = action; action {
	case "create":
		err = atomicfile.Create(path, rule, 0o644)
	case "change":
		if w.Backup, err = atomicfile.Replace(path, old, rule, now); err == nil {
			// What cannot be removed now is removed by the next run.
			w.Removed, _ = atomicfile.Prune(path, atomicfile.Backups, w.Backup)
		}
	}
	return w, err
}
