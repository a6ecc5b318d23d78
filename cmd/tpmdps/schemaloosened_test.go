package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestSchemaLoosened: a schema that lost one of its rules is found by the mutations of the
// manual's example, whichever rule it is.
func TestSchemaLoosened(t *testing.T) {
	example := regexp.MustCompile("(?s)```json\n(.*?)```")
	loosened := 0
	for _, o := range outputs {
		if o.heading == "" {
			continue
		}
		var document any
		dec := json.NewDecoder(strings.NewReader(example.FindStringSubmatch(section(t, scripting, o.heading))[1]))
		dec.UseNumber()
		if err := dec.Decode(&document); err != nil {
			t.Fatal(err)
		}
		for _, rule := range []string{"required", "additionalProperties"} {
			text, err := os.ReadFile(filepath.Join(schemaFolder, o.schema+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var s map[string]any
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatal(err)
			}
			delete(s, rule)
			loosened++
			if _, err := refusesMutations(compileSchema(t, s), o.schema, document); err == nil {
				t.Errorf("%s without %s goes unnoticed", o.schema, rule)
			}
		}
		loosened += withoutTypes(t, o.schema, document)
	}
	t.Logf("%d loosened schemas were found", loosened)
}

// withoutTypes takes the type and the words from one member of an output's schema after the
// other, of those that the example has.
func withoutTypes(t *testing.T, name string, document any) (tried int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(schemaFolder, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	members := whole["properties"].(map[string]any)
	for member := range document.(map[string]any) {
		kept := members[member]
		members[member] = true
		tried++
		if _, err := refusesMutations(compileSchema(t, whole), name, document); err == nil {
			t.Errorf("%s accepts anything as %s unnoticed", name, member)
		}
		members[member] = kept
	}
	return tried
}

func compileSchema(t *testing.T, s any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("loosened.json", s); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("loosened.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// mutations makes copies of a document of an output, each with one member dropped, renamed
// or of another kind, and says what was done. Of a list only the first two are changed.
func mutations(name string, document any) map[string]any {
	all := map[string]any{}
	var walk func(at string, value any, put func(any) any)
	walk = func(at string, value any, put func(any) any) {
		switch v := value.(type) {
		case map[string]any:
			for key, old := range v {
				path := at + "." + key
				with := func(edit func(map[string]any)) any {
					changed := maps.Clone(v)
					edit(changed)
					return put(changed)
				}
				set := func(x any) any { return with(func(m map[string]any) { m[key] = x }) }
				if !free.MatchString(at) {
					if !slices.Contains(optional, path) {
						all[path+" dropped"] = with(func(m map[string]any) { delete(m, key) })
					}
					all[path+" renamed"] = with(func(m map[string]any) { delete(m, key); m[key+"_"] = old })
					all[path+" in capitals"] = with(func(m map[string]any) { delete(m, key); m[strings.ToUpper(key)] = old })
				}
				if !strings.HasSuffix(at, ".desired") { // whatever the twin has
					all[path+" of another kind"] = set(otherKind(old))
				}
				if worded.MatchString(path) {
					all[path+" of another word"] = set("no such word")
				}
				walk(path, old, set)
			}
			if !free.MatchString(at) {
				added := maps.Clone(v)
				added["one_more"] = ""
				all[at+" with one more"] = put(added)
			}
		case []any:
			for i := range v[:min(2, len(v))] {
				set := func(x any) any { changed := slices.Clone(v); changed[i] = x; return put(changed) }
				all[fmt.Sprintf("%s[%d] of another kind", at, i)] = set(otherKind(v[i]))
				walk(at, v[i], set)
			}
		}
	}
	walk(name, document, func(x any) any { return x })
	return all
}

// otherKind is a value of another kind.
func otherKind(v any) any {
	switch v.(type) {
	case string, nil:
		return json.Number("7")
	case json.Number:
		return "7"
	case bool:
		return "true"
	case []any:
		return map[string]any{}
	}
	return []any{}
}
