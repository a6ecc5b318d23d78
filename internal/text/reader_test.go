package text

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

func wide16(s string, order binary.AppendByteOrder) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

// readAll reads in pieces of a size.
func readAll(data []byte, size int) ([]byte, error) {
	r := NewReader(iotest.HalfReader(bytes.NewReader(data)))
	r.size = size
	return io.ReadAll(r)
}

func sameAsDecode(t *testing.T, data []byte, size int) {
	t.Helper()
	whole, want := Decode(data)
	got, err := readAll(data, size)
	if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
		t.Fatalf("pieces of %d: the error is %v, not %v; of %.100q", size, err, want, data)
	}
	if err == nil && !bytes.Equal(got, whole.UTF8) {
		t.Fatalf("pieces of %d: another text than Decode's, of %.100q", size, data)
	}
}

// A text read in pieces is the text that is read at once, wherever the pieces end.
func TestReaderIsDecode(t *testing.T) {
	parts := []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff", "\x00", "\xff", "\n", "\r\n", "}", "{\"a\":1}\n", "x", ""}
	line := `{"name":"T\u00fcr 7 中国 ` + "\U0001f512 \ufeff" + strings.Repeat("y", 200) + "\"}\r\n"
	for _, l := range []string{line, strings.Repeat(line, 3), strings.ReplaceAll(line, "\ufeff", ""), "{\"a\":\"" + strings.Repeat("z", 900) + "\"}\n"} {
		parts = append(parts, l, l, wide16(l, binary.LittleEndian), wide16(l, binary.BigEndian), "\xff\xfe"+wide16(l, binary.LittleEndian))
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		var data []byte
		for range 1 + random.IntN(12) {
			data = append(data, parts[random.IntN(len(parts))]...)
		}
		if random.IntN(3) == 0 && len(data) > 0 {
			data[random.IntN(len(data))] = byte(random.IntN(256))
		}
		sameAsDecode(t, data, window+utf8Margin+1+random.IntN(300))
	}
}

func TestReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)))
	if got, err := io.ReadAll(r); !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
	r = NewReader(strings.NewReader(strings.Repeat("x\n", readerSize) + "\xfc"))
	if _, err := io.ReadAll(r); !errors.Is(err, ErrEncoding) || !strings.Contains(err.Error(), "line 65537") {
		t.Errorf("%v", err)
	}
}
