package lint

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/tomledit"
)

// notTOML begins the message on a line of which nothing can be made.
const notTOML = "this line is not TOML: "

// asComment reads on as if a line of which nothing can be made were a comment. A
// list or a text without an end is left out from where it begins, and a header
// with what is below it.
func asComment(lines [][]byte, at *tomledit.SyntaxError) ([]byte, Finding) {
	line := strings.TrimRight(string(lines[min(at.Line, len(lines))-1]), "\r\n")
	f := Finding{Rule: "syntax", Message: words(at.Message), Fix: "correct the line, or put # before it", Key: strings.TrimSpace(rawline.Key(line))}
	switch raw := bytes.TrimSuffix(bytes.TrimSuffix(lines[min(at.Line, len(lines))-1], []byte("\n")), []byte("\r")); {
	case bytes.HasSuffix(lines[min(at.Line, len(lines))-1], []byte("\r")), bytes.ContainsRune(raw, '\r'):
		f.Message, f.Fix = notTOML+"it has a carriage return that ends no line", "save the file with the line ends of Linux, or delete that character"
	case bytes.ContainsFunc(raw, isControl): // TOML has none in comments either
		f.Fix = "delete the control character in the line"
	}
	begin := opener(lines, at.Line)
	if begin > 0 && (isStatement([]byte(line)) || at.Line >= len(lines) || strings.TrimSpace(line) == "" || strings.Contains(at.Message, "not terminated")) {
		f.Message = fmt.Sprintf("what begins in line %d is not closed: %s", begin, strings.TrimPrefix(f.Message, notTOML))
		f.Fix = fmt.Sprintf("close the quotes or brackets of line %d", begin)
		last := begin
		for last+1 < at.Line && last < len(lines) && !isStatement(lines[last]) {
			last++
		}
		return emptied(lines, begin, last), f
	}
	if strings.HasPrefix(strings.TrimSpace(line), "[") && begin == 0 {
		f.Fix = "correct the header"
		last := at.Line
		for last < len(lines) && !bytes.HasPrefix(bytes.TrimSpace(lines[last]), []byte("[")) {
			last++
		}
		return emptied(lines, at.Line, last), f
	}
	return emptied(lines, at.Line, at.Line), f
}

// opener is the line in which a text, a list or braces begin that are open where
// line n begins, 0 if nothing is, or if it lies far before.
func opener(lines [][]byte, n int) int {
	parses := func(k int) bool {
		var bad *tomledit.SyntaxError
		_, err := tomledit.Parse(bytes.Join(lines[:k], nil))
		return err == nil || errors.As(err, &bad) && isDuplicate(bad.Message)
	}
	if n = min(n, len(lines)+1); n < 2 || parses(n-1) {
		return 0
	}
	tried := 0
	for k := n - 2; k >= 0 && tried < 30; k-- {
		m := rawline.Setting.FindSubmatch(bytes.TrimRight(lines[k], "\r\n"))
		if m == nil || !bytes.ContainsAny(m[2][:min(1, len(m[2]))], "\"'[{") {
			continue
		}
		if tried++; parses(k) {
			return k + 1
		}
	}
	return 0
}

// emptied is the file without some lines, from 1.
func emptied(lines [][]byte, first, last int) []byte {
	all := make([][]byte, len(lines))
	for i, line := range lines {
		all[i] = line
		if n := i + 1; n >= first && n <= last {
			all[i] = line[len(bytes.TrimRight(line, "\r\n")):]
		}
	}
	return bytes.Join(all, nil)
}

// joined makes one finding of those on lines in a row of which nothing can be
// made, three and more: a key, a program's output, another file.
func (c *checker) joined(begin int) {
	same := func(i int) bool {
		return i < len(c.findings) && c.findings[i].Rule == "syntax" && strings.HasPrefix(c.findings[i].Message, notTOML)
	}
	for i := begin; i < len(c.findings); i++ {
		end := i
		for same(end) && (end == i || c.findings[end].Line == c.findings[end-1].Line+1) {
			end++
		}
		if end-i < 3 {
			continue
		}
		first, last := c.findings[i].Line, c.findings[end-1].Line
		c.findings[i].Message = fmt.Sprintf("lines %d to %d are not TOML", first, last)
		c.findings[i].Fix = fmt.Sprintf("put # before lines %d to %d", first, last)
		c.findings[i].Key = ""
		c.findings = append(c.findings[:i+1], c.findings[end:]...)
		c.others = append(c.others[:i+1], c.others[end:]...)
	}
}

// afterQuotes is for a text that is complete, with something after it.
func afterQuotes(line string) (string, Finding, bool) {
	m := rawline.Setting.FindStringSubmatch(line)
	if m == nil {
		return "", Finding{}, false
	}
	value := rawline.Quoted.FindStringSubmatch(m[2])
	if value == nil || value[2] == "" || value[2][0] == '#' || strings.HasPrefix(m[2], `"""`) || strings.HasPrefix(m[2], "'''") {
		return "", Finding{}, false
	}
	f := Finding{Rule: "quotes", Message: "something follows the quote that ends the value"}
	meant := m[1] + " = " + value[1]
	if junk := rawline.Leftover.FindStringSubmatch(value[2]); junk != nil {
		if f.Message = "a value ends with its quote, without , or ;"; strings.Contains(value[2], `\`) {
			f.Message = `there is a literal \n after the value; begin a new line instead`
		}
		if junk[1] != "" {
			meant += " " + junk[1]
		}
		return meant, f, true
	}
	if f.Fix = "correct the line: one value in quotes, and nothing after it"; strings.HasPrefix(value[2], `\n`) {
		f.Message, f.Fix = `there is a literal \n in the line`, `begin a new line at each \n`
	}
	return meant, f, true
}

// twoEquals is for == and =>, as other languages have them.
func twoEquals(line string) (string, Finding, bool) {
	m := rawline.Setting.FindStringSubmatch(line)
	if m == nil || m[2] == "" || !strings.Contains("=>", m[2][:1]) {
		return "", Finding{}, false
	}
	return m[1] + " = " + strings.TrimLeft(m[2], "=> "), Finding{Rule: "syntax", Message: "one = belongs between a key and its value"}, true
}

// isControl is for characters that TOML has nowhere.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// isStatement reports whether a line is a header or a setting.
func isStatement(line []byte) bool {
	line = bytes.TrimRight(line, "\r\n")
	return rawline.Header.Match(line) || rawline.Setting.Match(line)
}
