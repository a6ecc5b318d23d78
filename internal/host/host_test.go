package host

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"tpmdps/internal/identity"
)

func files(contents map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range contents {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestRead(t *testing.T) {
	tests := []struct {
		name  string
		fsys  fs.FS
		want  identity.Host
		notes []string // the beginning of each
	}{
		{
			name: "a machine with SMBIOS",
			fsys: files(map[string]string{
				"sys/class/dmi/id/sys_vendor":     "Advantech\n",
				"sys/class/dmi/id/product_name":   "ARK-1124  H \n",
				"sys/class/dmi/id/product_serial": "KSA1234567\n",
				"sys/class/dmi/id/product_uuid":   "4C4C4544-0042-3510-8052-B4C04F4E4D31\n",
			}),
			want: identity.Host{Manufacturer: "Advantech", Product: "ARK-1124 H", Serial: "KSA1234567",
				UUID: "4c4c4544-0042-3510-8052-b4c04f4e4d31"},
		},
		{
			name: "a board with a device tree",
			fsys: files(map[string]string{
				"sys/firmware/devicetree/base/model":         "Raspberry Pi 4 Model B Rev 1.4\x00",
				"sys/firmware/devicetree/base/serial-number": "10000000abcdef01\x00",
			}),
			want: identity.Host{Product: "Raspberry Pi 4 Model B Rev 1.4", Serial: "10000000abcdef01"},
		},
		{
			name: "placeholders",
			fsys: files(map[string]string{
				"sys/class/dmi/id/sys_vendor":     "To Be Filled By O.E.M.\n",
				"sys/class/dmi/id/product_name":   "System Product Name\n",
				"sys/class/dmi/id/product_serial": "Default string\n",
				"sys/class/dmi/id/product_uuid":   "03000200-0400-0500-0006-000700080009\n",
			}),
			notes: []string{
				`manufacturer: "To Be Filled By O.E.M." is a placeholder`,
				`product: "System Product Name" is a placeholder`,
				`serial: "Default string" is a placeholder`,
				`uuid: "03000200-0400-0500-0006-000700080009" is a placeholder`,
			},
		},
		{
			name: "a placeholder in SMBIOS and a serial in the device tree",
			fsys: files(map[string]string{
				"sys/class/dmi/id/product_serial":            "\n",
				"sys/firmware/devicetree/base/serial-number": "1421821012345\x00",
			}),
			want:  identity.Host{Serial: "1421821012345"},
			notes: []string{"serial: the firmware leaves it empty"},
		},
		{
			name: "text that is none",
			fsys: files(map[string]string{
				"sys/class/dmi/id/sys_vendor":     "\x1b[31mACME\x07\xff\n",
				"sys/class/dmi/id/product_serial": strings.Repeat("S1", 5000),
			}),
			want: identity.Host{Manufacturer: "[31mACME", Serial: strings.Repeat("S1", 128)},
		},
		{
			name: "not readable by this user",
			fsys: refusing{files(map[string]string{"sys/class/dmi/id/sys_vendor": "ACME\n"}),
				"sys/class/dmi/id/product_serial", fs.ErrPermission},
			want:  identity.Host{Manufacturer: "ACME"},
			notes: []string{"serial: only root may read it"},
		},
		{
			name:  "not readable at all",
			fsys:  refusing{files(nil), "sys/class/dmi/id/product_uuid", errors.New("input/output error")},
			notes: []string{"uuid: open sys/class/dmi/id/product_uuid: input/output error"},
		},
		{name: "neither", fsys: files(nil)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, notes := fromFiles(test.fsys)
			if got != test.want {
				t.Errorf("Read() = %+v, want %+v", got, test.want)
			}
			if len(notes) != len(test.notes) {
				t.Fatalf("notes = %q, want %q", notes, test.notes)
			}
			for i, want := range test.notes {
				if !strings.HasPrefix(notes[i], want) {
					t.Errorf("notes[%d] = %q, want %q…", i, notes[i], want)
				}
			}
		})
	}
}

// refusing is a file system in which one file cannot be opened.
type refusing struct {
	fs.FS
	name string
	err  error
}

func (r refusing) Open(name string) (fs.File, error) {
	if name == r.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: r.err}
	}
	return r.FS.Open(name)
}

func TestPlaceholder(t *testing.T) {
	fillers := []string{
		"", " ", "To be filled by O.E.M.", "To Be Filled By O.E.M", "TO BE FILLED BY OEM", "Default string",
		"System Serial Number", "System manufacturer", "System Product Name", "None", "N/A", "Not Specified",
		"Not Applicable", "Unknown", "OEM", "0", "00000000", "0x00000000", "FFFFFFFF", "xxxxxxxx", "........",
		"123456789", "0123456789", "1234567890", "0123456789ABCDEF",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"03000200-0400-0500-0006-000700080009",
	}
	for _, s := range fillers {
		if !Placeholder(s) {
			t.Errorf("Placeholder(%q) = false, want true", s)
		}
	}
	for _, s := range []string{
		"KSA1234567", "7", "10000000abcdef01", "1421821012345", "VMware-42 1f 6e", "ACME", "Nonesuch",
		"4c4c4544-0042-3510-8052-b4c04f4e4d31", "0x1", "日本電気", "NUC11",
	} {
		if Placeholder(s) {
			t.Errorf("Placeholder(%q) = true, want false", s)
		}
	}
}

func TestFactsAsJSON(t *testing.T) {
	got, err := json.Marshal(identity.Host{Hostname: "h", Manufacturer: "m", Product: "p", Serial: "s", UUID: "u"})
	if want := `{"hostname":"h","manufacturer":"m","product":"p","serial":"s","uuid":"u"}`; err != nil || string(got) != want {
		t.Errorf("Marshal() = %s, %v, want %s", got, err, want)
	}
}

func TestLocal(t *testing.T) {
	want, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	first, _ := This().Facts()
	if first.Hostname != want {
		t.Errorf("Local().Hostname = %q, want %q", first.Hostname, want)
	}
	if again, _ := This().Facts(); !reflect.DeepEqual(again, first) {
		t.Errorf("Local() = %+v, then %+v", first, again)
	}
}

// Of each fact is said that it was read, or why not.
func TestKnown(t *testing.T) {
	facts := identity.Host{Hostname: "box", Product: "P"}
	for _, test := range []struct {
		notes []string
		want  map[string]string
	}{
		{nil, map[string]string{"hostname": "read", "product": "read", "serial": "this system does not report it", "uuid": "this system does not report it"}},
		{[]string{"serial: only root may read it", "serial: the firmware leaves it empty", "uuid: only root may read it"}, map[string]string{"serial": "the firmware leaves it empty", "uuid": "only root may read it", "manufacturer": "this system does not report it"}},
		{[]string{"the firmware's table: access denied"}, map[string]string{"serial": "the firmware's table: access denied", "product": "read"}},
	} {
		got := Known(facts, test.notes)
		if len(got) != 5 {
			t.Errorf("%q: %d facts", test.notes, len(got))
		}
		for name, want := range test.want {
			if !strings.HasPrefix(got[name], want) {
				t.Errorf("%q: %s is %q, want %q", test.notes, name, got[name], want)
			}
		}
	}
}
