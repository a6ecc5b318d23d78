package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"tpmdps/internal/identity"
)

// The SMBIOS structure table (DMTF DSP0134, 6.1): structures of a formatted
// area, whose length the header tells, and a set of strings, each ended by a
// zero byte and the set by another.
const (
	rawHeader       = 8 // of Windows, before the table: see parseRaw
	structureHeader = 4 // type, length, handle
	systemType      = 1 // System Information, 7.2
	endOfTable      = 127
	uuidOffset      = 8
	uuidEnd         = uuidOffset + 16
)

var errNoSystem = errors.New("there is no system information in the SMBIOS table")

// fromSMBIOS returns the facts in a raw SMBIOS table, under the same rules as
// [fromFiles].
func fromSMBIOS(data []byte) (facts identity.Host, notes []string) {
	facts, err := parseRaw(data)
	if err != nil {
		return identity.Host{}, []string{err.Error()}
	}
	for _, field := range []struct {
		name  string
		value *string
	}{
		{"manufacturer", &facts.Manufacturer},
		{"product", &facts.Product},
		{"serial", &facts.Serial},
		{"uuid", &facts.UUID},
	} {
		var note string
		if *field.value, note = meaningful(*field.value); note != "" {
			notes = append(notes, field.name+": "+note)
		}
	}
	return facts, notes
}

// parseRaw reads what Windows returns as the raw SMBIOS table (RawSMBIOSData):
// calling method, version, DMI revision, the table's length in little-endian
// order, and the table. The texts are as they stand there.
func parseRaw(data []byte) (identity.Host, error) {
	if len(data) < rawHeader {
		return identity.Host{}, fmt.Errorf("the SMBIOS table has %d bytes, its header alone has %d", len(data), rawHeader)
	}
	major, minor := data[1], data[2]
	length := uint64(binary.LittleEndian.Uint32(data[4:8]))
	table := data[rawHeader:]
	if length > uint64(len(table)) {
		return identity.Host{}, fmt.Errorf("the SMBIOS table has %d bytes and says that it has %d", len(table), length)
	}
	return findSystem(table[:length], swappedUUID(major, minor))
}

// swappedUUID reports whether the first three fields of a UUID are
// little-endian, which SMBIOS 2.6 laid down (DSP0134, 7.2.1). Some firmware
// of 2.3 says 2.31 or 2.33; Linux reads it as 2.3, and so the UUID of a machine
// is the same under both systems.
func swappedUUID(major, minor byte) bool {
	if major == 2 {
		return minor >= 6 && minor != 31 && minor != 33
	}
	return major > 2
}

// findSystem walks the table up to the first type 1 structure.
func findSystem(table []byte, swapped bool) (identity.Host, error) {
	for len(table) >= structureHeader {
		kind, length := table[0], int(table[1])
		if length < structureHeader || length > len(table) {
			return identity.Host{}, fmt.Errorf("a structure of type %d in the SMBIOS table has a length of %d, which cannot be", kind, length)
		}
		area, rest := table[:length], table[length:]
		switch kind {
		case systemType:
			return systemInformation(area, rest, swapped), nil
		case endOfTable:
			return identity.Host{}, errNoSystem
		}
		end := bytes.Index(rest, []byte{0, 0})
		if end < 0 {
			break
		}
		table = rest[end+2:]
	}
	return identity.Host{}, errNoSystem
}

// readSystem reads a type 1 structure. SMBIOS 2.0 had no UUID in it.
func systemInformation(area, strings []byte, swapped bool) identity.Host {
	text := func(offset int) string {
		if offset >= len(area) {
			return ""
		}
		return numbered(strings, int(area[offset]))
	}
	facts := identity.Host{Manufacturer: text(4), Product: text(5), Serial: text(7)}
	if len(area) >= uuidEnd {
		facts.UUID = formatUUID([16]byte(area[uuidOffset:uuidEnd]), swapped)
	}
	return facts
}

// numbered returns a string of the set, counted from 1; 0 means that there is
// none.
func numbered(set []byte, n int) string {
	for ; n > 0; n-- {
		text, rest, _ := bytes.Cut(set, []byte{0})
		if len(text) == 0 {
			return "" // the end of the set
		}
		if n == 1 {
			return string(text[:min(len(text), maxValue)])
		}
		set = rest
	}
	return ""
}

func formatUUID(u [16]byte, swapped bool) string {
	if swapped {
		u[0], u[1], u[2], u[3] = u[3], u[2], u[1], u[0]
		u[4], u[5] = u[5], u[4]
		u[6], u[7] = u[7], u[6]
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
