package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/host"
	"tpmdps/internal/identity"
	"tpmdps/internal/manifest"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

func readEKCommand() command {
	return command{
		name:  "read-ek",
		usage: "read the chip's endorsement key and registration ID",
		description: "Reads the endorsement key (EK) at 0x81010001, or derives it from the TCG's L-1\n" +
			"template, and shows both registration IDs that tools make of it: base32, as the\n" +
			"C, Node and Java SDKs, and hex, as the documented Linux recipe; and the EK's\n" +
			"certificate, where the chip's maker stored one. The chip is not\n" +
			"changed, unless --persist writes EK and SRK to their handles where these are\n" +
			"empty.\n\n" +
			"With --append the record becomes a line of a batch, a file on a stick for instance,\n" +
			"and is on the disk when the command ends. A box that is there already is not added\n" +
			"again; another box with the same serial number or registration ID is refused.",
		flags: slices.Concat([]cli.Flag{
			idFormatFlag("enroll under the derived ID in `FORMAT`: base32 or hex"),
			&cli.StringFlag{Name: "registration-id", Usage: "enroll under an `ID` of your own instead, or a template such as line7-{serial}: " + identity.Places},
			commandline.LabelFlag("keep the note `KEY=VALUE` in the record; may be given more than once"),
			&cli.BoolFlag{Name: "compare", Usage: "derive every key that a tool may use as the EK, and list them"},
			&cli.BoolFlag{Name: "persist", Usage: "write EK and SRK to 0x81010001 and 0x81000001, where nothing is yet (undo: tpm2_evictcontrol)"},
			qrFlag(),
		}, appendFlags(), trustFlags(), chipFlags(), secretFlags()),
		examples: []string{
			"sudo tpmdps read-ek",
			"sudo tpmdps read-ek --append /media/stick/batch.jsonl --operator Anna",
			"sudo tpmdps read-ek --registration-id 'line7-{serial}' \\\n    --append batch.jsonl",
		},
		exits:   []int{10, 11, 12, 13, 14, 15, 20, 50},
		timeout: 10 * time.Minute,
		rules:   append(trustRules(), rule{flag: "compare", excludes: append([]string{"persist", "registration-id", "id-format", "label", "qr"}, namesOf(appendFlags())...)}),
		run:     readEK,
	}
}

// readEKOptions are those of read-ek.
type readEKOptions struct {
	id      idOptions
	labels  map[string]string
	noting  appendOptions
	trust   examine.Sources
	compare bool
	persist bool
	chip    chipOptions
}

func readReadEKOptions(f flags) (o readEKOptions, err error) {
	o = readEKOptions{compare: f.yes("compare"), persist: f.yes("persist"), labels: f.labels(), chip: readChipOptions(f)}
	if o.id, err = readIDOptions(f); err != nil {
		return o, err
	}
	if o.trust, err = readTrustOptions(f); err != nil {
		return o, err
	}
	o.noting, err = readAppendOptions(f)
	return o, err
}

func readEK(s *session, f flags) (err error) {
	o, err := readReadEKOptions(f)
	if err != nil {
		return err
	}
	drawQR, err := s.qrDrawer(f)
	if err != nil {
		return err
	}
	examiner, err := s.openExaminer(o.trust)
	if err != nil {
		return err
	}
	batch, err := s.openBatch(o.noting)
	if err != nil {
		return err
	}
	if batch != nil {
		defer joinClose(&err, batch)
	}
	d, err := s.openTPM(o.chip)
	if err != nil {
		return err
	}
	defer joinClose(&err, d)
	if o.compare {
		return s.compareEKs(d, examiner)
	}
	out, err := s.readBox(d, examiner, batch, o)
	if err != nil {
		return err
	}
	if err := s.print(out); err != nil {
		return err
	}
	return drawQR(out.RegistrationID)
}

