// Package bundle packs what was found out about a machine into one zip, for
// somebody who helps from afar.
//
// The rule for its users: everything that was gathered goes in through Redact,
// text by text, and what could not be had goes in as the reason why. So a bundle
// of a machine whose chip is broken is a whole one, too.
//
// It accepts bytes and returns bytes: the command gathers, and writes the file. The
// same parts give the same zip.
package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/text"
)

// Status says what became of a part.
type Status string

// What becomes of parts.
const (
	OK     Status = "ok"     // its data is in the zip
	Absent Status = "absent" // this machine has nothing of the kind
	Failed Status = "failed" // it could not be had
)

// Part is one file of the zip.
type Part struct {
	// Name is the file's: lower case letters, digits, "-", "_" and ".", with at
	// most one "/".
	Name string
	// About says in a few words what it is.
	About string
	// Identifying: it tells this machine from others, or whose it is.
	Identifying bool
	Status      Status
	// Reason says why there is no data.
	Reason string
	// Data is text; it is redacted here.
	Data []byte
}

// Bundle is what to pack.
type Bundle struct {
	// Folder is the one folder of the zip, so that unpacking it makes no mess.
	Folder string
	// Tool names the program and its version.
	Tool string
	// Created is the time that all files get.
	Created time.Time
	Parts   []Part
	// Verdict says what the parts show to be wrong.
	Verdict Verdict
	// Registered: the device was registered in the service for it.
	Registered bool
	// Flushed says what was taken off the chip to have memory for looking; "" where
	// nothing was. handles.json was gathered before.
	Flushed string
	// Redact takes the secrets out of a text. It is called for every part, every
	// reason, and every text of the verdict.
	Redact func(string) string
}

// Schema is that of manifest.json.
const Schema = "tpmdps/support-bundle/1"

// Manifest lists all parts, also those that are not there.
type Manifest struct {
	Schema    string    `json:"schema"`
	Tool      string    `json:"tool"`
	CreatedAt time.Time `json:"created_at"`
	Verdict   Verdict   `json:"verdict"`
	Parts     []Entry   `json:"parts"` // by name
}

// Entry is a part as the manifest has it.
type Entry struct {
	Name        string `json:"name"`
	About       string `json:"about"`
	Identifying bool   `json:"identifying"`
	Status      Status `json:"status"`
	Reason      string `json:"reason"`
	// Bytes and SHA256 are those of the file in the zip; 0 and "" where there is
	// none.
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// What a bundle may be.
const (
	maxPart   = 4 << 20 // bytes; the kernel's lines are the longest, with some 200 KiB
	maxParts  = 100
	maxReason = 500
)

// The files that every bundle has besides its parts. The manifest is not in the
// manifest.
const (
	manifestName = "manifest.json"
	readmeName   = "README.txt"
)

// Pack makes the zip. A part that is too large is left out, and the manifest
// says so.
func Pack(b Bundle) ([]byte, Manifest, error) {
	files, m, err := b.files()
	if err != nil {
		return nil, m, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		header := &zip.FileHeader{Name: b.Folder + "/" + f.name, Method: zip.Deflate, Modified: b.Created.UTC()}
		header.SetMode(0o600)
		w, err := z.CreateHeader(header)
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			return nil, m, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, m, fmt.Errorf("pack: %w", err)
	}
	return out.Bytes(), m, nil
}

type file struct {
	name string
	data []byte
}

// files makes what goes into the zip: the parts, redacted and by name, and before
// them what is said about them.
func (b Bundle) files() ([]file, Manifest, error) {
	m := Manifest{Schema: Schema, Tool: b.Tool, CreatedAt: b.Created.UTC().Truncate(time.Second), Parts: []Entry{}}
	if err := b.check(); err != nil {
		return nil, m, err
	}
	m.Verdict = b.Verdict.redacted(b.Redact)
	var files []file
	parts := slices.Clone(b.Parts)
	slices.SortFunc(parts, func(x, y Part) int { return strings.Compare(x.Name, y.Name) })
	for _, p := range parts {
		f, e := b.file(p)
		if e.Status == OK {
			files = append(files, f)
		}
		m.Parts = append(m.Parts, e)
	}
	var manifest bytes.Buffer
	if err := writeJSON(&manifest, m); err != nil {
		return nil, m, err
	}
	return append([]file{{readmeName, readme(b, m)}, {manifestName, manifest.Bytes()}}, files...), m, nil
}

// file redacts a part.
func (b Bundle) file(p Part) (file, Entry) {
	e := Entry{Name: p.Name, About: p.About, Identifying: p.Identifying, Status: p.Status, Reason: text.OneLine(b.Redact(p.Reason), maxReason)}
	if p.Status != OK {
		return file{}, e
	}
	data := []byte(b.Redact(string(p.Data)))
	if len(data) > maxPart {
		e.Status, e.Reason = Failed, fmt.Sprintf("it has %d bytes, more than the %d that fit in", len(data), maxPart)
		return file{}, e
	}
	sum := sha256.Sum256(data)
	e.Bytes, e.SHA256 = len(data), hex.EncodeToString(sum[:])
	return file{p.Name, data}, e
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
