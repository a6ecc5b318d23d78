package edge

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// otherFile is a sort of file that is handed in for a config.toml.
type otherFile struct {
	is  func(f shape) bool
	say string // what it is
	fix string // what makes a config.toml of it
}

// shape is what can be seen of a file at a glance.
type shape struct {
	first string          // its first line that is not empty
	last  string          // its last one
	keys  map[string]bool // the keys of YAML at the top, without those of lists
	yaml  int             // lines that are YAML
	toml  int             // headers and settings
	lines int             // lines that are neither empty nor comments
}

var connectionString = regexp.MustCompile(`(?i)^["']?HostName=[^;]+;`)

// otherFiles stand in the order in which they are tried.
var otherFiles = []otherFile{
	{func(f shape) bool {
		return strings.HasPrefix(f.first, "\x1f\x8b") || strings.HasPrefix(f.first, "PK\x03\x04")
	},
		"the file is compressed", "unpack it, and check what is inside"},
	{func(f shape) bool { return connectionString.MatchString(f.first) },
		"the file is a connection string", "keep it in a file of its own, for --connection-string-file"},
	{func(f shape) bool { return strings.HasPrefix(f.first, "-----BEGIN ") },
		"the file is a certificate or a key", "check config.toml instead, which names that file"},
	{func(f shape) bool { return strings.HasPrefix(f.first, "#!") && f.toml*4 < f.lines*3 },
		"the file is a script", "run it, and check the config.toml that it writes"},
	{func(f shape) bool {
		return f.toml == 0 && (strings.HasPrefix(f.first, "#cloud-config") || f.keys["write_files"] || f.keys["runcmd"] || f.keys["bootcmd"])
	},
		"the file is for cloud-init, which writes a config.toml", "check the config.toml that it writes, on the machine: tpmdps config --check"},
	{func(f shape) bool {
		return f.toml == 0 && f.keys["provisioning"] && (f.yaml > 1 || f.lines == 1) || f.toml == 0 && f.keys["agent"] && f.keys["hostname"]
	},
		"the file is the config.yaml of IoT Edge 1.1", "sudo iotedge config import makes a config.toml of it; or move it away, and tpmdps config --id-scope SCOPE writes a new one"},
	{func(f shape) bool { return f.toml == 0 && f.keys["apiVersion"] && f.keys["kind"] },
		"the file is a manifest of Kubernetes", "check the config.toml that is in it, in a file of its own"},
	{func(f shape) bool {
		return f.toml == 0 && (f.first == "---" || f.yaml > 1) && f.yaml*2 > f.lines && f.first != "{"
	},
		"the file is YAML, not TOML", "check the config.toml that is made of it; or move it away, and tpmdps config --id-scope SCOPE writes a new one"},
	{func(f shape) bool {
		return jsonOpening.MatchString(f.first) && strings.HasSuffix(f.last, closing[f.first[0]]) && f.toml == 0
	},
		"the file is JSON, not TOML", "check config.toml instead; a deployment or an enrollment belongs to the hub or to DPS"},
	{func(f shape) bool { return markup.MatchString(f.first) },
		"the file is a web page or XML", "download the text of the file itself"},
	{func(f shape) bool { return terraform.MatchString(f.first) },
		"the file is for Terraform", "check the config.toml that it writes"},
	{func(f shape) bool {
		return strings.HasPrefix(f.first, "diff --git ") || strings.HasPrefix(f.first, "--- ") && len(f.first) > 4
	},
		"the file is a patch, the difference of two files", "apply it, and check the config.toml that it changes"},
}

var (
	jsonOpening = regexp.MustCompile(`^(\{|\[)\s*("|$|\{|\})`)
	closing     = map[byte]string{'{': "}", '[': "]"}
	markup      = regexp.MustCompile(`(?i)^<(\?xml|!doctype|html|[a-z]+[ >/])`)
	terraform   = regexp.MustCompile(`^(resource|variable|provider|locals|module|output|data|terraform)(\s+"[^"]*")*\s*\{\s*$`)
	listItem    = regexp.MustCompile(`^\s*- +\S`)
)

// look takes in the shape of a file.
func look(data []byte) shape {
	f := shape{keys: map[string]bool{}}
	for line := range strings.Lines(string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))) {
		line = strings.TrimRight(line, " \t\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			continue
		}
		if f.first == "" {
			f.first = trimmed
		}
		f.last = trimmed
		if trimmed[0] == '#' {
			continue
		}
		f.lines++
		m := pair.FindStringSubmatch(line)
		switch {
		case line == trimmed && (header.MatchString(line) || settingLine.MatchString(line)):
			f.toml++
		case m != nil && m[1] == "" && line[0] != '-':
			f.keys[m[2]] = true
			f.yaml++
		case m != nil, listItem.MatchString(line):
			f.yaml++
		}
	}
	return f
}

// otherSort says what a file is that is another one altogether; "" if it is not.
func otherSort(data []byte) string {
	f := look(data)
	for _, o := range otherFiles {
		if o.is(f) {
			return o.say
		}
	}
	return ""
}

// other says once of a file that it is another one altogether, and what makes
// the right one of it. What can be read all the same is returned: the lines of a
// template that are TOML, one side of a merge. It is nil where nothing can.
func (c *checker) other(data []byte) []byte {
	f := look(data)
	for _, o := range otherFiles {
		if o.is(f) {
			c.add(Finding{Rule: "other-file", own: true, Line: 1, Column: 1, Message: o.say, Fix: o.fix})
			return nil
		}
	}
	return c.template(c.merge(data))
}

var mergeMark = regexp.MustCompile(`^(<{7}|\|{7}|={7}|>{7})( .*)?\r?\n?$`)

// merge leaves of an unfinished merge the first of the two sides.
func (c *checker) merge(data []byte) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	type conflict struct{ from, middle, to int } // lines from 0
	var all []conflict
	open := conflict{-1, -1, -1}
	for i, line := range lines {
		switch m := mergeMark.FindSubmatch(line); {
		case m == nil:
		case m[1][0] == '<':
			open = conflict{i, -1, -1}
		case open.from >= 0 && m[1][0] != '>' && open.middle < 0:
			open.middle = i
		case open.middle >= 0 && m[1][0] == '>':
			open.to = i
			all = append(all, open)
			open = conflict{-1, -1, -1}
		}
	}
	if len(all) == 0 {
		return data
	}
	for _, m := range all {
		lines[m.from] = []byte("\n")
		for i := m.middle; i <= m.to; i++ {
			lines[i] = []byte("\n")
		}
	}
	c.add(Finding{Rule: "other-file", own: true, Line: all[0].from + 1, Column: 1,
		Message: fmt.Sprintf("a merge was not finished: both versions are in the file, first in lines %d to %d; the first of them is checked", all[0].from+1, all[0].to+1),
		Fix:     "keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>"})
	return bytes.Join(lines, nil)
}
