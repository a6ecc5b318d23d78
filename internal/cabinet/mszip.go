package cabinet

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Kinds of compression, the low four bits of a CFFOLDER's typeCompress.
const (
	stored  = 0
	mszip   = 1
	quantum = 2
	lzx     = 3
)

// maxBlock bounds a CFDATA, packed and unpacked; MSZIP's window is one block.
const maxBlock = 32 << 10

// unpack reads all blocks of a folder: [MS-CAB] 2.2 and 2.4.
func unpack(data, folder []byte, reserve, limit int) ([]byte, error) {
	le := binary.LittleEndian
	at, blocks, kind := int64(le.Uint32(folder)), int(le.Uint16(folder[4:])), le.Uint16(folder[6:])&15
	switch kind {
	case stored, mszip:
	case quantum, lzx:
		return nil, fmt.Errorf("it is compressed with %s; unpack it (cabextract, or expand on Windows) and give the folder", [...]string{quantum: "Quantum", lzx: "LZX"}[kind])
	default:
		return nil, fmt.Errorf("it is compressed in an unknown way (%d)", kind)
	}
	var content []byte
	for i := range blocks {
		if at+int64(8+reserve) > int64(len(data)) {
			return nil, errShort
		}
		head := data[at:]
		sum, packed, plain := le.Uint32(head), int(le.Uint16(head[4:])), int(le.Uint16(head[6:]))
		at += int64(8 + reserve)
		switch {
		case at+int64(packed) > int64(len(data)):
			return nil, errShort
		case plain > maxBlock || len(content)+plain > limit:
			return nil, fmt.Errorf("it has more than %d bytes, or blocks of more than %d", maxContent, maxBlock)
		}
		block := data[at : at+int64(packed)]
		if sum != 0 && checksum(head[4:8+reserve], checksum(block, 0)) != sum {
			return nil, fmt.Errorf("block %d is damaged: its checksum is wrong", i+1)
		}
		unpacked, err := unpackBlock(block, kind, plain, content[max(0, len(content)-maxBlock):])
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i+1, err)
		}
		content = append(content, unpacked...)
		at += int64(packed)
	}
	return content, nil
}

// unpackBlock unpacks one block to plain bytes. What was unpacked before is the
// dictionary of MSZIP, which has a deflate stream of its own in every block.
func unpackBlock(block []byte, kind uint16, plain int, before []byte) ([]byte, error) {
	if kind == stored {
		if len(block) != plain {
			return nil, errors.New("its two sizes differ")
		}
		return block, nil
	}
	deflated, ok := bytes.CutPrefix(block, []byte("CK"))
	if !ok {
		return nil, errors.New("it does not begin with CK")
	}
	reader := flate.NewReaderDict(bytes.NewReader(deflated), before)
	unpacked := make([]byte, plain)
	if _, err := io.ReadFull(reader, unpacked); err != nil {
		return nil, fmt.Errorf("unpack it: %w", err)
	}
	if n, err := reader.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return nil, errors.New("it is longer than it says")
	}
	return unpacked, nil
}

// checksum is CSUMCompute of [MS-CAB] 3.1: the exclusive or of words of four
// octets; what is left at the end is taken in the other order.
func checksum(data []byte, sum uint32) uint32 {
	for ; len(data) >= 4; data = data[4:] {
		sum ^= binary.LittleEndian.Uint32(data)
	}
	var rest uint32
	for _, octet := range data {
		rest = rest<<8 | uint32(octet)
	}
	return sum ^ rest
}
