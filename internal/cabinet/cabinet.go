// Package cabinet reads Microsoft's cabinet files (.cab) from memory, so that a
// list of certificates can be read as Microsoft publishes it. It knows what such
// files use: one cabinet, folders that are stored or compressed with MSZIP.
//
// The format is [MS-CAB] of Microsoft's Open Specifications. What is behind the
// cabinet, such as an Authenticode signature, is ignored and not checked.
package cabinet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Bounds of what is read. The cabinet of all TPM makers has 2,193 files and
// 4 MB.
const (
	maxFiles   = 20_000
	maxFolders = 256
	maxContent = 64 << 20 // of all files, unpacked
	maxName    = 256
)

// ErrFormat is wrapped by every error for bytes that are not a cabinet, are
// damaged, or use a part of the format that this package does not read.
var ErrFormat = errors.New("not a usable cabinet")

// File is a file in a cabinet.
type File struct {
	// Name is as the cabinet has it, with / between folders. It comes from the file
	// and may be anything: nothing may be written to a place that it names.
	Name string
	// Data is the content. Files of one folder share their memory.
	Data []byte
}

// Is tells a cabinet by how it begins.
func Is(data []byte) bool { return bytes.HasPrefix(data, []byte("MSCF\x00\x00\x00\x00")) }

// header is what is needed of a CFHEADER: [MS-CAB] 2.1.
type header struct {
	size, filesAt              uint32
	folders, files             int
	folderReserve, dataReserve int
	next                       int // where the CFFOLDER entries begin
}

// Read unpacks all files of a cabinet. The error wraps [ErrFormat].
func Read(data []byte) ([]File, error) {
	h, err := readHeader(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	files, err := h.read(data[:h.size])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return files, nil
}

func (h header) read(data []byte) ([]File, error) {
	var folders [][]byte
	at, left := h.next, maxContent
	for i := range h.folders {
		end := at + 8 + h.folderReserve
		if end > len(data) {
			return nil, errShort
		}
		content, err := unpack(data, data[at:end], h.dataReserve, left)
		if err != nil {
			return nil, fmt.Errorf("folder %d: %w", i+1, err)
		}
		left -= len(content)
		folders = append(folders, content)
		at = end
	}
	return h.list(data, folders)
}

var errShort = errors.New("it is cut short")

// Flags of a CFHEADER.
const (
	flagPrevious = 1 << 0
	flagNext     = 1 << 1
	flagReserve  = 1 << 2
)

func readHeader(data []byte) (h header, err error) {
	const fixed = 36
	if !Is(data) {
		return h, errors.New("it does not begin with MSCF")
	}
	if len(data) < fixed {
		return h, errShort
	}
	le := binary.LittleEndian
	h.size, h.filesAt = le.Uint32(data[8:]), le.Uint32(data[16:])
	h.folders, h.files = int(le.Uint16(data[26:])), int(le.Uint16(data[28:]))
	flags := le.Uint16(data[30:])
	switch {
	case int64(h.size) > int64(len(data)) || h.size < fixed:
		return h, errShort
	case data[25] != 1:
		return h, fmt.Errorf("its version is %d.%d instead of 1.3", data[25], data[24])
	case flags&(flagPrevious|flagNext) != 0:
		return h, errors.New("it is one of several that belong together")
	case h.folders > maxFolders || h.files > maxFiles:
		return h, fmt.Errorf("it has %d folders and %d files; at most %d and %d are read", h.folders, h.files, maxFolders, maxFiles)
	}
	h.next = fixed
	if flags&flagReserve != 0 {
		if int(h.size) < fixed+4 {
			return h, errShort
		}
		h.folderReserve, h.dataReserve = int(data[38]), int(data[39])
		h.next = fixed + 4 + int(le.Uint16(data[36:]))
	}
	return h, nil
}

// list reads the CFFILE entries: [MS-CAB] 2.3.
func (h header) list(data []byte, folders [][]byte) ([]File, error) {
	const fixed = 16
	le := binary.LittleEndian
	at := int64(h.filesAt)
	files := make([]File, 0, min(h.files, len(data)/fixed))
	for range h.files {
		if at+fixed > int64(len(data)) {
			return nil, errShort
		}
		entry := data[at:]
		size, offset, folder := le.Uint32(entry), le.Uint32(entry[4:]), int(le.Uint16(entry[8:]))
		name, _, ended := bytes.Cut(entry[fixed:min(len(entry), fixed+maxName+1)], []byte{0})
		switch {
		case !ended || len(name) == 0:
			return nil, errors.New("the name of a file cannot be read")
		case folder >= len(folders):
			return nil, errors.New("a file of it begins or ends in another cabinet")
		case int64(offset)+int64(size) > int64(len(folders[folder])):
			return nil, fmt.Errorf("file %d is longer than what is there of it", len(files)+1)
		}
		content := folders[folder][offset : offset+size : offset+size]
		files = append(files, File{strings.ReplaceAll(string(name), `\`, "/"), content})
		at += fixed + int64(len(name)) + 1
	}
	return files, nil
}
