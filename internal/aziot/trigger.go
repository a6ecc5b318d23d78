package aziot

import (
	"context"
	"errors"
	"strings"
)

// TriggerCommands put a rule into force: they have udev read its rules, and go
// over the chip again. The last one waits until it has.
func TriggerCommands() []string {
	return []string{
		"udevadm control --reload",
		"udevadm trigger --subsystem-match=tpm --subsystem-match=tpmrm",
		"udevadm settle --timeout=10",
	}
}

// Trigger runs TriggerCommands. The error wraps ErrNoProgram where there is no
// udevadm. Without an error the rule need not be in force: udevadm says nothing
// of a rule that udev does not accept, and does nothing in a chroot.
func (i Installation) Trigger(ctx context.Context) error {
	for _, command := range TriggerCommands() {
		words := strings.Fields(command)
		_, err := i.program(words[0], words[1:]...).Output(ctx)
		// Other devices may keep udev busy; ours may be done anyway.
		tolerated := strings.Contains(command, " settle ") && !errors.Is(err, ErrNoProgram) && ctx.Err() == nil
		if err != nil && !tolerated {
			return err
		}
	}
	return nil
}
