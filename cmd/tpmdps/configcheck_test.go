package main

import (
	"bytes"
	"strings"
	"testing"

	"tpmdps/internal/check"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/drift"
)

// A terminal that shows them gets the signs of aziotctl; the words are for all
// others.
func TestCheckSigns(t *testing.T) {
	r := checkResult{checkup.Result{File: "f", Outcome: "fail", Verdict: "f: 1 error, 1 disagreement, 1 warning; next", Ticks: []drift.Tick{
		{Name: "chip", Status: check.OK, Detail: "a"}, {Name: "file", Status: check.Warn, Detail: "b", Hint: "c"},
		{Name: "enrollment", Status: check.Fail, Detail: "d"}, {Name: "device", Status: check.Skipped, Detail: "e"},
	}}}
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
