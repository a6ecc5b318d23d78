package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const recording = "docs/session.svg"

// TestRecording compares the words of README's picture with what a terminal shows
// today of the same commands. When they differ: make recording.
func TestRecording(t *testing.T) {
	want := wordsDrawn(t, page(t, recording))
	got := strings.TrimSpace(escapes.ReplaceAllString(recorded(t), ""))
	if got, want := constant(got), constant(want); got != want {
		t.Errorf("the terminal shows\n%s\n%s has (to draw it anew: make recording)\n%s", got, recording, want)
	}
	if n := strings.Count(want, "\n PASS "); n != 2 {
		t.Errorf("%s shows %d times PASS", recording, n)
	}
}

// TestRecordingTravels: the picture tells nothing of the machine that it was made on,
// and loads nothing.
func TestRecordingTravels(t *testing.T) {
	picture := page(t, recording)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(wordsDrawn(t, picture))
	for _, word := range words {
		if word == host || strings.HasPrefix(word, "/") || strings.Contains(word, "=/") {
			t.Errorf("%s shows %q", recording, word)
		}
	}
	own := `xmlns="http://www.w3.org/2000/svg"`
	if rest := strings.Replace(picture, own, "", 1); strings.Contains(rest, "//") || strings.Contains(rest, "@import") || strings.Contains(rest, "href") {
		t.Errorf("%s names an address", recording)
	}
	if !strings.Contains(page(t, "README.md"), "]("+recording+")") {
		t.Errorf("README.md does not show %s", recording)
	}
}

// escapes are a terminal's commands for colours.
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// recorded makes the recording, as "make recording" does.
func recorded(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("tpmdps")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // only ends a hang
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", filepath.Join(".ci", "recording"), dir, "127.0.0.1:0", "127.0.0.1:0")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = []string{"PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH"), "HOME=" + dir, "GORACE=atexit_sleep_ms=0",
		"NO_COLOR=1"}
	cmd.WaitDelay = time.Minute
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "session.ansi"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\x1b[") {
		t.Error("the recording has no colours")
	}
	return string(text)
}

// wordsDrawn reads the words off the picture, line by line, where they stand.
func wordsDrawn(t *testing.T, picture string) string {
	t.Helper()
	const column = 12.2 // how far a letter of rich's goes
	rows := map[float64][]rune{}
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", recording, err)
		}
		element, ok := token.(xml.StartElement)
		if !ok || element.Name.Local != "text" {
			continue
		}
		var text struct {
			Class string  `xml:"class,attr"`
			X     float64 `xml:"x,attr"`
			Y     float64 `xml:"y,attr"`
			Words string  `xml:",chardata"`
		}
		if err := d.DecodeElement(&text, &element); err != nil {
			t.Fatalf("%s: %v", recording, err)
		}
		if strings.HasSuffix(text.Class, "-title") {
			continue
		}
		begin := int(math.Round(text.X / column))
		row := rows[text.Y]
		for len(row) < begin {
			row = append(row, ' ')
		}
		rows[text.Y] = append(row[:begin], []rune(strings.ReplaceAll(text.Words, "\u00a0", " "))...)
	}
	var heights []float64
	for y := range rows {
		heights = append(heights, y)
	}
	slices.Sort(heights)
	var all strings.Builder
	for _, y := range heights {
		all.WriteString(strings.TrimRight(string(rows[y]), " \n") + "\n")
	}
	if len(rows) < 20 {
		t.Fatalf("%s has %s lines", recording, strconv.Itoa(len(rows)))
	}
	return strings.TrimSpace(all.String())
}
