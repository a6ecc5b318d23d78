//go:build wine

package winetest

import (
	"bytes"
	"encoding/binary"
)

// forwarder is a DLL for amd64 with one function, which is another DLL's: what Go calls of
// bcryptprimitives.dll, that Wine has only since its version 9. It has no code.
func forwarder(dll, function, to string) []byte {
	const (
		fileAlign = 0x200
		base      = 0x1000 // of the one section
	)
	// The section: the export directory and its three tables, then the names.
	var names bytes.Buffer
	at := func(text string) uint32 {
		const tables = 40 + 4 + 4 + 2 + 2
		rva := uint32(base + tables + names.Len())
		names.WriteString(text + "\x00")
		return rva
	}
	dllName, functionName, forward := at(dll), at(function), at(to)
	section := new(bytes.Buffer)
	put := func(to *bytes.Buffer, values ...any) {
		for _, v := range values {
			binary.Write(to, binary.LittleEndian, v)
		}
	}
	put(section, uint32(0), uint32(0), uint32(0), dllName, uint32(1), uint32(1), uint32(1), uint32(base+40), uint32(base+44), uint32(base+48))
	put(section, forward, functionName, uint16(0), uint16(0))
	section.Write(names.Bytes())
	size := uint32(section.Len())
	section.Write(make([]byte, fileAlign-section.Len()%fileAlign))

	out := new(bytes.Buffer)
	out.WriteString("MZ")
	out.Write(make([]byte, 0x3a))
	put(out, uint32(0x40)) // where the header begins
	out.WriteString("PE\x00\x00")
	put(out, uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022)) // a DLL for amd64
	put(out, uint16(0x20b), uint16(0), uint32(0), uint32(section.Len()), uint32(0), uint32(0), uint32(base))
	put(out, uint64(0x180000000), uint32(0x1000), uint32(fileAlign), uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0))
	put(out, uint32(0x2000), uint32(fileAlign), uint32(0), uint16(3), uint16(0x0100))
	put(out, uint64(0x100000), uint64(0x1000), uint64(0x100000), uint64(0x1000), uint32(0), uint32(16))
	put(out, uint32(base), size) // the exports
	out.Write(make([]byte, 15*8))
	out.WriteString(".rdata\x00\x00")
	put(out, size, uint32(base), uint32(section.Len()), uint32(fileAlign), uint32(0), uint32(0), uint16(0), uint16(0), uint32(0x40000040))
	out.Write(make([]byte, fileAlign-out.Len()))
	out.Write(section.Bytes())
	return out.Bytes()
}
