package rawline

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"tpmdps/internal/tomledit"
)

// otherFile is a sort of file that is handed in for a config.toml.
type otherFile struct {
	is   func(f shape) bool
	name string // what it is
	fix  string // what makes a config.toml of it
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

// shapeOf finds the shape of a file.
func shapeOf(data []byte) shape {
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
		m := YAML.FindStringSubmatch(line)
		switch {
		case line == trimmed && (Header.MatchString(line) || Setting.MatchString(line)):
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

var (
	jsonOpening = regexp.MustCompile(`^(\{|\[)\s*("|$|\{|\})`)
	closing     = map[byte]string{'{': "}", '[': "]"}
	markup      = regexp.MustCompile(`(?i)^<(\?xml|!doctype|html|[a-z]+[ >/])`)
	terraform   = regexp.MustCompile(`^(resource|variable|provider|locals|module|output|data|terraform)(\s+"[^"]*")*\s*\{\s*$`)
	listItem    = regexp.MustCompile(`^\s*- +\S`)
)

// OddCharacter says which character of a web page is in the line at which the
// parser stops, "" if none is or it is not the reason.
func OddCharacter(data []byte, at *tomledit.SyntaxError) string {
	lines := bytes.SplitAfter(data, []byte("\n"))
	if at.Line < 1 || at.Line > len(lines) {
		return ""
	}
	line := string(lines[at.Line-1])
	text := strings.TrimRight(line, "\r\n")
	end := line[len(text):]
	for _, odd := range []struct {
		plain func(string) string
		name  string
	}{{PlainQuotes, WebQuotes}, {PlainBlanks, WebBlanks}} {
		meant := odd.plain(text)
		if meant == text {
			continue
		}
		lines[at.Line-1] = []byte(meant + end)
		var next *tomledit.SyntaxError
		if _, err := tomledit.Parse(bytes.Join(lines, nil)); !errors.As(err, &next) || next.Line > at.Line {
			return odd.name
		}
		text = meant // both may be in the line
	}
	return ""
}

// OtherFile says what a file is that is not a config.toml at all, such as a script or
// a web page, and how to get a config.toml from it; ok is false for any other file.
func OtherFile(data []byte) (name, fix string, ok bool) {
	f := shapeOf(data)
	for _, o := range otherFiles {
		if o.is(f) {
			return o.name, o.fix, true
		}
	}
	return "", "", false
}