// readBox reads the box around a chip, judges the chip, and adds the box to a batch
// unless that is nil.
func (s *session) readBox(d *tpm.Device, x *examine.Examiner, batch *manifest.Batch, o readEKOptions) (out recordResult, err error) {
	if o.persist {
		if err := s.persist(d); err != nil {
			return out, err
		}
		s.did("EK and SRK are persisted on the chip")
	}
	if out.Record, err = s.boxRecord(d, o.id, o.labels, o.noting); err != nil {
		return out, err
	}
	out.unasked = x.Rootless()
	if _, err = s.judge(x, &out.Record); err != nil || batch == nil {
		return out, err
	}
	out.Batch, err = s.appendTo(batch, o.noting, out.Record)
	if err == nil && out.Batch.but != "" {
		s.warn(out.Batch.but)
	}
	return out, err
}

// boxRecord is the record of a box under the name that it is to have, with the notes on
// it.
func (s *session) boxRecord(d *tpm.Device, id idOptions, labels map[string]string, noting appendOptions) (identity.Record, error) {
	r, err := s.localRecord(d)
	if err != nil {
		return r, err
	}
	r.Labels = labels
	if r.RegistrationID, err = id.of(r); err != nil {
		return r, err
	}
	err = noting.note(&r)
	return r, err
}

// localRecord reads the chip and the machine around it.
func (u *ui) localRecord(d *tpm.Device) (identity.Record, error) {
	r, err := d.Record()
	if err == nil {
		u.addMachine(&r)
	}
	return r, err
}

// addMachine completes a chip's record with the machine around it.
func (u *ui) addMachine(r *identity.Record) {
	facts, notes := here().Machine.Facts()
	r.HostAccount = host.Known(facts, notes)
	for _, name := range slices.Sorted(maps.Keys(r.HostAccount)) {
		u.log.Debug("machine", "fact", name, "is", r.HostAccount[name])
	}
	r.Host = facts
	r.ReadAt = time.Now().UTC().Truncate(time.Second)
	r.Tool = "tpmdps " + version
}

// persist writes EK and SRK to their handles where nothing is yet. The EK stays
// until the end, for the sessions that prove the owner's password.
func (u *ui) persist(d *tpm.Device) (err error) {
	for _, k := range []struct {
		name   string
		handle uint32
		open   func() (*tpm.Key, error)
	}{
		{"EK", tpm.HandleEK, d.EK},
		{"SRK", tpm.HandleSRK, d.UntriedSRK},
	} {
		key, openErr := k.open()
		if openErr != nil {
			return openErr
		}
		defer joinClose(&err, key)
		if key.Handle != 0 {
			u.say("%s: already at %#x", k.name, key.Handle)
			continue
		}
		if err := d.Persist(key, k.handle); err != nil {
			return err
		}
		u.say("%s: written to %#x", k.name, k.handle)
	}
	return nil
}

// recordResult prints a record.
type recordResult struct {
	identity.Record
	Batch *appended `json:"batch,omitempty"` // absent without --append: a file of records stays one

	unasked bool // nobody gave anything to judge the chip by
}

func (r recordResult) lines() []any { return []any{r} }

func (r recordResult) fields() [][]string {
	return [][]string{{r.RegistrationID, r.RegistrationIDs.Base32, r.RegistrationIDs.Hex, r.EndorsementKey, r.EKHandle, r.Host.Serial}}
}

