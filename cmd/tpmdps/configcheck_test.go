package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/edge/drift"
)

func TestGivenDevice(t *testing.T) {
	old := deviceInfoPaths
	defer func() { deviceInfoPaths = old }()
	note := filepath.Join(t.TempDir(), "device_info")
	deviceInfoPaths = []string{note + ".none", note}

	if d, why := givenDevice(t.Context()); d != nil || !strings.Contains(why, "not installed") {
		t.Errorf("no note: %v, %q", d, why)
	}
	for text, want := range map[string]string{
		"hub_name = \"h\"\nlocal_gateway_hostname = \"h\"\ndevice_id = \"d\"\n": "",
		"unprovisioned": "no device yet",
		"hub_name = 1":  "damaged",
	} {
		if err := os.WriteFile(note, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, why := givenDevice(t.Context())
		if (d != nil) != (want == "") || !strings.Contains(why, want) {
			t.Errorf("%q: %v, %q", text, d, why)
		}
		if d != nil && d.String() != "d on h" {
			t.Errorf("%q: %v", text, d)
		}
	}
}

// A terminal that shows them gets the signs of aziotctl; the words are for all
// others.
func TestCheckSigns(t *testing.T) {
	r := checkResult{File: "f", Result: "fail", next: "next", failures: 1, Ticks: []drift.Tick{
		{Name: "chip", Status: drift.OK, Detail: "a"}, {Name: "file", Status: drift.Warn, Detail: "b", Hint: "c"},
		{Name: "enrollment", Status: drift.Fail, Detail: "d"}, {Name: "device", Status: drift.Skipped, Detail: "e"},
	}}
	var b bytes.Buffer
	if err := r.write(&b, signs); err != nil {
		t.Fatal(err)
	}
	const want = "√ chip        a\n‼ file        b\n        hint: c\n× enrollment  d\n- device      e\nFAIL  f: 1 error, 1 disagreement, 1 warning; next\n"
	if b.String() != want {
		t.Errorf("with signs:\n%s", &b)
	}
	b.Reset()
	t.Setenv("LC_ALL", "C.UTF-8")
	if err := r.show(&b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.HasPrefix(got, "ok      chip        a\nwarn    file") || strings.ContainsAny(got, "√‼×") {
		t.Errorf("without a terminal:\n%s", got)
	}
}
