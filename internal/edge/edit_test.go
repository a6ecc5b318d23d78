package edge_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/rogpeppe/go-internal/diff"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// wanted is what the edits of this file are wanted to set.
var wanted = edge.Config{
	IDScope: "0ne0012AB34", RegistrationID: "box-7", AutoReprovisioningMode: "AlwaysOnStartup",
	PayloadURI: "file:///etc/aziot/payload.json", AuthKeyIndex: index(0x000101),
}

// edits are the files of testdata/edit and what happens to them. Each has a
// golden diff, but for those that are refused.
var edits = []struct {
	name    string
	o       edge.EditOptions
	refused string
}{
	{name: "crlf"}, {name: "tabs"}, {name: "inline"}, {name: "dotted"}, {name: "arrays"}, {name: "comments"}, {name: "quoting"},
	{name: "no-final-newline"}, {name: "only-comments"}, {name: "bom"}, {name: "quoted-index"}, {name: "child-first"},
	{name: "duplicate", refused: "line 12"},
	{name: "manual", o: edge.EditOptions{ReplaceProvisioning: true}},
	{name: "symmetric", o: edge.EditOptions{ReplaceProvisioning: true}},
}

func TestApplyTo(t *testing.T) {
	for _, test := range edits {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join("testdata", "edit", test.name)
			old := readFile(t, filepath.Join(dir, "config.toml"))
			e, err := wanted.ApplyTo(old, test.o)
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Fatalf("ApplyTo() = %v, want an error with %q", err, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(dir, "want.diff"), diff.Diff("old", old, "new", e.Data))
			checkEdit(t, old, e, test.o.ReplaceProvisioning)
			noNewFault(t, old, e.Data)
		})
	}
}

