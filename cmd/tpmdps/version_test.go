package main

import (
	"debug/buildinfo"
	"os"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/ektrust"
)

// The age of the table of roots is shown where it is over a year, and only there.
func TestAgeOfTheTableOfRoots(t *testing.T) {
	made := ektrust.RootsDate()
	for _, test := range []struct {
		days int
		want string
	}{
		{-30, ""}, {0, ""}, {1, ""}, {200, ""}, {364, ""}, {365, ""}, {366, "366 days old: "}, {400, "400 days old: "}, {730, "730 days old: "}, {3653, "3653 days old: "},
	} {
		now := made.AddDate(0, 0, test.days)
		shown := ekRoots(now).String()
		if test.want == "" && strings.Contains(shown, "old") || !strings.Contains(shown, test.want) {
			t.Errorf("after %d days version shows %q, want %q", test.days, shown, test.want)
		}
		var list strings.Builder
		if err := listRoots(now).show(&list); err != nil {
			t.Fatal(err)
		}
		if test.want == "" && strings.Contains(list.String(), "days old") || !strings.Contains(list.String(), test.want) {
			t.Errorf("after %d days roots list ends with %q, want %q", test.days, list.String()[list.Len()-100:], test.want)
		}
	}
	if got := ekRoots(made.Add(366*24*time.Hour - time.Second)).age; !strings.HasPrefix(got, "365 days") {
		t.Errorf("a second before 366 days it is %q", got)
	}
}

// TestModulesAreThoseOfGoVersion: version names every module that go version -m finds in
// the file, with version and sum, and so does the bill of materials.
func TestModulesAreThoseOfGoVersion(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	facts, sbom := buildFacts(), built().SBOM()
	if len(info.Deps) < 30 || len(facts.Modules) != len(info.Deps) || len(sbom.Components) != len(info.Deps) {
		t.Fatalf("%d modules, %d components, go version -m has %d", len(facts.Modules), len(sbom.Components), len(info.Deps))
	}
	for i, want := range info.Deps {
		if got := facts.Modules[i]; got.Path != want.Path || got.Version != want.Version || got.Sum != want.Sum || got.Sum == "" {
			t.Errorf("module %+v, go version -m has %+v", got, want)
		}
		if got := sbom.Components[i]; got.Name != want.Path || got.Version != want.Version {
			t.Errorf("component %+v, go version -m has %+v", got, want)
		}
	}
}
