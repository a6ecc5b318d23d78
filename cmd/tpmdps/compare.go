package main

import (
	"fmt"
	"io"
	"strconv"

	"tpmdps/internal/tpm"
)

// compareEKs shows every key that a tool may take for the chip's EK.
func compareEKs(s *session, d *tpm.Device) error {
	s.say("deriving each key in turn; some chips take a minute for one")
	candidates, notes, err := d.Candidates()
	if err != nil {
		return err
	}
	for _, note := range notes {
		s.say("warning: %s", note)
	}
	return s.print(compareResult{Handle: fmt.Sprintf("%#x", tpm.HandleEK), Candidates: candidates})
}

// compareResult are the candidates, side by side.
type compareResult struct {
	Handle     string          `json:"handle"`
	Candidates []tpm.Candidate `json:"candidates"`
}

func (r compareResult) lines() []any {
	var out []any
	for _, c := range r.Candidates {
		out = append(out, c)
	}
	return out
}

func (r compareResult) fields() [][]string {
	var rows [][]string
	for _, c := range r.Candidates {
		rows = append(rows, []string{
			c.Template, c.RegistrationIDs.Base32, c.RegistrationIDs.Hex,
			strconv.FormatBool(c.Persistent), strconv.FormatBool(c.IoTEdge), strconv.FormatBool(c.Certified),
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
			[]string{c.Template, mark(c.Persistent, "here"), mark(c.IoTEdge, "takes it"), mark(c.Certified, "for it"), c.RegistrationIDs.Base32},
			[]string{"", "", "", "", c.RegistrationIDs.Hex},
		)
		makers = append(makers, []string{c.Template, "made by " + c.Tools})
	}
	if err := table(w, []string{"KEY", r.Handle, "IOT EDGE", "CERTIFICATE", "REGISTRATION IDS (base32, hex)"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := table(w, nil, makers); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nThe hex ID is the SHA-256 of the key. Enroll the key that IoT Edge takes, or the one that the device's SDK makes.")
	return err
}
