package configfile

import (
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/identity"
)

// ErrOtherID is wrapped where nothing says which of two registration IDs is right.
var ErrOtherID = errors.New("the file has another registration ID than this chip's")

// chipRecord is what was read from the chip.
type chipRecord struct {
	record identity.Record
	whole  bool
	err    error
}

// chip reads what registration IDs are made of.
func (t *Target) chip(whole bool) (identity.Record, error) {
	if t.record == nil || whole && !t.record.whole {
		record, err := t.request.Record(whole)
		t.record = &chipRecord{record, whole, err}
	}
	return t.record.record, t.record.err
}

// chosenID is the ID to set: the one that was given, or the chip's; "" leaves the
// file's as it is. A name of somebody's choice is left alone; an ID that is made of
// a key has to be made of this chip's.
func (t *Target) chosenID() (id string, fromChip bool, err error) {
	given, inFile := t.registrationID().Text, t.fileID()
	switch {
	case given != "" && !isTemplate(given):
		return given, false, nil
	case given == "" && inFile != "" && !identity.IsDerived(inFile) && !t.request.Derive:
		return "", false, nil
	}
	record, err := t.chip(isTemplate(given))
	if err != nil {
		if inFile != "" && given == "" {
			err = fmt.Errorf("the chip could not be asked whether %q in the file is its registration ID (--registration-id %[1]s keeps it without asking): %w", inFile, err)
		}
		return "", false, err
	}
	template := given
	if template == "" {
		template = t.request.IDTemplate
	}
	id, err = identity.ExpandRegistrationID(template, record)
	if err != nil || inFile == "" || given != "" || t.request.Derive {
		return id, true, err
	}
	ids := record.RegistrationIDs
	if strings.EqualFold(inFile, ids.Base32) || strings.EqualFold(inFile, ids.Hex) {
		return "", true, nil
	}
	return "", false, fmt.Errorf("%w: %s in the file, %s of the chip; was the file copied from another machine?", ErrOtherID, inFile, id)
}
