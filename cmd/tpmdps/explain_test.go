package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"tpmdps/internal/commandline"
	"tpmdps/internal/dictionary"
	"tpmdps/internal/operator"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

// TestExplainKnowsExitCodes holds the dictionary to the program.
func TestExplainKnowsExitCodes(t *testing.T) {
	for code, name := range verdict.Names {
		found := dictionary.Explain("exit code " + strconv.Itoa(code))
		if len(found) != 1 || found[0].Name != name {
			t.Errorf("exit code %d: %+v, want %s", code, found, name)
		}
	}
	for code := range 256 {
		if found := dictionary.Explain("exit code " + strconv.Itoa(code)); len(found) > 0 && verdict.Names[code] == "" {
			t.Errorf("exit code %d: %+v, the program has none such", code, found)
		}
	}
}

// TestExplainKnowsOwnMessages: what this program prints in an error, it explains with
// the exit code and the hint of that error.
func TestExplainKnowsOwnMessages(t *testing.T) {
	own := ownMessages()
	for _, e := range verdict.Table() {
		if e.Is == commandline.ErrUsage || e.Is == operator.ErrOptions {
			continue
		}
		for _, line := range []string{
			"tpmdps: " + e.Is.Error(),
			"tpmdps: hub.tls: " + e.Is.Error() + ": dial tcp 10.0.0.1:8883: refused",
			"Nov 25 12:00:01 box tpmdps[301]: read the file: " + e.Is.Error() + ", and more\r\n",
			`{"error":"net.tcp: ` + e.Is.Error() + `","hint":""}`,
		} {
			found := dictionary.Explain(line, own...)
			i := slices.IndexFunc(found, func(f dictionary.Entry) bool { return f.Kind == "exit code" })
			if i < 0 {
				t.Errorf("Explain(%q) = %+v, want exit code %d", line, found, e.Code)
				continue
			}
			// Some texts stand in the table twice, or are part of another.
			first := verdict.Table()[slices.IndexFunc(verdict.Table(), func(x verdict.Verdict) bool { return x.Is.Error() == found[i].Means })]
			if found[i].Code != strconv.Itoa(first.Code) || found[i].Do != cmp.Or(first.Hint, dictionary.ExitAdvice(first.Code)) ||
				!strings.Contains(found[i].Means, e.Is.Error()) {
				t.Errorf("Explain(%q) = %+v, want exit code %d and %q", line, found[i], e.Code, e.Hint)
			}
		}
	}
	for _, line := range []string{"tpmdps: hint: no connection", "other: no connection", "tpmdps: xno connectionx", "no connection"} {
		if found := dictionary.Explain(line, own...); len(found) > 0 {
			t.Errorf("Explain(%q) = %+v, want nothing", line, found)
		}
	}
}