func (r recordResult) show(w io.Writer) error {
	rows := [][]string{{"Registration ID", r.RegistrationID}}
	var others strings.Builder // on lines of their own: with a label, hex is wider than 80 columns
	for _, id := range []struct{ text, who string }{
		{r.RegistrationIDs.Base32, "in base32, as the C, Node and Java SDKs derive it"},
		{r.RegistrationIDs.Hex, "in hex, as the documented Linux recipe derives it"},
	} {
		if id.text == r.RegistrationID {
			rows = append(rows, []string{"", id.who})
		} else {
			fmt.Fprintf(&others, "\nRegistration ID %s:\n%s\n", id.who, id.text)
		}
	}
	from := "persistent, at " + r.EKHandle
	if r.EKHandle == "" {
		from = "derived from the TCG L-1 template, not stored on the chip"
	}
	rows = append(rows, []string{"Endorsement key", from})
	rows = append(rows, certificateRows(r.Record)...)
	rows = append(rows, r.verdictRows()...)
	rows = append(rows,
		[]string{"TPM", fmt.Sprintf("%s %s, firmware %s, specification %s", r.TPM.Manufacturer, r.TPM.Vendor, r.TPM.Firmware, r.TPM.Spec)},
		[]string{"Passwords", passwords(r.TPM)},
		[]string{"Machine", machine(r.Host)},
	)
	if err := table(w, nil, rows); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s\nEndorsement key, as DPS accepts it:\n%s\n", others.String(), r.EndorsementKey); err != nil || r.Batch == nil {
		return err
	}
	fmt.Fprintln(w)
	return r.Batch.show(w)
}

// certificateRows say what the chip's NV memory holds of certificates.
func certificateRows(r identity.Record) [][]string {
	rows := [][]string{{"EK certificate", certificate(r)}}
	if c := r.EKCertificateFacts; c != nil {
		rows = append(rows, []string{"  issued by", fmt.Sprintf("%s, serial %s, %s", cmp.Or(c.Issuer, "an issuer without a name"), c.Serial, validity(r))})
	}
	if n := len(r.EKCertificateChain); n == 1 {
		rows = append(rows, []string{"  signed by", "1 certificate in NV"})
	} else if n > 1 {
		rows = append(rows, []string{"  signed by", fmt.Sprintf("%d certificates in NV", n)})
	}
	for _, other := range r.EKCertificateIndices {
		if other.Index != tpm.IndexEKCertificate {
			rows = append(rows, []string{"  not used", fmt.Sprintf("one for %s, at %s", other.Key, other.Index)})
		}
	}
	for _, note := range r.EKCertificateNotes {
		rows = append(rows, []string{"  note", note})
	}
	return rows
}

// verdictRows say whether the maker vouches for the chip. Of a chip that has no
// certificate the row above says so, unless the question was asked.
func (r recordResult) verdictRows() [][]string {
	v := r.EKVerdict
	if v == nil || r.unasked && v.Verdict == string(ektrust.Absent) {
		return nil
	}
	return reasonRows("Real chip?", v)
}

// reasonRows are a verdict and its reasons beside a label, in 80 columns.
func reasonRows(label string, v *identity.EKVerdict) (rows [][]string) {
	const width = 60
	lead := v.Verdict + ": "
	for _, reason := range v.Reasons {
		for line := range strings.Lines(text.Wrap("", lead+reason.Text, width)) {
			rows = append(rows, []string{label, strings.TrimSpace(line)})
			label, lead = "", ""
		}
	}
	return rows
}

// certificate says whether there is one, what for, and of which chip.
func certificate(r identity.Record) string {
	c := r.EKCertificateFacts
	if c == nil {
		if slices.ContainsFunc(r.EKCertificateIndices, func(i identity.EKCertificateIndex) bool { return i.Index == tpm.IndexEKCertificate }) {
			return "in NV at " + tpm.IndexEKCertificate + ", not readable"
		}
		return "none in NV"
	}
	verdict := "matches the key"
	if !c.KeyMatches {
		verdict = "belongs to another key"
	}
	if chip := strings.Join(strings.Fields(c.TPMManufacturer+" "+c.TPMModel), " "); chip != "" {
		verdict += ": " + chip
	}
	return verdict
}

// validity is the end of the certificate's time.
func validity(r identity.Record) string {
	switch end := r.EKCertificateFacts.NotAfter; {
	case end.Year() == 9999: // RFC 5280, 4.1.2.5
		return "valid without end"
	case end.Before(r.ReadAt):
		return "expired " + end.Format(time.DateOnly)
	default:
		return "valid to " + end.Format(time.DateOnly)
	}
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
