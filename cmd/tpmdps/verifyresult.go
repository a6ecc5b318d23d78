package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"tpmdps/internal/check"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
)

// tripResult prints the outcome of the round trip.
type tripResult struct {
	Outcome string `json:"result"` // pass or fail
	provision.Result

	otherChip string // how IoT Edge opens its chip, where it is not this one
}

// verifyResult is the outcome of verify: the trip, and the verdict on the chip, nil where
// it was not judged.
type verifyResult struct {
	tripResult
	EKVerdict *identity.EKVerdict `json:"ek_verdict"`
}

func (r verifyResult) lines() []any { return []any{r} }

// hint puts the hint of the error on the step that failed.
func (r *tripResult) hint(step, hint string) {
	for i := range r.Steps {
		if r.Steps[i].Name == step && r.Steps[i].Status == check.Fail {
			r.Steps[i].Hint = hint
		}
	}
}

func (r tripResult) lines() []any { return []any{r} }

func (r tripResult) fields() [][]string {
	var rows [][]string
	for _, s := range r.Steps {
		rows = append(rows, []string{s.Name, string(s.Status), strconv.FormatInt(s.MS, 10), s.Detail, s.Hint})
	}
	return rows
}

func (r tripResult) show(w io.Writer) error {
	last := r.last()
	if r.Outcome != "pass" {
		_, err := fmt.Fprintf(w, "%s%s\n", failed(w), last.Name)
		return err
	}
	who := r.RegistrationID
	if r.DeviceID != "" && r.DeviceID != r.RegistrationID && r.AssignedHub != offlineHub {
		who += ", as device " + r.DeviceID
	}
	if _, err := fmt.Fprintf(w, "%s%s\n      %s\n", passed(w), strings.Replace(r.proved(last.Name), "; ", "\n      ", 1), who); err != nil {
		return err
	}
	for _, s := range r.Steps {
		but := s.Name + ": " + s.Detail
		switch {
		case s.Status != check.Warn:
			continue
		case s.Name == "tpm.open" && r.otherChip != "":
			but = "not with the chip that IoT Edge opens: " + r.otherChip
		}
		if _, err := fmt.Fprintf(w, "      but %s\n", but); err != nil {
			return err
		}
	}
	return nil
}

// proved says in words what a trip that passed has shown.
func (r tripResult) proved(last string) string {
	switch {
	case r.AssignedHub == offlineHub:
		return "this chip can provision itself (no network was used)"
	case r.AssignedHub == "":
		return "up to " + last + ", nothing registered"
	case last == "hub.connect":
		return "assigned to " + r.AssignedHub + "; the hub accepted the token"
	case last == "hub.twin":
		return "assigned to " + r.AssignedHub + "; the hub accepted the token and returned the twin"
	}
	return "assigned to " + r.AssignedHub
}

// last is the last step that was taken.
func (r tripResult) last() provision.Step {
	var last provision.Step
	for _, s := range r.Steps {
		if s.Status != check.Skipped {
			last = s
		}
	}
	return last
}
