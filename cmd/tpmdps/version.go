package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

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
		description: "Prints the version, the commit and its date, the Go release, the libraries\nthat talk to the chip and the service, and the state of the table of TPM makers'\nroots (tpmdps roots list).",
		run:         func(s *session, _ flags) error { return s.print(buildFacts()) },
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

func buildFacts() versionResult {
	r := versionResult{
		Version: version, Commit: commit, Date: date,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Libraries: map[string]string{},
		EKRoots: ekRoots(time.Now()),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if slices.Contains(libraries, dep.Path) {
				r.Libraries[dep.Path] = dep.Version
			}
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
