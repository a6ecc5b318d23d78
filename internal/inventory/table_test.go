package inventory

import (
	"encoding/binary"
	"encoding/csv"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/identity"
)

// A table is read, whatever program wrote it.
func TestTables(t *testing.T) {
	k1, k2 := b64(numberedEK(1)), b64(numberedEK(2))
	want, err := Read([]byte("registration_id,endorsement_key,device_id\nbox-1," + k1 + ",Dev1\nbox-2," + k2 + ",\n"))
	if err != nil || len(want.Entries) != 2 || want.Entries[0].Settings.DeviceID != "Dev1" || want.Entries[1].Record.RegistrationID != "box-2" || want.Entries[1].Line != 3 {
		t.Fatalf("Read() = %+v, %v", want, err)
	}
	for i := range want.Entries {
		want.Entries[i].Line = 0
	}
	little := func(s string) string { return "\xff\xfe" + utf16Bytes(s, binary.LittleEndian) }
	german := "registration_id;endorsement_key;device_id\r\nbox-1;" + k1 + ";Dev1\r\nbox-2;" + k2 + ";\r\n"
	quoted := `"registration_id","endorsement_key","device_id"` + "\r\n" + `"box-1","` + k1 + `","Dev1"` + "\r\n" + `"box-2","` + k2 + `",""` + "\r\n"
	first, second, _ := strings.Cut(quoted, "\"box-2")
	tables := map[string]string{
		"Excel, German":                 "\xef\xbb\xbf" + german,
		"Excel, German, old":            german,
		"Excel, English":                "\xef\xbb\xbf" + strings.ReplaceAll(german, ";", ","),
		"Excel, Unicode text":           little(strings.ReplaceAll(german, ";", "\t")),
		"Excel, sep":                    "sep=;\r\n" + german,
		"Excel, sep, tab":               "\"sep=\t\"\r\n" + strings.ReplaceAll(german, ";", "\t"),
		"Excel, empty rows":             german + ";;\r\n;;\r\n",
		"Excel, empty columns":          strings.ReplaceAll(german, "\r\n", ";;;\r\n"),
		"Excel, cells left out":         strings.Replace(german, k2+";", k2, 1),
		"PowerShell 5.1 Export-Csv":     "#TYPE System.Management.Automation.PSCustomObject\r\n" + quoted,
		"PowerShell 5.1 -Unicode":       little("#TYPE Selected.System.Object\r\n" + quoted),
		"PowerShell 5.1, mixed":         first + utf16Bytes("\"box-2"+second, binary.LittleEndian),
		"PowerShell 5.1 Out-File":       little(quoted),
		"PowerShell 5.1 >> of UTF-16":   little(first) + "\"box-2" + second,
		"PowerShell 7":                  quoted,
		"big endian":                    "\xfe\xff" + utf16Bytes(quoted, binary.BigEndian),
		"LibreOffice":                   strings.ReplaceAll(quoted, "\r\n", "\n"),
		"no last line end":              strings.TrimSuffix(quoted, "\r\n"),
		"blank lines":                   "\r\n\r\n" + strings.ReplaceAll(quoted, "\r\n", "\r\n\r\n"),
		"names in words":                strings.Replace(german, "registration_id;endorsement_key;device_id", "Registration ID; Endorsement Key ;deviceId", 1),
		"names in another order":        "device-id;ENDORSEMENTKEY;RegistrationId\nDev1;" + k1 + ";box-1\n;" + k2 + ";box-2\n",
		"blanks around cells":           "registration_id , endorsement_key , device_id\n box-1 ," + k1 + " , Dev1\nbox-2, " + k2 + ",\n",
		"key over several lines":        strings.Replace(quoted, k1, k1[:76]+"\r\n"+k1[76:], 1),
		"guarded cells":                 strings.NewReplacer("box-1", "box-1", "Dev1", "Dev1").Replace(german),
		"a column that is not used":     strings.NewReplacer("device_id", "device_id;price", "Dev1", "Dev1;12,50", k2+";", k2+";;").Replace(german),
		"az's case":                     strings.Replace(german, "registration_id;endorsement_key", "registrationId;endorsementKey", 1),
		"the columns of an export, too": strings.NewReplacer("device_id", "device_id;line", "Dev1", "Dev1;1", k2+";", k2+";;2").Replace(german),
	}
	for name, data := range tables {
		got, err := Read([]byte(data))
		for i := range got.Entries {
			got.Entries[i].Line = 0
		}
		if err != nil || !reflect.DeepEqual(got.Entries, want.Entries) {
			t.Errorf("%s: Read() = %+v, %v", name, got.Entries, err)
		}
		if used := strings.Contains(name, "not used"); used != slices.Contains(got.Notes, "note: columns that are not used: price") {
			t.Errorf("%s: notes %q", name, got.Notes)
		}
	}
}

