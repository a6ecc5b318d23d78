package main

import (
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/identity"
)

// errOtherID: nobody said which of two registration IDs is right.
var errOtherID = errors.New("the file has another registration ID than this chip's")

// registrationID is the ID to set: the one that was given, or the chip's. inFile
// is what the file says; "" for the result leaves it as it is. A name of somebody's
// choice is left alone; an ID that is made of a key has to be made of this chip's.
// read reads what IDs are made of, from the chip.
func registrationID(s *session, inFile string, read func() (identity.Record, error)) (_ string, fromChip bool, err error) {
	given := s.ownID()
	if given != "" && !strings.Contains(given, "{") {
		return given, false, nil
	}
	if given == "" && inFile != "" && !identity.IsDerived(inFile) && !s.onCommandLine("id-format") {
		return "", false, nil
	}
	record, err := read()
	if err != nil {
		if inFile != "" && given == "" {
			err = fmt.Errorf("the chip could not be asked whether %q in the file is its registration ID (--registration-id %[1]s keeps it unasked): %w", inFile, err)
		}
		return "", false, err
	}
	choose, err := chooseID(s)
	if err != nil {
		return "", false, err
	}
	id, err := choose(record)
	if err != nil || inFile == "" || given != "" || s.onCommandLine("id-format") {
		return id, true, err
	}
	ids := record.RegistrationIDs
	if strings.EqualFold(inFile, ids.Base32) || strings.EqualFold(inFile, ids.Hex) {
		return "", true, nil
	}
	return "", false, fmt.Errorf("%w: %s in the file, %s of the chip; was the file copied from another machine?", errOtherID, inFile, id)
}

// idRecord reads what registration IDs are made of.
func idRecord(s *session) (_ identity.Record, err error) {
	d, err := s.openTPM()
	if err != nil {
		return identity.Record{}, err
	}
	defer joinClose(&err, d)
	if strings.Contains(s.ownID(), "{") {
		return localRecord(s, d) // a template may ask for the machine's serial number
	}
	ek, err := d.EK()
	if err != nil {
		return identity.Record{}, err
	}
	return identity.Record{RegistrationIDs: identity.RegistrationIDs(ek.Public)}, ek.Close()
}
