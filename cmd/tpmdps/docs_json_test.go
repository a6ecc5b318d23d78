package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/build"
	"tpmdps/internal/bundle"
	"tpmdps/internal/dictionary"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/station"
	"tpmdps/internal/stick"
)

// TestDocsObjects reads each example of the manual into the value that the
// program prints, and writes it again: were a field added, renamed or moved,
// the two would differ.
func TestDocsObjects(t *testing.T) {
	documented := append(slices.Clone(outputs), output{heading: "## What enroll may read", value: func() any { return &identity.Record{} }})
	for _, o := range documented {
		heading, value := o.heading, o.value
		if heading == "" {
			continue
		}
		text := section(t, scripting, heading)
		blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(text, -1)
		if len(blocks) == 0 {
			t.Errorf("%s: %s has no example", scripting, heading)
		}
		for _, block := range blocks {
			if heading == "## What enroll may read" {
				if _, err := identity.ParseRecord([]byte(block[1])); err != nil {
					t.Errorf("%s: %s: %v", scripting, heading, err)
				}
				continue
			}
			checkExample(t, heading, text, block[1], value())
		}
	}
}

func checkExample(t *testing.T, heading, text, example string, value any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(example))
	dec.DisallowUnknownFields()
	if err := dec.Decode(value); err != nil {
		t.Errorf("%s: %s: %v", scripting, heading, err)
		return
	}
	indent := "  "
	if strings.Count(example, "\n") == 1 {
		indent = ""
	}
	var again bytes.Buffer
	if err := encode(&again, value, indent); err != nil {
		t.Fatal(err)
	}
	if again.String() != example {
		t.Errorf("%s: %s: the program would print\n%s\nthe manual has\n%s", scripting, heading, &again, example)
	}
	for _, key := range keys(reflect.TypeOf(value).Elem()) {
		if !regexp.MustCompile("`([a-z_]+\\.)*" + key + "`").MatchString(text) {
			t.Errorf("%s: %s does not say what `%s` means", scripting, heading, key)
		}
	}
}

// keys lists the JSON names of all fields of a type, the nested ones included.
func keys(typ reflect.Type) []string {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return nil
	}
	var all []string
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			all = append(all, keys(field.Type)...)
		case name == "" || name == "-":
		default:
			all = append(append(all, name), keys(field.Type)...)
		}
	}
	return all
}

// TestDocsColumns compares the number of tab-separated columns.
func TestDocsColumns(t *testing.T) {
	text := section(t, scripting, "## Tab-separated values")
	for command, r := range map[string]result{
		"read-ek": recordResult{}, "read-ek --compare": compareResult{Candidates: []comparedKey{{}}},
		"enroll": enrollResult{Items: []enrollItem{{}}}, "unenroll": unenrollResult{Items: []unenrollItem{{}}}, "config": configResult{}, "config --udev": udevResult{}, "config --check": checkResult{checkup.Result{Ticks: []drift.Tick{{}}}}, "config --apply": applyResult{},
		"bench": benchResult{Steps: []station.Step{{}}}, "batch verify": batchReport{}, "batch list": batchList{rows: [][]string{make([]string, 6)}}, "batch merge": mergeResult{}, "batch export": exportResult{},
		"stick init": stickInitResult{Files: []stick.Change{{}}}, "stick check": stickCheckResult{Report: stick.Report{Steps: []stick.Step{{}}}},
		"verify":   tripResult{Result: provision.Result{Steps: []provision.Step{{}}}},
		"emulator": emulatorResult{}, "demo": demoResult{}, "version": versionResult{}, "self-check": selfCheckResult{}, "version --sbom": sbomResult{build.SBOM{Components: []build.Component{{}}}},
		"roots list": rootsList{Roots: []knownRoot{{}}}, "roots check": rootsCheck{},
		"support-bundle": bundleResult{Parts: []bundle.Entry{{}}},
		"explain":        explainResult{Entries: []dictionary.Entry{{}}}, "token": tokenResult{}, "audit": auditResult{}, "labels": labelsResult{},
	} {
		row := regexp.MustCompile(`(?m)^\| ` + command + ` \| ([^|]*) \|`).FindStringSubmatch(text)
		if row == nil {
			t.Errorf("%s: no row for %s", scripting, command)
			continue
		}
		if want, got := len(r.fields()[0]), len(strings.Split(row[1], ",")); got != want {
			t.Errorf("%s: %s has %d columns, the program %d", scripting, command, got, want)
		}
	}
}