// All columns reach the entry.
func TestTableColumns(t *testing.T) {
	k := b64(numberedEK(1))
	var data strings.Builder
	w := csv.NewWriter(&data)
	_ = w.Write([]string{"endorsement_key", "registration_id", "device_id", "Serial Number", "hostname", "manufacturer", "product", "uuid", "operator", "read_at", "label:line", "labels.Order",
		"edge_enabled", "iot_hubs", "allocation_policy", "reprovision_policy", "provisioning_status", "initial_twin_tags", "initial_twin_properties"})
	_ = w.Write([]string{k, "box-1", "'=dev", "'-7", "h", "m", "p", "u", "'+Anna", "2026-05-04T03:02:01Z", "7", "a;'=1",
		"WAHR", "a.azure-devices.net, b.azure-devices.net", "hashed", "never", "disabled", `{"a":1}`, `{"b":2}`})
	w.Flush()
	inv, err := Read([]byte(data.String()))
	if err != nil || len(inv.Entries) != 1 {
		t.Fatalf("Read() = %+v, %v", inv, err)
	}
	r, s := inv.Entries[0].Record, inv.Entries[0].Settings
	if r.Host != (identity.Host{Hostname: "h", Manufacturer: "m", Product: "p", Serial: "-7", UUID: "u"}) || r.Operator != "+Anna" || r.ReadAt.Year() != 2026 ||
		r.Labels["line"] != "7" || r.Labels["order"] != "a;=1" || r.EndorsementKey != k || r.RegistrationID != "box-1" {
		t.Errorf("the record is %+v", r)
	}
	if s.DeviceID != "=dev" || s.EdgeEnabled == nil || !*s.EdgeEnabled || len(s.IoTHubs) != 2 || s.AllocationPolicy != "hashed" || s.ReprovisionPolicy != "never" ||
		s.ProvisioningStatus != "disabled" || string(s.InitialTwinTags) != `{"a":1}` || string(s.InitialTwinProperties) != `{"b":2}` {
		t.Errorf("the settings are %+v", s)
	}
}

