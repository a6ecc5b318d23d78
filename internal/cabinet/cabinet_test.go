package cabinet

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// pack makes a cabinet of one folder as makecab does: blocks of 32 KiB, each of
// which refers to what was before it, checksums.
func pack(t testing.TB, kind uint16, files ...File) []byte {
	t.Helper()
	le := binary.LittleEndian
	var content, entries, blocks []byte
	for _, f := range files {
		entry := le.AppendUint32(nil, uint32(len(f.Data)))
		entry = le.AppendUint32(entry, uint32(len(content)))
		entry = append(entry, 0, 0, 0, 0, 0, 0, 0x20, 0) // folder 0, date, time, attributes
		entries = append(append(entries, entry...), strings.ReplaceAll(f.Name, "/", `\`)+"\x00"...)
		content = append(content, f.Data...)
	}
	count := 0
	for at := 0; at < len(content); at += maxBlock {
		plain := content[at:min(at+maxBlock, len(content))]
		packed := plain
		if kind == mszip {
			packed = deflate(t, plain, content[max(0, at-maxBlock):at])
		}
		sizes := le.AppendUint16(le.AppendUint16(nil, uint16(len(packed))), uint16(len(plain)))
		blocks = le.AppendUint32(blocks, checksum(sizes, checksum(packed, 0)))
		blocks = append(append(blocks, sizes...), packed...)
		count++
	}
	const header, folder = 36, 8
	filesAt := header + folder
	dataAt := filesAt + len(entries)
	b := []byte("MSCF\x00\x00\x00\x00")
	b = le.AppendUint32(b, uint32(dataAt+len(blocks)))
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 0), uint32(filesAt)), 0)
	b = append(b, 3, 1)
	b = le.AppendUint16(le.AppendUint16(b, 1), uint16(len(files)))
	b = append(b, make([]byte, 6)...) // flags, set, number
	b = le.AppendUint16(le.AppendUint16(le.AppendUint32(b, uint32(dataAt)), uint16(count)), kind)
	return append(append(b, entries...), blocks...)
}

func deflate(t testing.TB, plain, before []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("CK")
	w, err := flate.NewWriterDict(&b, flate.BestCompression, before)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// someFiles are of all sizes around a block, one like the other so that blocks refer
// to one another.
func someFiles() []File {
	words := rand.New(rand.NewChaCha8([32]byte{1}))
	var text []byte
	for len(text) < 100_000 {
		text = fmt.Appendf(text, "word %d\n", words.IntN(50))
	}
	return []File{{"AMD/RootCA/a.crt", text[:700]}, {"empty", nil}, {"b.cer", text[:maxBlock]}, {"c", text[:maxBlock+1]}, {"d/e/f", text}}
}

func TestRead(t *testing.T) {
	for _, kind := range []uint16{stored, mszip} {
		want := someFiles()
		data := append(pack(t, kind, want...), "a signature follows"...)
		got, err := Read(data)
		if err != nil {
			t.Fatalf("kind %d: %v", kind, err)
		}
		if len(got) != len(want) {
			t.Fatalf("kind %d: %d files, want %d", kind, len(got), len(want))
		}
		for i := range want {
			if got[i].Name != want[i].Name || !bytes.Equal(got[i].Data, want[i].Data) {
				t.Errorf("kind %d: file %d = %s of %d bytes, want %s of %d", kind, i, got[i].Name, len(got[i].Data), want[i].Name, len(want[i].Data))
			}
		}
	}
}

// Whatever is cut off or altered is found: a cabinet is either the one that was made
// or an error.
func TestReadDamaged(t *testing.T) {
	data := pack(t, mszip, File{"a", bytes.Repeat([]byte("a certificate, "), 2500)}, File{"b", []byte("another one")})
	for end := range len(data) {
		if _, err := Read(data[:end]); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut at %d: %v", end, err)
		}
	}
	blocksAt := int(binary.LittleEndian.Uint32(data[36:]))
	for at := blocksAt; at < len(data); at++ {
		altered := bytes.Clone(data)
		altered[at] ^= 1
		if _, err := Read(altered); !errors.Is(err, ErrFormat) {
			t.Fatalf("byte %d altered: %v", at, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	set := func(at int, b ...byte) func([]byte) {
		return func(data []byte) { copy(data[at:], b) }
	}
	const kindAt, filesAt = 36 + 6, 36 + 8
	tests := []struct {
		name  string
		alter func([]byte)
		want  string
	}{
		{"another file", set(0, 'P', 'K'), "does not begin with MSCF"},
		{"a later version", set(24, 0, 2), "version is 2.0"},
		{"one of several", set(30, flagNext), "several that belong together"},
		{"LZX", set(kindAt, lzx), "compressed with LZX; unpack it"},
		{"Quantum", set(kindAt, quantum), "Quantum"},
		{"unknown compression", set(kindAt, 9), "unknown way (9)"},
		{"too many files", set(28, 0xff, 0xff), "at most"},
		{"a file beyond the end", set(filesAt+4, 0xff, 0xff, 0xff, 0x7f), "longer than what is there"},
		{"a file of a folder elsewhere", set(filesAt+8, 0xfd, 0xff), "another cabinet"},
	}
	whole := pack(t, mszip, File{"a", []byte("a certificate")}, File{"b", []byte("another")})
	for _, test := range tests {
		data := bytes.Clone(whole)
		test.alter(data)
		_, err := Read(data)
		if !errors.Is(err, ErrFormat) || !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// A small cabinet that unpacks to more than the bound is refused before it has.
func TestReadBounds(t *testing.T) {
	data := pack(t, mszip, File{"zeros", make([]byte, maxBlock)})
	const count, header = maxContent/maxBlock + 1, 36
	block := data[binary.LittleEndian.Uint32(data[header:]):]
	data = append(data, bytes.Repeat(block, count-1)...)
	binary.LittleEndian.PutUint32(data[8:], uint32(len(data)))
	binary.LittleEndian.PutUint16(data[header+4:], count)
	if _, err := Read(data); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%d bytes of %d: %v, want an error", len(data), count*maxBlock, err)
	}
	binary.LittleEndian.PutUint16(data[header+4:], count-1)
	if files, err := Read(data); err != nil || len(files) != 1 {
		t.Errorf("%d bytes: %v", (count-1)*maxBlock, err)
	}
}

func FuzzRead(f *testing.F) {
	small := []File{{"a", []byte("a certificate")}, {"b", bytes.Repeat([]byte("another "), 5000)}}
	f.Add(pack(f, mszip, small...))
	f.Add(pack(f, stored, small...))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := Read(data)
		if err != nil && (files != nil || !errors.Is(err, ErrFormat)) {
			t.Fatalf("Read() = %d files, %v", len(files), err)
		}
		for _, file := range files {
			if file.Name == "" || len(file.Name) > maxName {
				t.Errorf("name of %d bytes", len(file.Name))
			}
		}
	})
}
