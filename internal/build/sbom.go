package build

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// SBOM is a bill of materials in the form CycloneDX 1.6
// (https://cyclonedx.org/docs/1.6/json/), with the fields that are used here. Its
// components are named as cyclonedx-gomod names them, which makes the one of a release
// from outside, so that both can be compared. It has neither a serial number nor a time:
// one program has one.
type SBOM struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"` // of this document
	Metadata     Metadata     `json:"metadata"`
	Components   []Component  `json:"components"`
	Dependencies []Dependency `json:"dependencies"`
}

// Metadata says what the document is about, and what made it.
type Metadata struct {
	Tools      Tools      `json:"tools"`
	Component  Component  `json:"component"`
	Properties []Property `json:"properties"`
}

// Tools are the programs that made a document.
type Tools struct {
	Components []Component `json:"components"`
}

// Component is the program, or a module in it.
type Component struct {
	Ref     string `json:"bom-ref,omitempty"`
	Type    string `json:"type"` // application or library
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Scope   string `json:"scope,omitempty"`
	// Hashes has the module's sum: SHA-256 over the sums of its files, which is what
	// go.sum calls h1.
	Hashes     []Hash     `json:"hashes,omitempty"`
	Licenses   []License  `json:"licenses,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Properties []Property `json:"properties,omitempty"`
}

// Hash is a sum, in lower-case hex.
type Hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// License is one, by its SPDX identifier.
type License struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

// Property is a fact that CycloneDX has no field for.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Dependency says which components one is made of.
type Dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// SBOM makes the program's bill of materials.
func (f Facts) SBOM() SBOM {
	program := f.program()
	all := SBOM{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: Metadata{
			Tools:     Tools{[]Component{{Type: "application", Name: program.Name, Version: f.Version}}},
			Component: program, Properties: f.properties(),
		},
		Components: []Component{},
	}
	root := Dependency{Ref: program.Ref}
	for _, m := range f.Modules {
		c := f.component(m)
		all.Components = append(all.Components, c)
		root.DependsOn = append(root.DependsOn, c.Ref)
		all.Dependencies = append(all.Dependencies, Dependency{Ref: c.Ref})
	}
	all.Dependencies = append([]Dependency{root}, all.Dependencies...)
	return all
}

// program is the component that the document is about.
func (f Facts) program() Component {
	place := ""
	if below, ok := strings.CutPrefix(f.Main, f.Module+"/"); ok {
		place = "#" + below
	}
	c := Component{
		Ref: purl(f.Module, f.Version, "") + place, Type: "application", Name: f.Module, Version: f.Version,
		PURL: purl(f.Module, f.Version, f.platform()) + place,
	}
	c.Licenses = make([]License, 1)
	c.Licenses[0].License.ID = "Apache-2.0"
	return c
}

func (f Facts) component(m Module) Component {
	c := Component{
		Ref: purl(m.Path, m.Version, ""), Type: "library", Name: m.Path, Version: m.Version, Scope: "required",
		PURL: purl(m.Path, m.Version, f.platform()),
	}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) > 0 {
		c.Hashes = []Hash{{"SHA-256", hex.EncodeToString(sum)}}
	}
	if m.Replaces != "" {
		c.Properties = []Property{{"tpmdps:replaces", m.Replaces}}
	}
	return c
}

// platform are the qualifiers of a package URL that say for which system it is.
func (f Facts) platform() string {
	return "goarch=" + url.QueryEscape(f.Machine) + "&goos=" + url.QueryEscape(f.System) + "&"
}

// purl is the package URL of a module
// (https://github.com/package-url/purl-spec/blob/main/types-doc/golang-definition.md).
func purl(path, version, qualifiers string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	name := "pkg:golang/" + strings.Join(parts, "/")
	if version != "" {
		name += "@" + strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
	}
	return name + "?" + qualifiers + "type=module"
}

// properties are how the program was built, under the names of cyclonedx-gomod.
func (f Facts) properties() []Property {
	const of = "cdx:gomod:build:"
	all := []Property{}
	add := func(name, value string) {
		if value != "" {
			all = append(all, Property{name, value})
		}
	}
	add(of+"compiler", f.Settings["-compiler"])
	for _, key := range []string{"CGO_ENABLED", "GOARCH", "GOOS"} {
		add(of+"env:"+key, f.Settings[key])
	}
	add(of+"env:GOVERSION", f.Go)
	for _, tag := range slices.Sorted(strings.SplitSeq(f.Settings["-tags"], ",")) {
		add(of+"tag", tag)
	}
	add("tpmdps:commit", f.Commit)
	add("tpmdps:commit:date", f.Date)
	return all
}
