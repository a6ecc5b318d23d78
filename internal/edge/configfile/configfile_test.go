package configfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/identity"
)

// machine is a chip, and what was asked of it.
type machine struct {
	ids     identity.IDs
	asked   []bool // whole or not
	notices []string
}

var chip = identity.RegistrationIDs([]byte("a chip's key"))

// request is one for a file in a new directory; an empty text is no file.
func request(t *testing.T, text string) (configfile.Request, *machine) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := &machine{ids: chip}
	return configfile.Request{
		Path: path, IDTemplate: "{ek32}", Backups: atomicfile.Backups, Read: os.ReadFile,
		Record: func(whole bool) (identity.Record, error) {
			m.asked = append(m.asked, whole)
			return identity.Record{RegistrationIDs: m.ids, Host: identity.Host{Serial: "S7"}}, nil
		},
		Notify: func(format string, args ...any) { m.notices = append(m.notices, fmt.Sprintf(format, args...)) },
	}, m
}

func file(scope, id string) string {
	return "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://global.azure-devices-provisioning.net/\"\nid_scope = \"" + scope +
		"\"\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"" + id + "\"\n"
}

func plan(r configfile.Request) (configfile.Result, error) {
	target, err := configfile.Find(r)
	if err != nil {
		return configfile.Result{}, err
	}
	return target.Plan()
}

// What comes from the environment gives way to what a file says, and is told so
// once; it counts where the file says nothing, or has the template's example. A flag
// always counts.
func TestOrigins(t *testing.T) {
	const own, template, wanted = "0ne0000OWN1", "0ab1234C5D6", "0ne0000NEW1"
	for _, test := range []struct {
		name   string
		file   string // its ID scope, "" for no file
		from   configfile.Origin
		given  string
		want   string
		warned bool
	}{
		{"flag, new file", "", configfile.CommandLine, wanted, wanted, false},
		{"environment, new file", "", configfile.Environment, wanted, wanted, false},
		{"flag, file", own, configfile.CommandLine, wanted, wanted, false},
		{"environment, file", own, configfile.Environment, wanted, own, true},
		{"environment, file that has the same", own, configfile.Environment, strings.ToLower(own), own, false},
		{"environment, template's example", template, configfile.Environment, wanted, wanted, false},
		{"nothing, file", own, configfile.CommandLine, "", own, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := ""
			if test.file != "" {
				text = file(test.file, "box-7")
			}
			r, m := request(t, text)
			r.IDScope = configfile.Setting{Text: test.given, From: test.from}
			r.RegistrationID = configfile.Setting{Text: "box-7"}
			got, err := plan(r)
			if err != nil || got.IDScope != test.want {
				t.Errorf("IDScope = %q, %v, want %q", got.IDScope, err, test.want)
			}
			if n := len(m.notices); (n == 1) != test.warned || n > 1 {
				t.Errorf("said %q", m.notices)
			}
			if len(m.asked) != 0 {
				t.Errorf("the chip was asked for an ID that was given: %v", m.asked)
			}
		})
	}
}

// The registration ID: given, the file's, or the chip's, and what the chip is asked
// for it.
func TestRegistrationIDs(t *testing.T) {
	other := identity.RegistrationIDs([]byte("another key"))
	for _, test := range []struct {
		name   string
		file   string // its registration ID
		id     configfile.Setting
		derive bool
		want   string // or the error
		asked  string
	}{
		{"given", "box-7", configfile.Setting{Text: "box-8"}, false, "box-8", "[]"},
		{"a name stays", "box-7", configfile.Setting{}, false, "box-7", "[]"},
		{"a name is replaced", "box-7", configfile.Setting{}, true, chip.Base32, "[false]"},
		{"the environment's gives way", "box-7", configfile.Setting{Text: "box-8", From: configfile.Environment}, false, "box-7", "[]"},
		{"the environment's template gives way", "box-7", configfile.Setting{Text: "{serial}", From: configfile.Environment}, false, "box-7", "[]"},
		{"the environment's, over the example", "my-device", configfile.Setting{Text: "box-8", From: configfile.Environment}, false, "box-8", "[]"},
		{"the example is replaced", "my-device", configfile.Setting{}, false, chip.Base32, "[false]"},
		{"a template", "box-7", configfile.Setting{Text: "line-{serial}"}, false, "line-s7", "[true]"},
		{"this chip's stays", chip.Base32, configfile.Setting{}, false, chip.Base32, "[false]"},
		{"this chip's other form stays", chip.Hex, configfile.Setting{}, false, chip.Hex, "[false]"},
		{"another chip's", other.Base32, configfile.Setting{}, false, "another registration ID than this chip's", "[false]"},
		{"another chip's is replaced", other.Base32, configfile.Setting{}, true, chip.Base32, "[false]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, m := request(t, file("0ne0012AB34", test.file))
			r.RegistrationID, r.Derive = test.id, test.derive
			got, err := plan(r)
			if errors.Is(err, configfile.ErrOtherID) {
				if !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
			} else if err != nil || !strings.EqualFold(got.RegistrationID, test.want) {
				t.Errorf("RegistrationID = %q, %v, want %q", got.RegistrationID, err, test.want)
			}
			if asked := fmt.Sprint(m.asked); asked != test.asked {
				t.Errorf("the chip was asked %s, want %s", asked, test.asked)
			}
		})
	}
}