// What is wrong in a table is named with its line, in words of the table.
func TestTableFaults(t *testing.T) {
	k := b64(numberedEK(1))
	head, good := "registration_id;endorsement_key;device_id\r\n", "box-1;"+k+";d1\r\n"
	for name, tt := range map[string]struct{ data, want string }{
		"misspelt column":     {"registraton_id;endorsement_key\r\nbox-1;" + k, `line 1: not a valid record: unknown column "registraton_id"; is it registration_id?`},
		"misspelt, later":     {"sep=;\r\nendorsement_key;devceid\r\n" + k + ";x", `line 2: not a valid record: unknown column "devceid"; is it device_id?`},
		"column twice":        {"endorsement_key;Endorsement Key\r\n" + k + ";" + k, "line 1: not a valid record: the column endorsement_key stands twice"},
		"serial twice":        {"endorsement_key;serial;serial_number\r\n" + k + ";1;2", "line 1: not a valid record: the column serial stands twice"},
		"no key":              {head + good + "box-2;;d2\r\n", "line 3: not a valid record: it has no endorsement key"},
		"bad key":             {head + good + "box-2;" + k[:300] + ";d2\r\n", "line 3: not a valid record: the endorsement key is cut short"},
		"bad ID":              {head + good + "../box;" + k + ";d2\r\n", `line 3: not a valid record: invalid registration ID "../box"`},
		"formula as ID":       {head + "=cmd|' /C calc'!A0;" + k + ";d2\r\n", "line 2: not a valid record: invalid registration ID"},
		"capital ID":          {head + "BOX;" + k + ";d2\r\n", `it has capital letters; write "box"`},
		"number of Excel's":   {head + "1.23E+15;" + k + ";d2\r\n", "line 2: not a valid record: invalid registration ID"},
		"bad device ID":       {head + good + "box-2;" + k + ";d 2\r\n", `line 3: not a valid record: device-id "d 2"`},
		"too many cells":      {head + good + "box-2;" + k + ";d2;x\r\n", "line 3: not a valid record: it has 4 cells, and the header 3"},
		"control character":   {head + good + "box-2;" + k + ";d\a2\r\n", "line 3: not a valid record: device_id has a character that cannot be printed"},
		"direction":           {head + good + "box-2;" + k + ";d\u202e2\r\n", "line 3: not a valid record: device_id has a character that cannot be printed"},
		"open quote":          {head + good + "\"box-2;" + k + ";d2\r\n" + good, "line 3: not a valid record: a cell has a quote that is not closed"},
		"quote inside":        {head + good + "bo\"x-2;" + k + ";d2\r\n", "line 3: not a valid record: a quote stands in a cell"},
		"after a long cell":   {head + "\"box-1\";\"" + k[:40] + "\r\n" + k[40:] + "\";d\r\n;;x\r\n", "line 4: not a valid record: it has no endorsement key"},
		"after empty lines":   {head + "\r\n\r\n" + good + "\r\nbox-2;;\r\n", "line 6: not a valid record: it has no endorsement key"},
		"edge":                {"endorsement_key,edge_enabled\n" + k + ",maybe\n", `line 2: not a valid record: edge_enabled: "maybe" is neither true nor false`},
		"time":                {"endorsement_key,read_at\n" + k + ",yesterday\n", `line 2: not a valid record: read_at: "yesterday" is not a time`},
		"tags":                {"endorsement_key,initial_twin_tags\n" + k + ",{\n", "line 2: not a valid record: initial-twin-tags"},
		"label":               {"endorsement_key,label:a b\n" + k + ",x\n", "line 2: not a valid record: label:a b: invalid label"},
		"zero byte":           {head + good + "box\x00;" + k + ";\r\n", "not text: line 3"},
		"code page":           {head + good + "b\xfcx;" + k + ";\r\n", "not text: line 3"},
		"no such column":      {"serial;key;x\r\nbox-1;" + k + ";\r\n", "line 1: not a valid record: it is a table (CSV) without the column endorsement_key"},
		"another separator":   {"registration_id|endorsement_key\nbox-1|" + k + "\n", "line 1: not a valid record: "},
		"twice the same, CSV": {head + good + head + good, "line 3: not a valid record: "},
	} {
		_, err := Read([]byte(tt.data))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tt.want)
			continue
		}
		if fault := badWords(strings.TrimSuffix(err.Error(), " :")); fault != "" {
			t.Errorf("%s: %v: has %q", name, err, fault)
		}
	}
}

// What an attacker puts into a file ends with the number of its line.
func TestTableBounds(t *testing.T) {
	k := b64(numberedEK(1))
	begin := "registration_id,endorsement_key\nbox-1," + k + "\n"
	for name, fill := range map[string]string{"one cell": "x", "cells": ",", "quotes": `""`, "an open quote": "\"\n", "empty lines": "\n", "blanks": " "} {
		first := ""
		if name == "an open quote" {
			first = `"`
		}
		read := 0
		_, err := readAllOf(&repeated{begin: begin + first, fill: fill, left: 250 << 20, read: &read})
		if err == nil || !errors.Is(err, identity.ErrRecord) || !strings.HasPrefix(err.Error(), "line 3: ") {
			t.Errorf("%s: %v", name, err)
		}
		if read > 20<<20 {
			t.Errorf("%s: %d bytes were read", name, read)
		}
	}
	if _, err := Read([]byte(strings.Repeat(",", 1<<20) + begin)); err == nil {
		t.Error("a header of 1 MB was read")
	}
}