// TestEveryOwnLineIsKnown: each row of docs/messages.md, each exit code in each way to
// write it, and each step of verify as the manual lists it, in all forms in which this
// program prints them.
func TestEveryOwnLineIsKnown(t *testing.T) {
	own := ownMessages()
	knows := func(text, kind, code string) {
		t.Helper()
		found := dictionary.Explain(text, own...)
		if !slices.ContainsFunc(found, func(e dictionary.Entry) bool { return e.Kind == kind && e.Code == code }) {
			t.Errorf("Explain(%q) = %+v, want %s %s", text, found, kind, code)
		}
	}
	row := regexp.MustCompile(`(?m)^\| (.+?) \| ([0-9]+) [a-z-]+ \| `)
	rows := row.FindAllStringSubmatch(page(t, "docs/messages.md"), -1)
	for _, m := range rows {
		text := strings.ReplaceAll(m[1], `\|`, "|")
		code := m[2]
		for _, e := range verdict.Table() { // one text stands in the table for the first of its codes
			if e.Is != commandline.ErrUsage && e.Is != operator.ErrOptions && e.Is.Error() == text {
				code = strconv.Itoa(e.Code)
				break
			}
		}
		knows("tpmdps: "+text, "exit code", code)
		knows("Nov 25 12:00:01 box tpmdps[301]: "+text+": and why\r\n", "exit code", code)
	}
	for code := range verdict.Names {
		for _, form := range []string{"%d", "exit %d", "exit code %d", "exit status %d", "Exit Code: %d", "tpmdps exited with code %d", "tpmdps.service: Main process exited, code=exited, status=%d", "tpmdps: exit %d"} {
			knows(fmt.Sprintf(form, code), "exit code", strconv.Itoa(code))
		}
	}
	steps := regexp.MustCompile("(?m)^\\| `((?:tpm|net|dps|hub)\\.[a-z]+|clock)` \\| ").FindAllStringSubmatch(page(t, "docs/tpmdps.1.md"), -1)
	for _, m := range steps {
		step := m[1]
		for _, form := range []string{"%s", "at step %s of verify", "fail    %s   no connection", "ok      %s   2 ms", "tpmdps: %s: no connection: dial tcp", `{"name": "%s", "status": "fail"}`, `{"error":"%[1]s: x","code":20,"name":"network","step":"%[1]s","hint":""}`} {
			if step != "clock" || !strings.HasPrefix(form, "at ") { // clocks are stepped
				knows(fmt.Sprintf(form, step), "verify step", step)
			}
		}
	}
	if len(rows) < 40 || len(verdict.Names) < 20 || len(steps) < 15 {
		t.Errorf("%d messages, %d exit codes, %d steps", len(rows), len(verdict.Names), len(steps))
	}
	t.Logf("%d messages, %d exit codes, %d steps", len(rows), len(verdict.Names), len(steps))
}

// TestMessagesAreForPeople: no message or advice ends as if something should follow,
// has the names of Go's types or packages, or is empty.
func TestMessagesAreForPeople(t *testing.T) {
	ends := regexp.MustCompile(`[:;,(]\s*$`)
	inside := regexp.MustCompile(`cannot unmarshal|struct field|Go value|\bjson: |\bx509: |\basn1: |\bstrconv\.|\*[a-z]+\.[A-Z]|\b(?:main|errors|tpm2|identity|json)\.[A-Z]|map\[string\]|\[\]byte|interface \{|%!|<nil>`)
	own := ownMessages()
	if len(own) < 100 {
		t.Fatalf("%d messages", len(own))
	}
	for _, m := range own {
		for _, text := range []string{m.Text, m.Do} {
			if ends.MatchString(text) || inside.MatchString(text) {
				t.Errorf("%q: %q", m.Text, text)
			}
		}
		if strings.TrimSpace(m.Text) == "" {
			t.Errorf("a message without words, %+v", m)
		}
	}
}

// TestMessagesPage holds docs/messages.md to the table of errors.
func TestMessagesPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Messages of tpmdps\n\n" +
		"What the program says after `tpmdps:` when it fails: the fixed words of the message, the [exit code](exit-codes.md),\n" +
		"and what to do. More may stand before and after the words. `tpmdps explain` knows them, with the steps of `verify` and all\n" +
		"that is in [errors.md](errors.md). Printed from the program's own table.\n\n" +
		"| message | exit code | what to do |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, m := range ownMessages() {
		if seen[m.Text] {
			continue
		}
		seen[m.Text] = true
		do := strings.ReplaceAll(cmp.Or(m.Do, dictionary.ExitAdvice(m.Code), "-"), ". ", "; ") // one line of a table
		fmt.Fprintf(&b, "| %s | %d %s | %s |\n", m.Text, m.Code, verdict.Names[m.Code], strings.ReplaceAll(do, "|", "\\|"))
	}
	page := filepath.Join("..", "..", "docs", "messages.md")
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the table says; write it anew: go test ./cmd/tpmdps -run MessagesPage -update", page)
	}
}