// TestApplyToKeepsOtherEdits: the edits above all set everything; here each
// value is set alone.
func TestApplyToOneByOne(t *testing.T) {
	for name, c := range map[string]edge.Config{
		"scope":    {IDScope: "0ne0012AB34"},
		"id":       {RegistrationID: "box-7"},
		"endpoint": {GlobalEndpoint: "https://localhost:8443/"},
		"hostname": {Hostname: "box-7"},
		"mode":     {AutoReprovisioningMode: "OnErrorOnly"},
		"tcti":     {TCTI: "device:/dev/tpmrm0"},
		"owner":    {OwnerAuth: "a \"b\" \\c"},
	} {
		old := readFile(t, "testdata/edit/comments/config.toml")
		e, err := c.ApplyTo(old, edge.EditOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(e.Changes) != 1 {
			t.Errorf("%s: changes = %+v, want one", name, e.Changes)
		}
		if strings.Contains(fmt.Sprint(e.Changes), `"b"`) {
			t.Errorf("%s: changes = %v hold the password", name, e.Changes)
		}
		checkEdit(t, old, e, false)
	}
}

// A file of two thousand lines, as a generator of configurations may make it.
func TestApplyToLongFile(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("hostname = \"long\"\n\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://global.azure-devices-provisioning.net\"\nid_scope = \"0ne0000AAAA\"\n\n[agent.env]\n")
	for i := range 1986 {
		fmt.Fprintf(&b, "VARIABLE_%04d = \"%d\" # of %d\n", i, i*i, i)
	}
	b.WriteString("\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"long\"\n\n# end\n")
	if lines := bytes.Count(b.Bytes(), []byte("\n")); lines != 2000 {
		t.Fatalf("the file has %d lines", lines)
	}
	e, err := wanted.ApplyTo(b.Bytes(), edge.EditOptions{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/edit/long.diff", diff.Diff("old", b.Bytes(), "new", e.Data))
	checkEdit(t, b.Bytes(), e, false)
	noNewFault(t, b.Bytes(), e.Data)
}

// The official template and upstream's own fixtures; testdata/edit/only-comments
// has the template's form.
func TestApplyToOfficialFiles(t *testing.T) {
	for _, name := range []string{"iotedge/config.toml.edge.template", "iotedge/dps-tpm/super-config.toml", "iot-identity-service/dps-tpm/config.toml"} {
		old := readFile(t, filepath.Join(edgetest.Samples(t), filepath.FromSlash(name)))
		e, err := wanted.ApplyTo(old, edge.EditOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden(t, filepath.Join("testdata", "edit", strings.ReplaceAll(name, "/", "-")+".changes"), changes(diff.Diff("old", old, "new", e.Data)))
		checkEdit(t, old, e, false)
		noNewFault(t, old, e.Data)
		if failures, _ := lint.Check(e.Data, lint.Options{}).Count(); failures > 0 {
			t.Errorf("%s has %d errors", name, failures)
		}
	}
}

// changes are the lines of a difference that say what changes and where, without
// those of the file around them, which are not ours to ship.
func changes(diff []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(diff) {
		if bytes.HasPrefix(line, []byte("--- old")) || bytes.HasPrefix(line, []byte("+++ new")) {
			continue
		}
		if bytes.IndexByte([]byte("@+-"), line[0]) >= 0 {
			b.Write(line)
		}
	}
	return b.Bytes()
}

// noNewFault makes sure that a reader that refuses what it does not know, and
// tells capitals, finds nothing in the new file that was not in the old one.
func noNewFault(t *testing.T, old, edited []byte) {
	t.Helper()
	faults := func(file []byte) (all []string) {
		for _, f := range lint.Check(file, lint.Options{}).Findings {
			if f.Severity == lint.Error {
				all = append(all, f.Rule+" "+f.Key)
			}
		}
		return all
	}
	before := faults(old)
	for _, f := range faults(edited) {
		if !slices.Contains(before, f) {
			t.Errorf("the edit makes a fault: %s", f)
		}
	}
}

// checkEdit holds an edit against what it must and must not have changed.
func checkEdit(t *testing.T, old []byte, e edge.Edit, replaced bool) {
	t.Helper()
	before, after := decode(t, old), decode(t, e.Data)
	if !replaced {
		for _, c := range e.Changes {
			remove(before, c.Key)
			remove(after, c.Key)
		}
		if a, b := prune(before), prune(after); !reflect.DeepEqual(a, b) {
			t.Errorf("the edit changed more than %v:\n%v\n%v", e.Changes, a, b)
		}
	}
	lines := strings.Split(string(e.Data), "\n")
	for _, comment := range comments(t, old) {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(strings.TrimSuffix(l, "\r"), comment) }) {
			t.Errorf("the comment %q is gone", comment)
		}
	}
	if c, err := edge.Parse(e.Data); err != nil || !reflect.DeepEqual(c, e.Config) || c.Validate() != nil {
		t.Errorf("Parse() = %+v, %v; want %+v", c, err, e.Config)
	}
	again, err := e.Config.ApplyTo(e.Data, edge.EditOptions{})
	if err != nil || len(again.Changes) != 0 || !bytes.Equal(again.Data, e.Data) {
		t.Errorf("ApplyTo() again = %v, %v; want no change", again.Changes, err)
	}
}

func comments(t *testing.T, file []byte) []string {
	t.Helper()
	d, err := tomledit.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return d.Comments()
}

func decode(t *testing.T, file []byte) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := toml.Unmarshal(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf")), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func remove(values map[string]any, key string) {
	path := strings.Split(key, ".")
	for _, p := range path[:len(path)-1] {
		values, _ = values[p].(map[string]any)
	}
	delete(values, path[len(path)-1])
}

// prune leaves out empty tables, which an edit may have filled.
func prune(values map[string]any) map[string]any {
	for k, v := range values {
		if table, ok := v.(map[string]any); ok && len(prune(table)) == 0 {
			delete(values, k)
		}
	}
	return values
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := readFile(t, path); !bytes.Equal(got, want) {
		t.Errorf("the edit is\n%s\nwant\n%s", got, want)
	}
}

func TestApplyToRefuses(t *testing.T) {
	for _, test := range []struct {
		name, file string
		c          edge.Config
		want       error
		text       string
	}{
		{"manual", "[provisioning]\nsource = \"manual\"\n", wanted, edge.ErrOtherProvisioning, `line 2: provisioning.source is "manual"`},
		{"x509", "[provisioning]\nsource = \"dps\"\nattestation = { method = \"x509\" }\n", wanted, edge.ErrOtherProvisioning, "line 3"},
		{"no scope", "", edge.Config{RegistrationID: "box-7"}, edge.ErrInvalid, "id_scope"},
		{"no ID", "", edge.Config{IDScope: "0ne0012AB34"}, edge.ErrInvalid, "registration_id"},
		{"bad value that is there", "hostname = \"a b\"\n", wanted, edge.ErrInvalid, "hostname"},
		{"provisioning is a word", "provisioning = \"dps\"\n", wanted, tomledit.ErrStructure, "line 1: provisioning"},
		{"the scope is a table", "[provisioning]\n[provisioning.id_scope]\n", wanted, tomledit.ErrStructure, "line 2: provisioning.id_scope"},
		{"the scope is a list", "[provisioning]\nid_scope = [ # hall 2\n]\n", wanted, tomledit.ErrStructure, "line 2: it is an array"},
		{"wrong type that is there", "hostname = \"a\"\n[tpm]\ntcti = 1\n", wanted, edge.ErrInvalid, "line 3, column 1: tpm.tcti has the type integer"},
		{"too large after it", "#" + strings.Repeat("a", 1<<20-10), wanted, edge.ErrInvalid, "at most"},
		{"too large", strings.Repeat("#", 1<<20+1), wanted, edge.ErrInvalid, "at most"},
	} {
		if _, err := test.c.ApplyTo([]byte(test.file), edge.EditOptions{}); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: ApplyTo() = %v, want %v with %q", test.name, err, test.want, test.text)
		}
	}
	var syntax *tomledit.SyntaxError
	if _, err := wanted.ApplyTo([]byte("auto_reprovisioning_mode = Dynamic"), edge.EditOptions{}); !errors.As(err, &syntax) {
		t.Errorf("ApplyTo() = %v, want a SyntaxError", err)
	}
}

func TestApplyToSameMeaning(t *testing.T) {
	const file = "[provisioning]\nsource='dps'\nglobal_endpoint='https://Global.azure-devices-provisioning.net'\nid_scope='0ne0012AB34'\nattestation={method='tpm',registration_id='box-7'}\n[tpm]\nauth_key_index=257\n"
	c := edge.Config{IDScope: "0ne0012AB34", RegistrationID: "box-7", GlobalEndpoint: schema.DefaultGlobalEndpoint, AuthKeyIndex: index(0x101)}
	e, err := c.ApplyTo([]byte(file), edge.EditOptions{})
	if err != nil || len(e.Changes) != 0 || string(e.Data) != file {
		t.Errorf("ApplyTo() = %v, %v; want no change", e.Changes, err)
	}
}

// FuzzApplyTo: whatever the file, what comes out keeps its values and comments.
func FuzzApplyTo(f *testing.F) {
	files, err := filepath.Glob("testdata/edit/*/config.toml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := wanted.ApplyTo(data, edge.EditOptions{})
		if err != nil || bytes.Contains(data, []byte("nan")) {
			return
		}
		checkEdit(t, data, e, false)
	})
}