// What is wrong with a file, or with where it is, is found before the chip is asked.
func TestFaultsBeforeTheChip(t *testing.T) {
	var requestError *configfile.RequestError
	var fileError *edge.FileError
	for name, test := range map[string]struct {
		text   string
		change func(*configfile.Request)
		as     any
		want   string
	}{
		"no ID scope":           {"", func(*configfile.Request) {}, &requestError, "no ID scope"},
		"no ID scope in a file": {strings.ReplaceAll(file("x", "my-device"), "id_scope = \"x\"\n", ""), func(*configfile.Request) {}, &requestError, "no ID scope"},
		"not TOML":              {"[provisioning\n", func(*configfile.Request) {}, &fileError, "line 1"},
		"another way":           {"[provisioning]\nsource = \"manual\"\n", func(r *configfile.Request) { r.IDScope.Text = "0ne0012AB34" }, &fileError, "another way"},
		"a link to nothing": {"", func(r *configfile.Request) {
			r.Path = filepath.Join(filepath.Dir(r.Path), "link")
			if err := os.Symlink("nothing", r.Path); err != nil {
				t.Fatal(err)
			}
		}, &requestError, "symbolic link to a file that does not exist"},
	} {
		r, m := request(t, test.text)
		test.change(&r)
		_, err := plan(r)
		if err == nil || !errors.As(err, test.as) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if len(m.asked) != 0 {
			t.Errorf("%s: the chip was asked", name)
		}
	}
	r, _ := request(t, "")
	r.Path = filepath.Join(r.Path, "nowhere", "config.toml")
	_, err := plan(r)
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &requestError) || !strings.Contains(err.Error(), "there is no directory "+filepath.Dir(r.Path)) {
		t.Errorf("no directory: %v", err)
	}
	if strings.Contains(err.Error(), "IoT Edge") { // its package makes another one
		t.Errorf("no directory: %v", err)
	}
	r, _ = request(t, file("0ne0012AB34", "box-7"))
	r.Legacy = true
	if _, err := plan(r); !errors.Is(err, fs.ErrExist) {
		t.Errorf("IoT Edge 1.1: %v", err)
	}
}

// A write creates, changes or leaves the file; a dry run does neither, and a second
// run finds nothing to do. What another program wrote meanwhile is kept.
func TestWrite(t *testing.T) {
	r, _ := request(t, "")
	r.IDScope.Text, r.RegistrationID.Text = "0ne0012AB34", "box-7"
	write := func(r configfile.Request, meanwhile string) configfile.Result {
		t.Helper()
		target, err := configfile.Find(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := target.Plan()
		if err != nil {
			t.Fatal(err)
		}
		if meanwhile != "" {
			if err := os.WriteFile(r.Path, []byte(meanwhile), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err = target.Write(t.Context(), got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	dry := r
	dry.DryRun = true
	if got := write(dry, ""); got.Action != configfile.Create || !got.DryRun {
		t.Errorf("dry run: %+v", got)
	}
	if _, err := os.Stat(r.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dry run wrote: %v", err)
	}
	if got := write(r, ""); got.Action != configfile.Create || got.Backup != "" {
		t.Errorf("first run: %+v", got)
	}
	if got := write(r, ""); got.Action != configfile.Unchanged {
		t.Errorf("second run: %+v", got)
	}
	r.IDScope.Text = "0ne0012AB99"
	got := write(r, "# somebody's\n"+file("0ne0012AB34", "box-7"))
	data, err := os.ReadFile(r.Path)
	if err != nil || got.Action != configfile.Change || got.Backup == "" || string(data) != "# somebody's\n"+file("0ne0012AB99", "box-7") {
		t.Errorf("a file that was changed meanwhile: %+v, %v\n%s", got, err, data)
	}
	r.Path = filepath.Join(t.TempDir(), "config.toml")
	if got := write(r, "# made meanwhile\n"+file("0ne0012AB34", "box-7")); got.Action != configfile.Change || got.Backup == "" {
		t.Errorf("a file that was made meanwhile: %+v", got)
	}
}

// What else is wrong with the file is named after the edit, and the difference shows
// no secret.
func TestFaultAndDiff(t *testing.T) {
	r, _ := request(t, file("0ne0012AB34", "box-7")+"[tpm.hierarchy_authorization]\nowner = \"canary\"\n[provisionning]\nscope_id = \"x\"\n")
	r.IDScope.Text = "0ne0012AB99"
	target, err := configfile.Find(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := target.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if fault := target.Fault(got); !strings.Contains(fault, "in line 10") {
		t.Errorf("Fault() = %q", fault)
	}
	if !strings.Contains(got.Diff, "+id_scope = \"0ne0012AB99\"") || strings.Contains(got.Diff, "canary") {
		t.Errorf("Diff = %s", got.Diff)
	}
	if len(got.Changes) != 1 || got.Changes[0].Key != "provisioning.id_scope" {
		t.Errorf("Changes = %+v", got.Changes)
	}
}
