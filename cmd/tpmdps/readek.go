package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/host"
	"tpmdps/internal/identity"
	"tpmdps/internal/tpm"
)

func readEKCommand() command {
	return command{
		name:  "read-ek",
		usage: "read the chip's endorsement key and registration ID",
		description: "Reads the endorsement key (EK) at 0x81010001, or derives it from the TCG's L-1\n" +
			"template, and shows both registration IDs that tools make of it: base32, as the\n" +
			"C, Node and Java SDKs, and hex, as the documented Linux recipe. The chip is left\n" +
			"as it was, unless --persist writes EK and SRK to their handles where these are\n" +
			"empty.",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "id-format", Value: "base32", Usage: "enroll under the derived ID in `FORMAT`: base32 or hex"},
			&cli.StringFlag{Name: "registration-id", Usage: "enroll under an `ID` of your own instead"},
			&cli.BoolFlag{Name: "persist", Usage: "write EK and SRK to 0x81010001 and 0x81000001, where nothing is yet (undo: tpm2_evictcontrol)"},
		},
		exits:   []int{10, 11, 12, 13, 14, 15},
		timeout: 10 * time.Minute,
		run:     readEK,
	}
}

func readEK(s *session) (err error) {
	choose, err := chooseID(s)
	if err != nil {
		return err
	}
	d, err := s.openTPM()
	if err != nil {
		return err
	}
	defer joinClose(&err, d)
	if s.flag.Bool("persist") {
		if err := persist(s, d); err != nil {
			return err
		}
	}
	r, err := localRecord(s, d)
	if err != nil {
		return err
	}
	r.RegistrationID = choose(r)
	return s.print(recordResult{r})
}

// chooseID checks the flags that name the registration ID, and returns how it
// is picked from a record.
func chooseID(s *session) (func(identity.Record) string, error) {
	own, format := s.flag.String("registration-id"), s.flag.String("id-format")
	switch {
	case own != "" && s.flag.IsSet("id-format"):
		return nil, fmt.Errorf("%w: --registration-id and --id-format exclude each other", errUsage)
	case own != "":
		return func(identity.Record) string { return own }, identity.CheckRegistrationID(own)
	case format == "hex":
		return func(r identity.Record) string { return r.RegistrationIDs.Hex }, nil
	case format == "base32":
		return func(r identity.Record) string { return r.RegistrationIDs.Base32 }, nil
	}
	return nil, fmt.Errorf("%w: --id-format %q: choose base32 or hex", errUsage, identity.Printable(format, 20))
}

// localRecord reads the chip and the machine around it.
func localRecord(s *session, d *tpm.Device) (identity.Record, error) {
	r, err := d.Record()
	if err != nil {
		return r, err
	}
	facts, notes := host.Local()
	for _, note := range notes {
		s.log.Debug("host", "note", note)
	}
	r.Host = identity.Host(facts)
	r.ReadAt = time.Now().UTC().Truncate(time.Second)
	r.Tool = "tpmdps " + version
	return r, nil
}

// persist writes EK and SRK to their handles where nothing is yet.
func persist(s *session, d *tpm.Device) error {
	for _, k := range []struct {
		name   string
		handle uint32
		open   func() (*tpm.Key, error)
	}{
		{"EK", tpm.HandleEK, d.EK},
		{"SRK", tpm.HandleSRK, d.SRK},
	} {
		key, err := k.open()
		if err != nil {
			return err
		}
		if key.Handle != 0 {
			s.say("%s: already at %#x", k.name, key.Handle)
			continue
		}
		if err := errors.Join(d.Persist(key, k.handle), key.Close()); err != nil {
			return err
		}
		s.say("%s: written to %#x", k.name, k.handle)
	}
	return nil
}

// recordResult prints a record.
type recordResult struct{ identity.Record }

func (r recordResult) lines() []any { return []any{r} }

func (r recordResult) fields() [][]string {
	return [][]string{{r.RegistrationID, r.RegistrationIDs.Base32, r.RegistrationIDs.Hex, r.EndorsementKey, r.EKHandle, r.Host.Serial}}
}

func (r recordResult) show(w io.Writer) error {
	rows := [][]string{{"Registration ID", r.RegistrationID}}
	for _, other := range []struct{ id, who string }{
		{r.RegistrationIDs.Base32, "base32: C, Node and Java SDKs"},
		{r.RegistrationIDs.Hex, "hex: documented Linux recipe"},
	} {
		if other.id == r.RegistrationID {
			rows[0][1] += "  (" + other.who + ")"
		} else {
			rows = append(rows, []string{"  or", other.id + "  (" + other.who + ")"})
		}
	}
	from := "persistent, at " + r.EKHandle
	if r.EKHandle == "" {
		from = "derived from the TCG L-1 template, not stored on the chip"
	}
	rows = append(rows,
		[]string{"Endorsement key", from},
		[]string{"TPM", fmt.Sprintf("%s %s, firmware %s, specification %s", r.TPM.Manufacturer, r.TPM.Vendor, r.TPM.Firmware, r.TPM.Spec)},
		[]string{"Passwords", passwords(r.TPM)},
		[]string{"Machine", machine(r.Host)},
	)
	if err := table(w, nil, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nEndorsement key, as DPS takes it:\n%s\n", r.EndorsementKey)
	return err
}

func passwords(c identity.Chip) string {
	switch {
	case c.OwnerAuthSet && c.EndorsementAuthSet:
		return "owner and endorsement hierarchy"
	case c.OwnerAuthSet:
		return "owner hierarchy"
	case c.EndorsementAuthSet:
		return "endorsement hierarchy"
	}
	return "none"
}

func machine(h identity.Host) string {
	out := h.Hostname
	for _, part := range []struct{ before, value string }{
		{", ", h.Manufacturer}, {" ", h.Product}, {", serial ", h.Serial},
	} {
		if part.value != "" {
			out += part.before + part.value
		}
	}
	return out
}
