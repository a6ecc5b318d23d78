package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/identity"
	"tpmdps/internal/tpm"
	"tpmdps/internal/verdict"
)

// compareEKs shows every key that a tool may take for the chip's EK, and the verdict on
// each.
func (s *session) compareEKs(d *tpm.Device, x *examine.Examiner) error {
	s.say("deriving each key in turn; some chips take a minute for one")
	candidates, notes, err := d.Candidates()
	if err != nil {
		return err
	}
	for _, note := range notes {
		s.warn(note)
	}
	chip, err := d.RecordOf(&tpm.Key{Template: "unknown"})
	if err != nil {
		return err
	}
	s.addMachine(&chip)
	var keys [][]byte
	for _, c := range candidates {
		keys = append(keys, c.EndorsementKey)
	}
	results, err := x.Keys(s.ctx, chip, keys, time.Now())
	if err != nil {
		return err
	}
	out := compareResult{Handle: fmt.Sprintf("%#x", tpm.HandleEK)}
	for i, c := range candidates {
		judged := comparedKey{Candidate: c, Refused: results[i].Refusal()}
		if v := results[i].Verdict; v != nil {
			judged.EKVerdict = v.InRecord()
		}
		out.Candidates = append(out.Candidates, judged)
	}
	return s.print(out)
}

// compareResult are the candidates, side by side.
type compareResult struct {
	Handle     string        `json:"handle"`
	Candidates []comparedKey `json:"candidates"`
}

// comparedKey is a candidate and what is known of it. EKVerdict is nil for a key that DPS
// cannot use, and where chips are not judged.
type comparedKey struct {
	tpm.Candidate
	EKVerdict *identity.EKVerdict `json:"ek_verdict"`
	Refused   string              `json:"refused"` // why --ek-policy refuses it
}

func (r compareResult) lines() []any {
	return asLines(r.Candidates)
}

func (r compareResult) fields() [][]string {
	var rows [][]string
	for _, c := range r.Candidates {
		rows = append(rows, []string{
			c.Template, c.RegistrationIDs.Base32, c.RegistrationIDs.Hex,
			strconv.FormatBool(c.Persistent), strconv.FormatBool(c.IoTEdge), strconv.FormatBool(c.Certified),
			strconv.FormatBool(c.Usable), c.Refusal,
		})
	}
	return rows
}

func (r compareResult) show(w io.Writer) error {
	mark := func(yes bool, word string) string {
		if yes {
			return word
		}
		return "-"
	}
	var rows, makers [][]string
	for _, c := range r.Candidates {
		rows = append(rows,
			[]string{c.Template, mark(c.Persistent, "here"), mark(c.IoTEdge, "uses it"), mark(c.Certified, "for it"), mark(c.Usable, "can use it"), c.RegistrationIDs.Base32},
			[]string{"", "", "", "", "", c.RegistrationIDs.Hex},
		)
		makers = append(makers, []string{c.Template, "made by " + c.Tools})
	}
	if err := table(w, []string{"KEY", r.Handle, "IOT EDGE", "CERTIFICATE", "DPS", "REGISTRATION IDS (base32, hex)"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := table(w, nil, makers); err != nil {
		return err
	}
	if verdicts := r.verdictRows(); len(verdicts) > 0 {
		fmt.Fprintln(w)
		if err := table(w, nil, verdicts); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\nThe hex ID is the SHA-256 of the key.\n%s", r.advice())
	return err
}

// verdictRows say of each key whether the chip's maker vouches for it.
func (r compareResult) verdictRows() (rows [][]string) {
	for _, c := range r.Candidates {
		if v := c.EKVerdict; v != nil {
			rows = append(rows, reasonRows(c.Template, v)...)
		}
	}
	return rows
}

// advice says which of the keys to enroll, and never one that enroll refuses.
func (r compareResult) advice() string {
	var text strings.Builder
	var candidates []tpm.Candidate
	fault, none, or := "fails with it", "DPS accepts none of these keys.\n", ", or the one that the device's SDK makes"
	for _, c := range r.Candidates {
		if refusal := cmp.Or(c.Refusal, c.Refused); refusal != "" {
			fmt.Fprintf(&text, "Do not enroll %s: %s.\n", c.Template, refusal)
		}
		if c.Refused != "" && c.Usable {
			c.Usable, none, or = false, "None of these keys can be enrolled.\n", ""
			if c.Persistent {
				fault = "would be refused with it"
			}
		}
		candidates = append(candidates, c.Candidate)
	}
	switch tpm.Recommend(candidates) {
	case tpm.EnrollNone:
		text.WriteString(none)
	case tpm.EnrollIoTEdges:
		text.WriteString("Enroll the key that IoT Edge uses" + or + ".\n")
	case tpm.ReplacePersistent:
		fmt.Fprintf(&text, "IoT Edge uses the key at %s and %s. If nothing else needs that key:\n%s.\n%s.\n",
			r.Handle, fault, verdict.HowToReplaceEK, capitalised(verdict.WhoStoresEKs))
	}
	return text.String()
}

func capitalised(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }
