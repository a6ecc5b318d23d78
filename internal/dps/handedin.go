package dps

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CredentialText finds the connection string or the SAS token in what a person
// handed in: in quotes of any kind, after the name of a variable (export NAME=,
// $env:NAME =, setx NAME), in the JSON that az prints, in a file of variables, or
// broken into lines. What is not one of these comes back as it is, without what stands
// around it. The error says what was handed in, and repeats nothing of it.
func CredentialText(text string) (string, error) {
	if len(text) > maxHandedIn {
		return text, nil // its reader reports that it is too long
	}
	if found, is, err := inJSON(strings.TrimFunc(text, isSurrounding)); is {
		return found, err
	}
	text = trimSurrounding(text)
	if found, is, err := inJSON(text); is {
		return found, err
	}
	if lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }); len(lines) > 1 {
		return inLines(lines, text)
	}
	return text, nil
}

// maxHandedIn bounds what is searched.
const maxHandedIn = 64 << 10

var (
	// beginsField is the begin of a credential, or of one of its fields.
	beginsField = regexp.MustCompile(`(?i)^(?:(?:hostname|sharedaccesskeyname|sharedaccesskey|endpoint|deviceid|accountname|accountkey|defaultendpointsprotocol|sr|sig|se|skn)[ \t]*=|sharedaccesssignature[ \t]+s)`)
	// beginsWhole is the begin of a whole one.
	beginsWhole = regexp.MustCompile(`(?i)^(?:(?:hostname|endpoint|defaultendpointsprotocol)[ \t]*=|sharedaccesssignature[ \t]+s)`)
	// variable is the name of a variable, a field or a header, with what sets it.
	variable = regexp.MustCompile(`(?i)^(?:(?:export|setx?|declare[ \t]+-x|env|-e|--env)[ \t]+|\$env:|\$)?["'{]?[a-z_][a-z0-9_.-]*["'}]?(?:[ \t]*[=:][ \t]*|[ \t]+)`)
	// assignment is another variable in a file of them.
	assignment = regexp.MustCompile(`^(?:export[ \t]+|set[ \t]+|\$env:)?[A-Z][A-Z0-9_]*[ \t]*=[ \t]*[^= \t]`)
	// heading is what stands above a value in a table, or a comment.
	heading = regexp.MustCompile(`^(?:[A-Za-z]+|[-=+| ]+|[#;].*|//.*|(?i:rem) .*)$`)
)

// quotes are the signs that stand around a text which was pasted, those of word
// processors among them.
const quotes = "\"'`\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u2039\u203a\uff02\uff07"

// isSurrounding tells what stands around a text and is never seen, and what is left of it
// where a shell dropped the zero bytes of UTF-16.
func isSurrounding(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError
}

// trimSurrounding is a text without quotes, blanks and the name of a variable around it.
func trimSurrounding(text string) string {
	for {
		before := text
		text = strings.TrimFunc(text, isSurrounding)
		text = strings.TrimLeft(text, quotes)
		text = strings.TrimRight(text, quotes+",;")
		if beginsField.MatchString(text) {
			if text == before {
				return text
			}
			continue
		}
		if name := variable.FindString(text); name != "" {
			if rest := trimSurrounding(text[len(name):]); beginsField.MatchString(rest) || strings.HasPrefix(rest, "{") {
				return rest
			}
		}
		if text == before {
			return text
		}
	}
}

// inJSON finds the credential in JSON; is tells whether it is JSON at all.
func inJSON(text string) (found string, is bool, err error) {
	if text == "" || !strings.ContainsRune("{[\"", rune(text[0])) {
		return "", false, nil
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		if text[0] == '"' {
			return "", false, nil
		}
		return "", true, errors.New("it begins as JSON but is incomplete: paste all of it, or the connection string alone")
	}
	found, err = leaves(value)
	return found, true, err
}

// leaves finds the one credential among the texts of a JSON value, or the primary of
// two.
func leaves(value any) (string, error) {
	all, names, primary := map[string]bool{}, map[string]bool{}, ""
	var walk func(name string, v any)
	walk = func(name string, v any) {
		names[strings.ToLower(name)] = true
		switch v := v.(type) {
		case string:
			if text := trimSurrounding(v); beginsField.MatchString(text) || text == v && name == "" {
				all[text] = true
				if strings.HasPrefix(strings.ToLower(name), "primary") {
					primary = text
				}
			}
		case []any:
			for _, one := range v {
				walk(name, one)
			}
		case map[string]any:
			for name, one := range v {
				walk(name, one)
			}
		}
	}
	walk("", value)
	switch {
	case len(all) == 1:
		return slices.Collect(maps.Keys(all))[0], nil
	case len(all) > 1 && primary != "":
		return primary, nil
	case len(all) > 1:
		return "", fmt.Errorf("there are %d of them in this JSON: keep only the one that you mean", len(all))
	case names["primarykey"] || names["keyname"]:
		return "", errors.New("this is a policy as JSON, in which the host is missing; " + connectionStringHint)
	}
	return "", errors.New("this is JSON in which there is no connection string and no SAS token; " + connectionStringHint)
}

// inLines finds the credential among lines: the only one in a file of variables or
// in a table, or one that was broken into lines. Of a SAS token no lines are put
// together: nothing would show what was lost.
func inLines(lines []string, text string) (string, error) {
	begin, count := 0, 0
	for i := range lines {
		lines[i] = strings.TrimFunc(lines[i], isSurrounding)
		if beginsWhole.MatchString(trimSurrounding(lines[i])) {
			begin = i
			count++
		}
	}
	if count > 1 {
		return "", fmt.Errorf("there are %d of them, on a line each: keep only the one that you mean", count)
	}
	if count == 0 && strings.Contains(strings.ToLower(text), "sig=") {
		return text, nil
	}
	if count == 0 {
		return strings.Join(lines, ""), nil
	}
	for _, line := range lines[:begin] {
		if line != "" && !heading.MatchString(line) && !assignment.MatchString(line) {
			return text, nil // its reader reports what it is
		}
	}
	whole := lines[begin]
	for _, line := range lines[begin+1:] {
		switch {
		case line == "", strings.HasPrefix(line, "#"), assignment.MatchString(line):
		case strings.Contains(strings.ToLower(whole), "sharedaccesssignature"):
			return text, nil
		case beginsField.MatchString(line) && !strings.HasSuffix(whole, ";"):
			whole += ";" + line
		default:
			whole += line
		}
	}
	return trimSurrounding(whole), nil
}
