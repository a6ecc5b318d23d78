package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// schemaFolder has a JSON Schema for each of the outputs. They are made of the Go values
// that are printed, of what the fields' tables of docs/scripting.md say, and of the words
// that the source has for a field:
//
//	go test ./cmd/tpmdps -run SchemaFiles -update
const schemaFolder = "../../docs/schema"

// jsonSchema is a JSON Schema (https://json-schema.org/draft/2020-12), as far as it is used.
type jsonSchema struct {
	Dialect     string                 `json:"$schema,omitempty"`
	ID          string                 `json:"$id,omitempty"`
	Title       string                 `json:"title,omitempty"`
	Description string                 `json:"description,omitempty"`
	Type        any                    `json:"type,omitempty"` // a word, or the list of a word and "null"
	Enum        []any                  `json:"enum,omitempty"`
	Format      string                 `json:"format,omitempty"`
	Pattern     string                 `json:"pattern,omitempty"`
	Encoding    string                 `json:"contentEncoding,omitempty"`
	Properties  map[string]*jsonSchema `json:"properties,omitempty"`
	Required    []string               `json:"required,omitempty"`
	Additional  any                    `json:"additionalProperties,omitempty"` // false, or a schema
	Items       *jsonSchema            `json:"items,omitempty"`
}

// schemas are those of all outputs by name, those of the lines of -o jsonl included.
func schemas(t *testing.T) map[string]*jsonSchema {
	t.Helper()
	all := map[string]*jsonSchema{}
	add := func(name, title string, s *jsonSchema) {
		s.Dialect, s.ID, s.Title = "https://json-schema.org/draft/2020-12/schema", "urn:tpmdps:schema:"+name, title
		all[name] = s
	}
	for _, o := range outputs {
		m := schemaMaker{t: t, output: o.schema, about: fieldsAbout(t, o.heading)}
		s := m.of(reflect.TypeOf(o.value()).Elem(), "")
		add(o.schema, titleOf(o), s)
		if o.list != "" {
			line := *s.Properties[o.list].Items
			add(o.schema+"-line", titleOf(o)+", a line of -o jsonl", &line)
		}
	}
	return all
}

func titleOf(o output) string {
	if len(o.commands) == 0 {
		return "tpmdps " + strings.ReplaceAll(o.schema, "-", " ")
	}
	return "tpmdps " + strings.TrimLeft(strings.TrimLeft(o.heading, "# "), " ")
}

// schemaMaker makes the schema of one output.
type schemaMaker struct {
	t      *testing.T
	output string
	about  map[string]string // by path
}

// of is the schema of a type at a path: the names of members, with dots between.
func (m schemaMaker) of(typ reflect.Type, path string) *jsonSchema {
	s := &jsonSchema{Description: m.about[path]}
	if words := m.words(typ, path); words != nil {
		s.Enum = words
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		s.Type, s.Format, s.Pattern = "string", "date-time", "Z$"
	case typ == reflect.TypeFor[json.RawMessage]():
	case typ == reflect.TypeFor[[]byte]():
		s.Type, s.Encoding = "string", "base64"
	case typ.Kind() == reflect.Pointer:
		s = m.of(typ.Elem(), path)
		s.Type = []any{s.Type, "null"}
	case typ.Kind() == reflect.Slice:
		s.Type, s.Items = "array", m.of(typ.Elem(), path)
		s.Items.Description, s.Enum = "", nil
	case typ.Kind() == reflect.Map:
		s.Type, s.Additional = "object", m.of(typ.Elem(), path)
		s.Additional.(*jsonSchema).Description = ""
	case typ.Kind() == reflect.Struct:
		s.Type, s.Additional, s.Properties = "object", false, map[string]*jsonSchema{}
		m.members(s, typ, path)
	case typ.Kind() == reflect.String:
		s.Type = "string"
	case typ.Kind() == reflect.Bool:
		s.Type = "boolean"
	case slices.Contains([]reflect.Kind{reflect.Int, reflect.Int64}, typ.Kind()):
		s.Type = "integer"
	default:
		m.t.Fatalf("%s: %s: a schema for %v has to be thought of", m.output, path, typ)
	}
	return s
}

// members adds those of a struct.
func (m schemaMaker) members(s *jsonSchema, typ reflect.Type, path string) {
	for field := range typ.Fields() {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			m.members(s, field.Type, path)
		case name == "" && field.IsExported():
			m.t.Errorf("%s: %v.%s has no JSON name", m.output, typ, field.Name)
		case name == "" || name == "-":
		default:
			s.Properties[name] = m.of(field.Type, strings.TrimPrefix(path+"."+name, "."))
			if option == "omitempty" {
				if field.Type.Kind() == reflect.Pointer { // it is not there instead
					s.Properties[name] = m.of(field.Type.Elem(), strings.TrimPrefix(path+"."+name, "."))
				}
				continue
			}
			s.Required = append(s.Required, name)
		}
	}
}

// fieldsAbout are what the tables of a part of docs/scripting.md say of each member.
func fieldsAbout(t *testing.T, heading string) map[string]string {
	t.Helper()
	about := map[string]string{}
	if heading == "" {
		return about
	}
	link := regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	row := regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| ((?:[^|\n]|\\\\\\|)*) \\|$")
	for _, cells := range row.FindAllStringSubmatch(section(t, scripting, heading), -1) {
		for name := range strings.SplitSeq(cells[1], ", ") {
			about[strings.Trim(name, "`")] = strings.NewReplacer("`", "", "**", "", `\|`, "|").Replace(link.ReplaceAllString(cells[2], "$1"))
		}
	}
	return about
}

// schemaText is a schema as it stands in its file.
func schemaText(t *testing.T, s *jsonSchema) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, s, "  "); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSchemaFiles compares docs/schema with what the source makes.
func TestSchemaFiles(t *testing.T) {
	all := schemas(t)
	for name, s := range all {
		file, want := filepath.Join(schemaFolder, name+".json"), schemaText(t, s)
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s.json is not what the source makes (%v): go test ./cmd/tpmdps -run SchemaFiles -update", name, err)
		}
	}
	files, err := os.ReadDir(schemaFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name, is := strings.CutSuffix(file.Name(), ".json"); !is || all[name] == nil {
			t.Errorf("docs/schema/%s is a schema of nothing that is printed", file.Name())
		}
	}
}
