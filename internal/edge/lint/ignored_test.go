package lint_test

import (
	"os"
	"strings"
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// misnamed are ways to write a name wrong.
var misnamed = map[string]func(string) string{
	"a letter missing": func(s string) string { return s[:2] + s[3:] },
	"a letter twice":   func(s string) string { return s[:2] + s[1:] },
	"two swapped":      func(s string) string { return s[:1] + s[2:3] + s[1:2] + s[3:] },
	"dash":             func(s string) string { return strings.Replace(s, "_", "-", 1) },
	"no dash":          func(s string) string { return strings.Replace(s, "_", "", 1) },
	"capitals":         strings.ToUpper,
}

// Whatever key that a registration is made from has a wrong name, or stands in
// another table, its line is named.
func TestIgnoredProvisioning(t *testing.T) {
	data, err := os.ReadFile("../testdata/owner-password.toml")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, file := range []string{string(data), fullFile} {
		lines := strings.Split(file, "\n")
		table := ""
		for i, line := range lines {
			if strings.HasPrefix(line, "[") {
				table = line
			}
			name := strings.Trim(line, "[]")
			if before, _, ok := strings.Cut(line, " = "); ok {
				name = before
			}
			name = name[strings.LastIndex(name, ".")+1:]
			if !strings.HasPrefix(table, "[provisioning") && !strings.HasPrefix(table, "[tpm") || len(name) < 4 || strings.Contains(name, "#") {
				continue
			}
			for how, wrong := range misnamed {
				other := wrong(name)
				if other == name {
					continue
				}
				tried++
				mutated := strings.Join(append(append(append([]string{}, lines[:i]...), strings.Replace(line, name, other, 1)), lines[i+1:]...), "\n")
				report := lint.Check([]byte(mutated), lint.Options{})
				if !namesLine(report.IgnoredProvisioning(), i+1) {
					t.Errorf("%s: line %d, %q as %q is not named: %+v", how, i+1, name, other, report.Findings)
				}
			}
		}
	}
	for text, line := range map[string]int{
		strings.Replace(edgetest.TPMFile, "id_scope", "scope_id", 1):        lineOf(edgetest.TPMFile, "id_scope"),
		"registration_id = \"box-7\"\n" + edgetest.TPMFile:                  1,
		"id_scope = \"0ne0012AB34\"\n" + edgetest.TPMFile:                   1,
		edgetest.TPMFile + "\n[agent.config]\nid_scope = \"0ne0012AB34\"\n": lineOf(edgetest.TPMFile, "\x00"),
	} {
		tried++
		if line > 0 && !namesLine(lint.Check([]byte(text), lint.Options{}).IgnoredProvisioning(), line) {
			t.Errorf("line %d is not named:\n%s", line, text)
		}
	}
	for _, right := range []string{edgetest.TPMFile, fullFile, string(data), edgetest.TPMFile + "\n[frobnicate]\nx = 1\n", strings.Replace(fullFile, "[watchdog]", "[watchdgo]", 1), strings.Replace(fullFile, "cleanup_time ", "cleanuptime ", 1)} {
		tried++
		if found := lint.Check([]byte(right), lint.Options{}).IgnoredProvisioning(); len(found) > 0 {
			t.Errorf("nothing of provisioning is ignored, found %+v in\n%s", found, right)
		}
	}
	t.Logf("%d files", tried)
}

func namesLine(found []lint.Finding, line int) bool {
	for _, f := range found {
		if f.Line == line {
			return true
		}
	}
	return false
}

// lineOf is the line on which a text begins, 0 if it does not.
func lineOf(file, text string) int {
	before, _, ok := strings.Cut(file, text)
	if !ok {
		return 0
	}
	return strings.Count(before, "\n") + 1
}
