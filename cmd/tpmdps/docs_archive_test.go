package main

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestDocsArchive: a page of a released archive links to nothing, and shows no picture,
// that the archive does not have.
func TestDocsArchive(t *testing.T) {
	var release struct {
		Archives []struct {
			Formats []string
			Files   []struct{ Src, Dst string }
		}
	}
	if err := yaml.Unmarshal([]byte(page(t, ".goreleaser.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	archived := func(name string) bool {
		packed := 0
		for _, archive := range release.Archives {
			if slices.Equal(archive.Formats, []string{"binary"}) {
				continue // the bare program
			}
			packed++
			if !slices.ContainsFunc(archive.Files, func(file struct{ Src, Dst string }) bool {
				within, err := path.Match(file.Src, name)
				folder, _ := path.Match(path.Dir(file.Src), name)
				return err == nil && (within || folder) && file.Dst == ""
			}) {
				return false
			}
		}
		return packed > 0
	}
	link := regexp.MustCompile(`\]\(([^)\s#:]+)(?:#[^)\s]+)?\)`)
	followed := 0
	for _, name := range pages(t) {
		if !archived(name) {
			t.Errorf("%s is not in the archives", name)
		}
		for _, m := range link.FindAllStringSubmatch(page(t, name), -1) {
			followed++
			if target := path.Join(path.Dir(name), m[1]); !archived(strings.TrimSuffix(target, "/")) {
				t.Errorf("%s: %s is not in the archives", name, m[0])
			}
		}
	}
	if followed < 20 {
		t.Errorf("%d links: is the search broken?", followed)
	}
}
