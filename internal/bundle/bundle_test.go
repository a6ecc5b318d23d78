package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func noSecret(text string) string { return strings.ReplaceAll(text, "canary", "[redacted]") }

func sample() Bundle {
	return Bundle{
		Folder: "tpmdps-support-box-7-20260304T050607Z", Tool: "tpmdps 1", Created: at, Redact: noSecret,
		Parts: []Part{
			{Name: "versions.json", About: "versions", Status: OK, Data: []byte(`{"a":"canary"}`)},
			{Name: "record.json", About: "the record", Identifying: true, Status: OK, Data: []byte("{}")},
			{Name: "kernel.txt", About: "the kernel's lines", Status: Failed, Reason: "only root\nmay, says canary"},
			{Name: "config.toml", About: "the file", Status: Absent, Reason: "there is none"},
		},
	}
}

// unpack reads a zip as anybody would.
func unpack(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		if !f.Modified.Equal(at) || f.Mode() != 0o600 {
			t.Errorf("%s: of %s, mode %v", f.Name, f.Modified, f.Mode())
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

func TestPack(t *testing.T) {
	b := sample()
	data, m, err := Pack(b)
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, data)
	var names []string
	for name, text := range files {
		rest, ok := strings.CutPrefix(name, b.Folder+"/")
		if !ok {
			t.Errorf("%s is not in the folder", name)
		}
		names = append(names, rest)
		if strings.Contains(text, "canary") {
			t.Errorf("%s is not redacted:\n%s", name, text)
		}
	}
	slices.Sort(names)
	if want := []string{"README.txt", "manifest.json", "record.json", "versions.json"}; !slices.Equal(names, want) {
		t.Errorf("files = %q, want %q", names, want)
	}

	var read Manifest
	if err := json.Unmarshal([]byte(files[b.Folder+"/manifest.json"]), &read); err != nil {
		t.Fatal(err)
	}
	if read.Schema != Schema || read.Tool != "tpmdps 1" || !read.CreatedAt.Equal(at) || !slices.Equal(read.Parts, m.Parts) || len(m.Parts) != 4 {
		t.Errorf("manifest = %+v, returned %+v", read, m)
	}
	for _, e := range read.Parts {
		text, there := files[b.Folder+"/"+e.Name]
		sum := sha256.Sum256([]byte(text))
		switch {
		case there != (e.Status == OK):
			t.Errorf("%s is %s, in the zip: %t", e.Name, e.Status, there)
		case there && (e.Bytes != len(text) || e.SHA256 != hex.EncodeToString(sum[:])):
			t.Errorf("%+v does not fit %q", e, text)
		case !there && (e.Bytes != 0 || e.SHA256 != "" || e.Reason == ""):
			t.Errorf("%+v is not in the zip", e)
		}
	}
	if e := read.Parts[1]; e.Reason != "only root may, says [redacted]" {
		t.Errorf("reason = %q", e.Reason)
	}
	for _, want := range []string{"2026-03-04 05:06:07", "record.json", "kernel.txt", "only root may", "there is none"} {
		if !strings.Contains(files[b.Folder+"/README.txt"], want) {
			t.Errorf("README.txt does not say %q", want)
		}
	}
}

// The order of the parts, and when it is run, make no difference.
func TestPackIsDeterministic(t *testing.T) {
	b := sample()
	first, _, err := Pack(b)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(b.Parts)
	b.Created = b.Created.In(time.FixedZone("elsewhere", 3600))
	second, _, err := Pack(b)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("two zips of the same parts differ, %v", err)
	}
	if b.Parts[0].Name != "config.toml" {
		t.Error("Pack() moved the caller's parts")
	}
}

func TestPackRefuses(t *testing.T) {
	for _, name := range []string{"", "/etc/passwd", "../x.json", "a/../x.json", "a/b/c.json", `a\x.json`, "c:x.json", "x", "A.json", "x.json\n", ".x.json", "manifest.json", "record.json", "con .txt"} {
		b := sample()
		b.Parts = append(b.Parts, Part{Name: name, Status: OK})
		if _, _, err := Pack(b); !errors.Is(err, ErrPart) {
			t.Errorf("a part %q: %v", name, err)
		}
	}
	for _, folder := range []string{"", ".", "..", "/x", "a/b", "a..b", `a\b`, "-x"} {
		b := sample()
		b.Folder = folder
		if _, _, err := Pack(b); !errors.Is(err, ErrPart) {
			t.Errorf("the folder %q: %v", folder, err)
		}
	}
	b := sample()
	b.Redact = nil
	if _, _, err := Pack(b); !errors.Is(err, ErrPart) {
		t.Errorf("without Redact: %v", err)
	}
}

// A part that is too large costs that part.
func TestPackIsBounded(t *testing.T) {
	b := sample()
	b.Parts[0].Data = make([]byte, maxPart+1)
	b.Parts[2].Reason = strings.Repeat("ü", 10000)
	data, m, err := Pack(b)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Parts[slices.IndexFunc(m.Parts, func(e Entry) bool { return e.Name == "versions.json" })]
	if e.Status != Failed || !strings.Contains(e.Reason, "4194305 bytes") || e.Bytes != 0 {
		t.Errorf("a part that is too large: %+v", e)
	}
	if files := unpack(t, data); len(files) != 3 {
		t.Errorf("%d files", len(files))
	}
	if e := m.Parts[1]; utf8.RuneCountInString(e.Reason) > maxReason+1 {
		t.Errorf("a reason of %d bytes", len(e.Reason))
	}
}

func TestName(t *testing.T) {
	for host, want := range map[string]string{
		"box-0042":               "tpmdps-support-box-0042-20260304T050607Z",
		"box.plant.example":      "tpmdps-support-box-plant-example-20260304T050607Z",
		"../../etc":              "tpmdps-support-etc-20260304T050607Z",
		"":                       "tpmdps-support-unknown-20260304T050607Z",
		"日本":                     "tpmdps-support-unknown-20260304T050607Z",
		strings.Repeat("a", 100): "tpmdps-support-" + strings.Repeat("a", 63) + "-20260304T050607Z",
	} {
		got := Name(host, at.In(time.FixedZone("elsewhere", -7200)))
		if got != want || !folderName.MatchString(got) {
			t.Errorf("Name(%q) = %q, want %q", host, got, want)
		}
	}
}

// What was taken off the chip to have memory is in README.txt, and only then.
func TestReadmeSaysWhatWasFlushed(t *testing.T) {
	for _, flushed := range []string{"", "flushed 1 key"} {
		for _, registered := range []bool{false, true} {
			b := sample()
			b.Flushed, b.Registered = flushed, registered
			data, _, err := Pack(b)
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range unpack(t, data) {
				if !strings.HasSuffix(name, readmeName) {
					continue
				}
				text = strings.Join(strings.Fields(text), " ")
				if says := strings.Contains(text, "flushed 1 key"); says != (flushed != "") || strings.Contains(text, "Nothing on the machine, on its chip") && says ||
					strings.Contains(text, "The device was registered in the service") == strings.Contains(text, "nothing was registered") {
					t.Errorf("flushed %q, registered %v:\n%s", flushed, registered, text)
				}
			}
		}
	}
}
