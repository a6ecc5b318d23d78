package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/build"
	"tpmdps/internal/ektrust"
)

// Build facts, set by the linker: see Makefile.
var (
	version = "dev"
	commit  = "unknown"
	date    = "unknown"
)

// libraries are those that talk to the chip and the service.
var libraries = []string{
	"github.com/google/go-tpm", "github.com/Azure/azure-sdk-for-go/sdk/azcore", "github.com/Azure/azure-sdk-for-go/sdk/azidentity",
}

func versionCommand() command {
	return command{
		name:        "version",
		usage:       "print the version and how it was built",
		description: "Prints the version, the commit and its date, the Go release, the libraries\nthat talk to the chip and the service, and the state of the table of TPM makers'\nroots (tpmdps roots list); with -o json all modules, with their sums.\n\nWith --sbom, prints the bill of materials of this very file (CycloneDX 1.6, JSON).",
		examples:    []string{"tpmdps version -o json", "tpmdps version --sbom"},
		flags: []cli.Flag{
			&cli.BoolFlag{Name: "sbom", Usage: "print the bill of materials of this program instead, as CycloneDX JSON"},
		},
		run: func(s *session, f flags) error {
			if f.yes("sbom") {
				return s.print(sbomResult{built().SBOM()})
			}
			return s.print(buildFacts())
		},
	}
}

// application is how the program names itself to the service.
func application() string {
	if len(version) > 16 {
		return "tpmdps"
	}
	return "tpmdps/" + version
}

// versionResult are the build facts.
type versionResult struct {
	Version   string            `json:"version"`
	Commit    string            `json:"commit"`
	Date      string            `json:"date"`
	Go        string            `json:"go"`
	Platform  string            `json:"platform"`
	Libraries map[string]string `json:"libraries"`
	Modules   []build.Module    `json:"modules"`
	EKRoots   rootsTable        `json:"ek_roots"`
}

// rootsTable is the table of pinned roots.
type rootsTable struct {
	Date  string `json:"date"`
	Count int    `json:"count"`

	age string // where it is old
}

func ekRoots(now time.Time) rootsTable {
	return rootsTable{ektrust.RootsDate().Format(time.DateOnly), len(ektrust.Roots()), ektrust.RootsAge(now)}
}

func (t rootsTable) String() string {
	text := fmt.Sprintf("%s, %d certificates", t.Date, t.Count)
	if t.age != "" {
		text += "; " + t.age
	}
	return text
}

// built is what this program was built from.
func built() build.Facts {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	f := build.Read(info)
	f.Version, f.Commit, f.Date = version, commit, date
	return f
}

func buildFacts() versionResult {
	facts := built()
	r := versionResult{
		Version: version, Commit: commit, Date: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Libraries: map[string]string{}, Modules: facts.Modules, EKRoots: ekRoots(time.Now()),
	}
	for _, m := range facts.Modules {
		if slices.Contains(libraries, m.Path) {
			r.Libraries[m.Path] = m.Version
		}
	}
	return r
}

func (r versionResult) lines() []any { return []any{r} }

func (r versionResult) fields() [][]string {
	return [][]string{{r.Version, r.Commit, r.Date, r.Go, r.Platform}}
}

func (r versionResult) show(w io.Writer) error {
	rows := [][]string{{"tpmdps", r.Version}, {"commit", r.Commit}, {"date", r.Date}, {"go", r.Go}, {"platform", r.Platform}}
	for _, path := range libraries {
		if v := r.Libraries[path]; v != "" {
			rows = append(rows, []string{path, v})
		}
	}
	return table(w, nil, append(rows, []string{"roots of TPM makers", r.EKRoots.String()}))
}

// sbomResult is the bill of materials.
type sbomResult struct{ build.SBOM }

func (r sbomResult) lines() []any { return []any{r} }

func (r sbomResult) fields() [][]string {
	var rows [][]string
	for _, c := range r.Components {
		rows = append(rows, []string{c.Name, c.Version, c.PURL})
	}
	return rows
}

// show prints JSON, too: it is for programs alone.
func (r sbomResult) show(w io.Writer) error { return encode(w, r, "  ") }
