// Package lint says what is wrong with a config.toml of IoT Edge, and what to type.
// Check reads the text and, where it may, how the file is kept and the files that
// it names. Every fix that is a line to type was tried: what it is for is gone
// then, and nothing new is found.
//
// The rule for its users: no finding shows a secret of the file.
package lint

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/text"
	"tpmdps/internal/tomledit"
)

// Severity says whether IoT Edge can work with what was found.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // it refuses the file, ignores a setting, or cannot provision
	Warning Severity = "warning" // it works, perhaps, and somebody should look
)

// Finding is one thing that is wrong with a config.toml. No text in it is a
// secret.
type Finding struct {
	Rule     string   `json:"rule"` // one of Rules
	Severity Severity `json:"severity"`
	// Line and Column are where it is, from 1; 0 for the file as a whole.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Key is the dotted path, "" where there is none.
	Key     string `json:"key"`
	Message string `json:"message"`
	// Fix is what to do about it, or the very line to type.
	Fix string `json:"fix"`
	// own: no word in Message and Fix is of the file, but for names that the schema
	// has; they are not concealed.
	own bool
}

// InLine says in which line it is, with a blank before it; "" for the file as a whole.
func (f Finding) InLine() string {
	if f.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" in line %d", f.Line)
}

// Rules are the names of all rules, in the order of their documentation. They
// are an interface for scripts.
func Rules() []string {
	return []string{
		"other-file", "syntax", "encoding", "unquoted-word", "quotes", "blanks", "duplicate-table", "duplicate-key", "toml-1.1",
		"unknown-key", "misplaced-key", "missing-key", "wrong-type", "wrong-value", "out-of-range", "version",
		"not-tpm", "nested", "id-scope", "registration-id", "endpoint", "payload", "placeholder", "cleartext",
		"file-mode", "file-owner",
	}
}

// Options are what Check may look at besides the text.
type Options struct {
	// Root is the file system from / down, for the files that the configuration
	// names. nil: they are not looked at.
	Root fs.FS
	// File says how the file is kept. nil: that is not looked at.
	File *FileFacts
	// Path is the file's, "-" for standard input, for the commands that fixes show; ""
	// for IoT Edge's own.
	Path string
}

// Report is what Check found.
type Report struct {
	Findings []Finding // by line; never nil
	// Config is what the file says of DPS and the TPM, as far as it could be
	// read.
	Config edge.Config
	// Secrets are the dotted keys that hold a secret.
	Secrets []string
}

// Count returns how many findings are errors, and how many warnings.
func (r Report) Count() (failures, warnings int) {
	for _, f := range r.Findings {
		if f.Severity == Error {
			failures++
		} else {
			warnings++
		}
	}
	return failures, warnings
}

// Check reads a config.toml more strictly than IoT Edge does. Where IoT Edge
// ignores a key in silence, or stops with the message of a parser, it says
// what is meant. A file without an error is one that [edge.Parse] accepts and
// [edge.Config.Validate] accepts.
func Check(data []byte, o Options) Report {
	c := checker{options: o}
	c.check(data)
	c.file()
	order := func(a, b Finding) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) }
	slices.SortStableFunc(c.findings, order)
	for i := range c.findings {
		c.findings[i].Fix = forFile(c.findings[i].Fix, o.Path)
	}
	return Report{Findings: append([]Finding{}, c.findings...), Config: c.config, Secrets: c.secrets}
}

// checker collects the findings of one file.
type checker struct {
	options  Options
	doc      *tomledit.Document
	root     *node
	config   edge.Config
	findings []Finding
	others   [][]string // the other fixes of each finding
	secrets  []string
	misspelt map[string]bool
	conceal  mask.Concealer
	// mended: what is a key and what a value was guessed.
	mended bool
	// templated is the language in which the file is a template, nil if it is not.
	templated *engine
	// trial: this is what a fix would make of the file, which nobody sees.
	trial bool
	// source is the text that is read, and start the finding that is the first of
	// reading it.
	source []byte
	start  int
}

func (c *checker) check(data []byte) {
	if len(data) > schema.MaxFile {
		c.add(Finding{Rule: "syntax", Message: fmt.Sprintf("the file has %d bytes, IoT Edge's has a few thousand", len(data)), Fix: "is this the right file?"})
		return
	}
	c.conceal = mask.NewConcealer(data)
	if rest := c.other(data); rest != nil {
		c.read(rest)
	} else {
		c.settle(len(c.findings))
	}
}

// read goes through the file, and reports whether that was possible.
func (c *checker) read(data []byte) bool {
	c.source, c.start = data, len(c.findings)
	readable := c.syntax(data)
	begin := len(c.findings)
	if readable {
		c.root = tree(c.doc)
		c.tree()
		c.config, _ = edge.Read(c.doc)
		c.rules()
		c.payload()
	}
	if readable && !c.failed() {
		c.last()
	}
	if !c.trial {
		c.settle(begin)
	}
	return readable
}

// last makes sure that no file passes here and fails there.
func (c *checker) last() {
	config, err := edge.Parse(c.doc.Bytes())
	if err == nil {
		err = config.Validate()
	}
	if err != nil {
		c.add(Finding{Rule: "wrong-value", Message: err.Error(), Fix: "correct that value"})
	}
}

func (c *checker) failed() bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Severity == Error })
}

// shown is what can be shown of a text: nothing of a secret, and n characters at most.
func (c *checker) shown(s string, n int) string { return text.Printable(c.conceal.Text(s), n) }

// add adds a finding, an error if it is not marked as a warning. The file's
// words in it may hold anything. others are fixes if that of the finding turns out
// not to be right.
func (c *checker) add(f Finding, others ...string) {
	if c.templated != nil && slices.Contains([]string{"missing-key", "duplicate-key", "duplicate-table"}, f.Rule) {
		return // who knows what the template makes
	}
	if !c.trial {
		f.Key = c.shown(f.Key, 200)
	}
	if !c.trial && !f.own {
		f.Message = c.shown(f.Message, 400)
		if !typed(f.Fix) {
			f.Fix = c.shown(f.Fix, 400)
		}
	}
	f.Severity = cmp.Or(f.Severity, Error)
	c.findings = append(c.findings, f)
	c.others = append(c.others, others)
}
