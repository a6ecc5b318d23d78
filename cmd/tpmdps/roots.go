package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"tpmdps/internal/commandline"
	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/examine"
)

func rootsCommand() command {
	return command{
		name:        "roots",
		usage:       "list the roots of TPM makers, or check a file of them",
		description: "The program knows the roots that makers of TPMs publish by their fingerprints; the\ncertificates themselves come from the file or folder of --ek-roots. No chip and no\nnetwork is used.",
		subcommands: []command{{
			name:        "list",
			usage:       "list the roots of TPM makers that the program knows",
			description: "A path of certificates may end at a root. Signatures with SHA-1 count only for the\nold CAs.",
			examples:    []string{"tpmdps roots list", "tpmdps roots list -o json"},
			run:         func(s *session, _ flags) error { return s.print(listRoots(time.Now())) },
		}, {
			name:        "check",
			usage:       "show what of a file or folder --ek-roots would use",
			description: "Reads PEM, DER, a folder, a zip or TrustedTpm.cab as --ek-roots does, and counts the\nCAs, and the roots of each maker that the program knows. Names what was ignored.",
			argument:    commandline.Command{Argument: "PATH"},
			examples:    []string{"tpmdps roots check TrustedTpm.cab"},
			exits:       []int{20},
			run:         checkRoots,
		}},
	}
}

// rootsList is the table of pinned certificates.
type rootsList struct {
	Date  string      `json:"date"`
	Roots []knownRoot `json:"roots"`

	age string
}

// knownRoot is one of them.
type knownRoot struct {
	Vendor string `json:"vendor"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Kind   string `json:"kind"`
	Source string `json:"source"`
	Date   string `json:"date"`
}

func listRoots(now time.Time) rootsList {
	list := rootsList{Date: ektrust.RootsDate().Format(time.DateOnly), age: ektrust.RootsAge(now)}
	for _, r := range ektrust.Roots() {
		kind := "root"
		if !r.Anchor {
			kind = "old-ca"
		}
		list.Roots = append(list.Roots, knownRoot{r.Vendor, r.Name, hex.EncodeToString(r.Fingerprint[:]), kind, r.Source, r.Date})
	}
	return list
}

func (r rootsList) lines() []any { return asLines(r.Roots) }

func (r rootsList) fields() [][]string {
	var rows [][]string
	for _, one := range r.Roots {
		rows = append(rows, []string{one.Vendor, one.Kind, one.SHA256, one.Source, one.Date, one.Name})
	}
	return rows
}

func (r rootsList) show(w io.Writer) error {
	if err := table(w, []string{"VENDOR", "KIND", "SHA-256", "SOURCE", "DATE", "NAME"}, r.fields()); err != nil {
		return err
	}
	roots := 0
	for _, one := range r.Roots {
		if one.Kind == "root" {
			roots++
		}
	}
	_, err := fmt.Fprintf(w, "%d roots and %d old CAs, as of %s\n", roots, len(r.Roots)-roots, r.Date)
	if err == nil && r.age != "" {
		_, err = fmt.Fprintf(w, "The table is %s.\n", r.age)
	}
	return err
}

func checkRoots(s *session, _ flags) error {
	survey, err := examine.Inspect(s.ctx, s.arg)
	if err != nil {
		return err
	}
	if survey.Roots == 0 {
		s.warn("no root that the program knows is in it: by this alone no chip is trusted; a root that you trust nevertheless: --ek-roots-extra")
	}
	return s.print(newRootsCheck(s.arg, survey))
}

// rootsCheck is what a file or folder has.
type rootsCheck struct {
	Path        string         `json:"path"`
	CAs         int            `json:"cas"`
	Roots       int            `json:"known_roots"`
	Vendors     []vendorRoots  `json:"vendors"`
	Unknown     []unknownRoot  `json:"unknown_roots"`
	Attestation int            `json:"attestation_cas"`
	Ignored     []ignoredInput `json:"ignored"`
}

// vendorRoots is what is there of one maker.
type vendorRoots struct {
	Vendor string `json:"vendor"`
	Roots  int    `json:"present"`
	Known  int    `json:"known"`
	OldCAs int    `json:"old_cas"`
}

// unknownRoot is one that no path ends at.
type unknownRoot struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// ignoredInput is a file that gave nothing.
type ignoredInput struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

func newRootsCheck(path string, s examine.Survey) rootsCheck {
	r := rootsCheck{Path: path, CAs: s.CAs, Roots: s.Roots, Attestation: s.Attestation, Unknown: []unknownRoot{}, Ignored: []ignoredInput{}}
	for _, v := range s.Vendors {
		r.Vendors = append(r.Vendors, vendorRoots(v))
	}
	for _, u := range s.Unknown {
		r.Unknown = append(r.Unknown, unknownRoot{u.Subject, u.Fingerprint})
	}
	for _, i := range s.Ignored {
		r.Ignored = append(r.Ignored, ignoredInput{i.Name, i.Reason})
	}
	return r
}

func (r rootsCheck) lines() []any { return []any{r} }

func (r rootsCheck) fields() [][]string {
	rows := [][]string{{"total", r.Path, fmt.Sprint(r.CAs), fmt.Sprint(r.Roots), fmt.Sprint(r.Attestation)}}
	for _, v := range r.Vendors {
		rows = append(rows, []string{"vendor", v.Vendor, fmt.Sprint(v.Roots), fmt.Sprint(v.Known), fmt.Sprint(v.OldCAs)})
	}
	for _, u := range r.Unknown {
		rows = append(rows, []string{"unknown-root", u.Name, u.SHA256, "", ""})
	}
	for _, i := range r.Ignored {
		rows = append(rows, []string{"ignored", i.File, i.Reason, "", ""})
	}
	return rows
}

// maxShown bounds a list that people read.
const maxShown = 10

func (r rootsCheck) show(w io.Writer) error {
	rows := [][]string{
		{"CAs that are used", fmt.Sprint(r.CAs)}, {"roots that are known", fmt.Sprint(r.Roots)}, {"CAs for attestation keys, left out", fmt.Sprint(r.Attestation)},
	}
	for _, v := range r.Vendors {
		text := fmt.Sprintf("roots: %d of %d", v.Roots, v.Known)
		if v.OldCAs > 0 {
			text += fmt.Sprintf("; old CAs: %d", v.OldCAs)
		}
		rows = append(rows, []string{v.Vendor, text})
	}
	rows = append(rows, shown(len(r.Unknown), "not a known root", func(i int) string { return r.Unknown[i].Name })...)
	rows = append(rows, shown(len(r.Ignored), "ignored", func(i int) string { return r.Ignored[i].File + ": " + r.Ignored[i].Reason })...)
	return table(w, nil, rows)
}

// shown are the first rows of a list, and how many there are more.
func shown(n int, label string, row func(int) string) [][]string {
	var rows [][]string
	for i := range min(n, maxShown) {
		rows = append(rows, []string{label, row(i)})
	}
	if n > maxShown {
		rows = append(rows, []string{label, fmt.Sprintf("and %d more; -o json lists them", n-maxShown)})
	}
	return rows
}