// TestDocumentedQuestionsAreAnswered: every question to explain that a page, a help or
// a hint has as an example is one that the program answers; one on stdin, too.
func TestDocumentedQuestionsAreAnswered(t *testing.T) {
	question := regexp.MustCompile(`tpmdps explain ((?:-o \w+ )?)('[^'\n]+'|"[^"\n]+"|[A-Za-z0-9_.:{}-]+)`)
	texts := map[string]string{}
	for _, name := range pages(t) {
		texts[name] = page(t, name)
	}
	for _, c := range allCommands() {
		texts[c.Name+" --help"] = c.Description
	}
	for _, e := range verdict.Table() {
		texts["hint of "+e.Is.Error()] = e.Hint
	}
	asked, piped := 0, 0
	for name, text := range texts {
		for _, m := range question.FindAllStringSubmatch(text, -1) {
			q, stdin := strings.Trim(m[2], `'"`), ""
			switch q {
			case "--help", "CODE", "knows", "did", "of", "has", "says", "refused": // no question
				continue
			case "-":
				stdin = "aziot-tpmd[9]: [ERR!] - caused by: tcti:IO failure\n"
				piped++
			}
			asked++
			var out, errs bytes.Buffer
			code := run(t.Context(), append(append([]string{"tpmdps", "explain"}, strings.Fields(m[1])...), q), streams{in: strings.NewReader(stdin), out: &out, err: &errs})
			if code != 0 || out.Len() == 0 || errs.Len() > 0 {
				t.Errorf("%s: %q ends with %d: %s", name, m[0], code, errs.String())
			}
		}
	}
	if asked < 12 || piped < 2 {
		t.Errorf("%d questions found in the pages, %d on stdin", asked, piped)
	}
}

// endless gives a log of the size that is asked for, and counts what was taken of it.
type endless struct {
	line        string
	left, taken int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && e.left > 0 {
		c := copy(p[n:], e.line[(e.taken+n)%len(e.line):])
		c = min(c, e.left)
		n, e.left = n+c, e.left-c
	}
	e.taken += n
	return n, nil
}

// TestLogsOfAnyLength: a log of 100 MB is read to its end, and no more than a few MiB
// of it are kept.
func TestLogsOfAnyLength(t *testing.T) {
	const size = 100 << 20
	log := &endless{line: "aziot-edged[7]: [INFO] - Checking edge runtime status, all is well\n", left: size}
	kept, err := lastOf(io.MultiReader(log, strings.NewReader("aziot-tpmd[9]: [ERR!] - caused by: tcti:IO failure\n")), maxLog)
	if err != nil {
		t.Fatal(err)
	}
	if log.taken != size || len(kept) < maxLog-1 || len(kept) > maxLog || cap(kept) > 2*maxLog {
		t.Errorf("%d bytes read, %d kept in %d", log.taken, len(kept), cap(kept))
	}
	if found := dictionary.Explain(string(kept)); len(found) != 1 || found[0].Code != "0x000a000a" {
		t.Errorf("%+v, want the last line explained", found)
	}
	for _, n := range []int{0, 1, 2, 99, 100, 101, 199, 200, 201, 1000} {
		text := strings.Repeat("0123456789", 100)[:n]
		got, err := lastOf(iotest.OneByteReader(strings.NewReader(text)), 100)
		if err != nil || !strings.HasSuffix(text, string(got)) || len(got) < min(n, 99) || len(got) > 100 || (n-len(got))%2 != 0 {
			t.Errorf("of %d bytes %d are kept: %q, %v", n, len(got), got, err)
		}
	}
}

// TestLogsInUTF16: PowerShell writes logs in UTF-16, and the end of a long one has no
// byte order mark.
func TestLogsInUTF16(t *testing.T) {
	for _, lines := range []int{1, 40_000} {
		log := strings.Repeat("Nov 25 aziot-edged[7]: [INFO] - Checking edge runtime status\r\n", lines) + "caused by: Enrollment not found.\r\n"
		for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
			data := order.AppendUint16(nil, 0xfeff)
			for _, u := range utf16.Encode([]rune(log)) {
				data = order.AppendUint16(data, u)
			}
			kept, err := lastOf(bytes.NewReader(data), maxLog)
			if err != nil {
				t.Fatal(err)
			}
			if found := dictionary.Explain(string(text.Lenient(kept))); len(found) != 1 || found[0].Code != "404201" {
				t.Errorf("%d lines, %s endian: %+v", lines, name, found)
			}
		}
	}
}
