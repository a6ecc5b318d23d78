// Package environment reads the settings that stand in the environment of the
// process: which proxy to use, which certificates to trust, how to sign in.
//
// The rule: a variable is read here, once, before the first connection, and
// becomes a plain value that knows the variable it came from. One that cannot be
// used is an [Error], which names the variable and shows nothing of its value:
// that may hold a password, wherever its author put it. Nothing goes on as if it
// were not set.
//
// The package is pure. The command hands it the environment.
package environment

import (
	"errors"
	"strings"
)

// ErrVariable is wrapped by every [Error].
var ErrVariable = errors.New("a variable of the environment is not usable")

// Error is a variable that cannot be used.
type Error struct {
	// Variable is its name, as it is set.
	Variable string
	// Reason says what is wrong, without a part of the value.
	Reason string
	// Advice says what to write instead; "" where the reason says it.
	Advice string
	// Err is a cause that says more, and shows no part of the value either; may be nil.
	Err error
}

// Error names the variable.
func (e *Error) Error() string { return e.Variable + " is not usable: " + e.Reason }

// Hint is what to do about it.
func (e *Error) Hint() string { return e.Advice }

// Unwrap makes it an [ErrVariable], and its cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrVariable}
	}
	return []error{ErrVariable, e.Err}
}

// Variables is an environment.
type Variables struct {
	entries []string
	fold    bool
}

// Of makes an environment of entries NAME=VALUE, as os.Environ returns them.
// Windows does not tell capitals from small letters in names: fold.
func Of(entries []string, fold bool) Variables { return Variables{entries, fold} }

// Setting is the value of a variable, and the variable.
type Setting struct {
	// Variable is the name, as it is set.
	Variable string
	// Value is never empty: an empty variable counts as one that is not set.
	Value string
}

// First returns the first of the variables that is set and not empty.
func (v Variables) First(names ...string) (Setting, bool) {
	for _, name := range names {
		for _, entry := range v.entries {
			as, value, found := strings.Cut(entry, "=")
			if found && value != "" && (as == name || v.fold && strings.EqualFold(as, name)) {
				return Setting{as, value}, true
			}
		}
	}
	return Setting{}, false
}

// value is that of a variable; "" if it is not set.
func (v Variables) value(name string) string {
	s, _ := v.First(name)
	return s.Value
}

// invalid makes the error of a setting.
func (s Setting) invalid(reason, advice string) error {
	return &Error{Variable: s.Variable, Reason: reason, Advice: advice}
}

// dressed says what stands around a value that is not a part of it: what editors,
// batch files and .env files add. It returns "" where there is nothing.
func dressed(value string) string {
	if value == "" {
		return "it is empty"
	}
	const blanks = " \t\u00a0\u2007\u202f\u3000"
	first, last := value[:1], value[len(value)-1:]
	switch {
	case strings.Trim(value, blanks+"\r\n") == "":
		return "it is blank"
	case strings.HasPrefix(value, "\ufeff"):
		return "it begins with a byte order mark"
	case strings.ContainsAny(value, "\r\n"):
		return "there is a line end in it"
	case strings.Trim(value, blanks) != value:
		return "there is a blank before or after it"
	case strings.ContainsAny(first+last, "\"'`") || strings.HasPrefix(value, "\u201c") || strings.HasPrefix(value, "\u2018") || strings.HasPrefix(value, "\u201e"):
		return "it is in quotes, which become part of it"
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "there is a control character in it"
	}
	return ""
}

// howToSet is for what dressed finds.
const howToSet = "set it without blanks, quotes and line ends: set NAME=VALUE in a batch file, $env:NAME = 'VALUE' in PowerShell, NAME=VALUE in a shell"
