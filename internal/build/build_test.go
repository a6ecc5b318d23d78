package build

import (
	"encoding/json"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, text string) Facts {
	t.Helper()
	info, err := debug.ParseBuildInfo(text)
	if err != nil {
		t.Fatal(err)
	}
	return Read(info)
}

func sample(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSBOMIsThatOfGomod: from a program's module information comes what cyclonedx-gomod
// v1.10.0 made of the same program: its components, with names, versions, hashes and
// package URLs, how they hang together, and how it was built.
func TestSBOMIsThatOfGomod(t *testing.T) {
	facts := read(t, sample(t, "tpmdps.modinfo"))
	facts.Version, facts.Go = "v1.2.3", "go1.26.8" // debug.ParseBuildInfo leaves the release out
	got := facts.SBOM()
	var want SBOM
	if err := json.Unmarshal([]byte(sample(t, "cyclonedx-gomod.json")), &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Components) < 30 || len(want.Metadata.Properties) < 5 {
		t.Fatalf("the sample has %d components", len(want.Components))
	}
	got.Metadata.Tools, got.Metadata.Component.Licenses = Tools{}, nil
	for i, c := range want.Components {
		if i < len(got.Components) && !reflect.DeepEqual(got.Components[i], c) {
			t.Errorf("component %+v, want %+v", got.Components[i], c)
		}
	}
	if len(got.Components) != len(want.Components) || !reflect.DeepEqual(got.Dependencies, want.Dependencies) {
		t.Errorf("%d components with the dependencies %+v, want %d with %+v", len(got.Components), got.Dependencies, len(want.Components), want.Dependencies)
	}
	got.Components, got.Dependencies, want.Components, want.Dependencies = nil, nil, nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestModules: what was compiled is named, with what it replaces.
func TestModules(t *testing.T) {
	const head = "path\ttpmdps/cmd/tpmdps\nmod\ttpmdps\t(devel)\t\n"
	const sum = "h1:5H6YRLGMoC8z5aXpxqcD6FfswI8mwoVNHSecvIoazt4="
	for name, test := range map[string]struct {
		lines string
		want  []Module
		purls []string
	}{
		"none": {"", []Module{}, nil},
		"one":  {"dep\ta.example/b\tv1.0.0\t" + sum + "\n", []Module{{"a.example/b", "v1.0.0", sum, ""}}, []string{"pkg:golang/a.example/b@v1.0.0?goarch=&goos=&type=module"}},
		"replaced": {
			"dep\ta.example/b\tv1.0.0\n=>\tfork.example/b\tv1.0.1\t" + sum + "\n",
			[]Module{{"fork.example/b", "v1.0.1", sum, "a.example/b@v1.0.0"}}, []string{"pkg:golang/fork.example/b@v1.0.1?goarch=&goos=&type=module"},
		},
		"another version of itself": {
			"dep\ta.example/b\tv1.0.0\n=>\ta.example/b\tv0.9.0\t" + sum + "\n",
			[]Module{{"a.example/b", "v0.9.0", sum, "a.example/b@v1.0.0"}}, []string{"pkg:golang/a.example/b@v0.9.0?goarch=&goos=&type=module"},
		},
		"by a folder": {
			"dep\ta.example/b\tv1.0.0\n=>\t./b\t\t\n",
			[]Module{{"./b", "", "", "a.example/b@v1.0.0"}}, []string{"pkg:golang/./b?goarch=&goos=&type=module"},
		},
		"signs": {
			"dep\ta.example/B~c\tv2.0.0+incompatible\t" + sum + "\ndep\ta.example/d\tv0.0.0-20240102092130-5ac0b6a4141c\t\n",
			[]Module{{"a.example/B~c", "v2.0.0+incompatible", sum, ""}, {"a.example/d", "v0.0.0-20240102092130-5ac0b6a4141c", "", ""}},
			[]string{"pkg:golang/a.example/B~c@v2.0.0%2Bincompatible?goarch=&goos=&type=module", "pkg:golang/a.example/d@v0.0.0-20240102092130-5ac0b6a4141c?goarch=&goos=&type=module"},
		},
	} {
		facts := read(t, head+test.lines)
		if !reflect.DeepEqual(facts.Modules, test.want) {
			t.Errorf("%s: modules %+v, want %+v", name, facts.Modules, test.want)
		}
		for i, c := range facts.SBOM().Components {
			if c.PURL != test.purls[i] {
				t.Errorf("%s: %s, want %s", name, c.PURL, test.purls[i])
			}
			if hashed := len(c.Hashes) == 1 && len(c.Hashes[0].Content) == 64; hashed != (test.want[i].Sum != "") {
				t.Errorf("%s: hashes %v of the sum %q", name, c.Hashes, test.want[i].Sum)
			}
			if replaced := slices.Contains(c.Properties, Property{"tpmdps:replaces", test.want[i].Replaces}); replaced != (test.want[i].Replaces != "") {
				t.Errorf("%s: properties %v", name, c.Properties)
			}
		}
	}
}

// TestSBOMOfNothing: a program that the toolchain wrote nothing into has a document,
// with lists that are empty and not null.
func TestSBOMOfNothing(t *testing.T) {
	data, err := json.Marshal(Read(&debug.BuildInfo{}).SBOM())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "null") {
		t.Errorf("%s", data)
	}
}
