package host

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"tpmdps/internal/identity"
)

// structure makes one SMBIOS structure: header, the rest of the formatted area,
// and the set of strings with its end.
func structure(kind byte, area []byte, strings ...string) []byte {
	out := append([]byte{kind, byte(structureHeader + len(area)), 0x01, 0x00}, area...)
	for _, s := range strings {
		out = append(append(out, s...), 0)
	}
	if len(strings) == 0 {
		out = append(out, 0)
	}
	return append(out, 0)
}

// systemArea is a type 1 structure's area behind the header, of SMBIOS 2.4 and
// later: which string is which, the UUID, wake-up type, SKU and family.
func systemArea(manufacturer, product, version, serial byte, uuid [16]byte) []byte {
	return append(append([]byte{manufacturer, product, version, serial}, uuid[:]...), 6, 0, 0)
}

// raw makes what Windows returns, of one SMBIOS version and its structures.
func raw(major, minor byte, structures ...[]byte) []byte {
	table := bytes.Join(structures, nil)
	return append(binary.LittleEndian.AppendUint32([]byte{0, major, minor, 0}, uint32(len(table))), table...)
}

var (
	testUUID = [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	bios     = structure(0, make([]byte, 14), "ACME Firmware", "1.02")
	end      = structure(endOfTable, nil)
)

// The example of DSP0134, 7.2.1: the UUID 00112233-4455-6677-8899-AABBCCDDEEFF
// is stored as 33 22 11 00 55 44 77 66 88 99 AA BB CC DD EE FF.
const swappedForm, plainForm = "33221100-5544-7766-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"

func TestFromSMBIOS(t *testing.T) {
	box := structure(systemType, systemArea(1, 2, 3, 4, testUUID), "Advantech", "ARK-1124  H ", "v1", "KSA1234567")
	want := identity.Host{Manufacturer: "Advantech", Product: "ARK-1124 H", Serial: "KSA1234567", UUID: swappedForm}
	plain := want
	plain.UUID = plainForm
	tests := []struct {
		name  string
		data  []byte
		want  identity.Host
		notes []string // the beginning of each
	}{
		{"SMBIOS 3", raw(3, 2, bios, box, end), want, nil},
		{"SMBIOS 2.6", raw(2, 6, bios, box, end), want, nil},
		{"SMBIOS 2.51", raw(2, 51, bios, box, end), want, nil},
		{"SMBIOS 2.4", raw(2, 4, bios, box, end), plain, nil},
		{"SMBIOS 2.3 that says 2.31", raw(2, 31, bios, box, end), plain, nil},
		{"SMBIOS 2.3 that says 2.33", raw(2, 33, bios, box, end), plain, nil},
		{"no end of the table", raw(3, 2, bios, box), want, nil},
		{"bytes behind the table", append(raw(3, 2, bios, box, end), "rest"...), want, nil},
		{"a second system", raw(3, 2, box, structure(systemType, systemArea(1, 0, 0, 0, testUUID), "other")), want, nil},
		{
			"SMBIOS 2.0, without a UUID",
			raw(2, 0, structure(systemType, []byte{1, 0, 0, 2}, "ACME", "S1")),
			identity.Host{Manufacturer: "ACME", Serial: "S1"},
			[]string{"product: the firmware leaves it empty", "uuid: the firmware leaves it empty"},
		},
		{
			"placeholders",
			raw(3, 0, structure(systemType, systemArea(1, 1, 1, 2, [16]byte{0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9}),
				"To Be Filled By O.E.M.", "Default string")),
			identity.Host{},
			[]string{
				`manufacturer: "To Be Filled By O.E.M." is a placeholder`,
				`product: "To Be Filled By O.E.M." is a placeholder`,
				`serial: "Default string" is a placeholder`,
				`uuid: "03000200-0400-0500-0006-000700080009" is a placeholder`,
			},
		},
		{
			"strings that are not there",
			raw(3, 0, structure(systemType, systemArea(9, 255, 0, 2, testUUID), "only one")),
			identity.Host{UUID: swappedForm},
			[]string{"manufacturer: the firmware leaves it empty", "product: ", "serial: "},
		},
		{
			"text that is none",
			raw(3, 0, structure(systemType, systemArea(1, 2, 0, 3, testUUID), "\x1b[31mACME\xff", "p", strings.Repeat("S1", 5000))),
			identity.Host{Manufacturer: "[31mACME", Product: "p", Serial: strings.Repeat("S1", 128), UUID: swappedForm},
			nil,
		},
		{"no system", raw(3, 0, bios, end, box), identity.Host{}, []string{"there is no system information"}},
		{"an empty table", raw(3, 0), identity.Host{}, []string{"there is no system information"}},
		{"half a structure", raw(3, 0, bios, box[:10]), identity.Host{}, []string{"a structure of type 1 in the SMBIOS table has a length of 27"}},
		{"a structure without length", raw(3, 0, []byte{2, 0, 0, 0, 0, 0}), identity.Host{}, []string{"a structure of type 2 in the SMBIOS table has a length of 0"}},
		{"strings without an end", raw(3, 0, bios[:len(bios)-1]), identity.Host{}, []string{"there is no system information"}},
		{"half a table", raw(3, 0, bios, box)[:60], identity.Host{}, []string{"the SMBIOS table has 52 bytes and says that it has"}},
		{"half a header", []byte{0, 3, 0, 0}, identity.Host{}, []string{"the SMBIOS table has 4 bytes, its header alone has 8"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, notes := fromSMBIOS(test.data)
			if got != test.want {
				t.Errorf("fromSMBIOS() = %+v, want %+v", got, test.want)
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

// The same machine has the same facts under both systems.
func TestFromSMBIOSAgreesWithSysfs(t *testing.T) {
	const maker, product, serial = "ACME\tInc.", " Box 7", "  S-0007  "
	windows, _ := fromSMBIOS(raw(3, 1, structure(systemType, systemArea(1, 2, 0, 3, testUUID), maker, product, serial)))
	fsys := fstest.MapFS{}
	for name, text := range map[string]string{
		"sys_vendor": maker, "product_name": product, "product_serial": serial, "product_uuid": swappedForm,
	} {
		fsys[dmi+name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	linux, _ := fromFiles(fsys)
	if windows != linux || linux.Serial != "S-0007" {
		t.Errorf("facts are %+v on Windows and %+v on Linux", windows, linux)
	}
}

func FuzzFromSMBIOS(f *testing.F) {
	f.Add(raw(3, 2, bios, structure(systemType, systemArea(1, 2, 3, 4, testUUID), "a", "b", "c", "d"), end))
	f.Add(raw(2, 0, structure(systemType, []byte{1, 0, 0, 2}, "ACME", "S1")))
	f.Add(raw(2, 4, []byte{1, 4, 0, 0}))
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, _ := fromSMBIOS(data)
		for _, s := range []string{facts.Manufacturer, facts.Product, facts.Serial, facts.UUID} {
			if len(s) > maxValue || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\x1b\n") || s != "" && Placeholder(s) {
				t.Errorf("fromSMBIOS(%x) has the value %q", data, s)
			}
		}
	})
}
