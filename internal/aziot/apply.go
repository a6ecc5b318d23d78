package aziot

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/host"
	"tpmdps/internal/program"
)

// Tool is the program that puts a configuration into effect.
type Tool struct {
	name string
	args []string
}

// String is the command as it is typed.
func (t Tool) String() string {
	words := []string{t.name}
	for _, arg := range t.args {
		words = append(words, shellWord(arg))
	}
	return strings.Join(words, " ")
}

// Tool finds the program for a configuration file, named by its whole path: that
// of IoT Edge, or else that of the identity service alone, which would leave out
// what only IoT Edge reads. Where neither is installed, it is the first one, and
// the error wraps ErrNoProgram.
func (i Installation) Tool(file string) (Tool, error) {
	args := []string{"config", "apply"}
	if file != ConfigFile {
		args = append(args, "-c", file)
	}
	for _, name := range []string{"iotedge", "aziotctl"} {
		if program.Installed(name) {
			return Tool{name, args}, nil
		}
	}
	return Tool{"iotedge", args}, fmt.Errorf("IoT Edge: %w", ErrNoProgram)
}

// program is one of this machine's, which needs nothing of where it is started.
func (i Installation) program(name string, args ...string) program.Program {
	return program.Program{Name: name, Args: args, Env: i.Machine.Env, Dir: "/"}
}

// Apply runs the tool, which stops the daemons, writes their files and starts
// the first of them; line is given what it says. That the tool succeeds does not
// mean that the daemons came up: it only prints what systemctl said. The error
// wraps ErrConfig or host.ErrNotRoot where that is why, and else ErrApply.
func (i Installation) Apply(ctx context.Context, t Tool, line func(string)) error {
	s := toolResult{failure: ErrApply}
	err := i.program(t.name, t.args...).Run(ctx, func(text string) {
		text = excerpt.ReplaceAllString(text, "$1...")
		line(text)
		s.note(text)
	})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrApply, err)
	case err == nil && (s.configured || t.name == "iotedge"):
		return nil
	case err == nil:
		// aziotctl ends with 0 whatever happened, up to 1.5 at least.
		err = errors.New(t.name + ": it ended without reporting success")
	}
	if text := s.text(); text != "" {
		return fmt.Errorf("%w: %w: %s", s.failure, err, text)
	}
	return fmt.Errorf("%w: %w", s.failure, err)
}

// excerpt is how a TOML error shows the line that it is about, which may be that
// of a password.
var excerpt = regexp.MustCompile(`^(\s*[0-9]+ \| ).*`)

// toolResult is what of a tool's output tells how it went.
type toolResult struct {
	configured bool
	failure    error
	reason     string // the line that says why
	tail       []string
}

// lastLines is how much of the output stands in an error.
const lastLines = 3

func (s *toolResult) note(line string) {
	line = strings.TrimSpace(line)
	if line == "" {
		return
	}
	s.tail = append(s.tail, line)
	s.tail = s.tail[max(0, len(s.tail)-lastLines):]
	has := func(text string) bool { return strings.Contains(line, text) }
	switch {
	case has("configured successfully"):
		s.configured = true
	case has("must be run as root"):
		s.failure, s.reason = host.ErrNotRoot, line
	case has("could not parse config file"), has("error parsing config"), has("invalid character in config"):
		s.failure, s.reason = ErrConfig, line
	}
}

func (s *toolResult) text() string {
	lines := s.tail
	if s.reason != "" && !slices.Contains(lines, s.reason) {
		lines = append([]string{s.reason}, lines[len(lines)-1])
	}
	return strings.Join(lines, "; ")
}

// shellWord quotes an argument where a shell would take it apart.
func shellWord(arg string) string {
	if arg != "" && strings.Trim(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+@%:=-") == "" {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
