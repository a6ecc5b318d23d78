package batch

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/inventory"
)

// Few is how many machines are enrolled one after the other, each with requests of its
// own. More are enrolled in bulk.
const Few = 50

// Look is what the first reading of a batch found. Of a long one it has hashes, not
// machines.
type Look struct {
	// About is the inventory. Its Entries are all of it where there are at most [Few],
	// and otherwise only some of those that cannot be enrolled.
	About inventory.Inventory
	// Machines is how many entries there are, Records how many of them can be enrolled.
	Machines, Records int
	// LongestID is the length of the longest registration ID.
	LongestID int
	// Settings is the first entry with which the settings for all do not go together.
	Settings error

	options inventory.Options
	names   inventory.Duplicates
	foreign []string
	more    int // foreign ones beyond those
}

// maxNamed bounds how many faults of a batch, or of what came of it, are named.
const maxNamed = 20

// LookAt reads a batch once. The error is that of [inventory.Stream].
func LookAt(r io.Reader, settings enroll.Settings) (*Look, error) {
	return lookAt(r, settings, inventory.Options{})
}

// LookAtGood is LookAt for a batch whose damaged lines are left out, now and when it is
// read again. They are in About.
func LookAtGood(r io.Reader, settings enroll.Settings) (*Look, error) {
	return lookAt(r, settings, inventory.Options{SkipDamaged: true})
}

func lookAt(r io.Reader, settings enroll.Settings, o inventory.Options) (*Look, error) {
	l := &Look{options: o}
	var others []inventory.Entry
	for e, err := range inventory.Stream(r, o, &l.About) {
		if err != nil {
			return l, err
		}
		if l.Machines++; l.Machines <= Few {
			l.About.Entries = append(l.About.Entries, e)
		}
		if e.Other != "" && len(others) < maxNamed {
			others = append(others, e)
		}
		l.add(e, settings)
	}
	if l.Machines > Few {
		l.About.Entries = others
		l.About.MoreOthers = l.Machines - l.Records - len(others)
	}
	l.names.Forget()
	return l, nil
}

func (l *Look) add(e inventory.Entry, settings enroll.Settings) {
	l.LongestID = max(l.LongestID, len(e.Record.RegistrationID))
	if e.Other != "" {
		return
	}
	l.Records++
	l.names.Add(e)
	if err := enroll.CheckIDs([]identity.Record{e.Record}); err != nil {
		if len(l.foreign) == maxNamed {
			l.more++
		} else {
			l.foreign = append(l.foreign, fmt.Sprintf("line %d: %s", e.Line, strings.TrimPrefix(err.Error(), enroll.ErrForeignID.Error()+": ")))
		}
	}
	if err := e.Override(settings); err != nil && l.Settings == nil {
		l.Settings = err
	}
}

// IsFew tells whether the machines are to be enrolled one after the other: then all are
// in About.
func (l *Look) IsFew() bool { return l.Machines <= Few }

// Check is why nothing of the batch is enrolled: machines that cannot both be, which
// wraps [enroll.ErrDuplicate], or, unless that is allowed, IDs made of other keys
// ([enroll.ErrForeignID]).
func (l *Look) Check(p enroll.Policy) error {
	if err := l.names.Err(); err != nil {
		return err
	}
	if p.ForeignID || len(l.foreign) == 0 {
		return nil
	}
	reasons := l.foreign
	if l.more > 0 {
		reasons = append(reasons[:maxNamed:maxNamed], fmt.Sprintf("and %d more", l.more))
	}
	return fmt.Errorf("%w: %w", enroll.ErrForeignID, errors.New(strings.Join(reasons, "; ")))
}
