package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"tpmdps/internal/tpm"
	"tpmdps/internal/verdict"
)

// compareEKs shows every key that a tool may take for the chip's EK.
func (u *ui) compareEKs(d *tpm.Device) error {
	u.say("deriving each key in turn; some chips take a minute for one")
	candidates, notes, err := d.Candidates()
	if err != nil {
		return err
	}
	for _, note := range notes {
		u.warn(note)
	}
	return u.print(compareResult{Handle: fmt.Sprintf("%#x", tpm.HandleEK), Candidates: candidates})
}

// compareResult are the candidates, side by side.
type compareResult struct {
	Handle     string          `json:"handle"`
	Candidates []tpm.Candidate `json:"candidates"`
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
	_, err := fmt.Fprintf(w, "\nThe hex ID is the SHA-256 of the key.\n%s", r.advice())
	return err
}

// advice says which of the keys to enroll, and never one that enroll refuses.
func (r compareResult) advice() string {
	var text strings.Builder
	for _, c := range r.Candidates {
		if !c.Usable {
			fmt.Fprintf(&text, "Do not enroll %s: %s.\n", c.Template, c.Refusal)
		}
	}
	switch tpm.Recommend(r.Candidates) {
	case tpm.EnrollNone:
		text.WriteString("DPS accepts none of these keys.\n")
	case tpm.EnrollIoTEdges:
		text.WriteString("Enroll the key that IoT Edge uses, or the one that the device's SDK makes.\n")
	case tpm.ReplacePersistent:
		fmt.Fprintf(&text, "IoT Edge uses the key at %s and fails with it. If nothing else needs that key:\n%s.\n%s.\n",
			r.Handle, verdict.HowToReplaceEK, capitalised(verdict.WhoStoresEKs))
	}
	return text.String()
}

func capitalised(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }
