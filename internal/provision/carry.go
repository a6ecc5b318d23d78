package provision

import (
	"regexp"
	"strings"

	"tpmdps/internal/text"
)

// Names are what a run was made with and a command in a hint does not know by
// itself: without them it would act on another enrollment, or another file.
type Names struct {
	// RegistrationID is the run's; "" where it is the one that every command derives
	// from the chip.
	RegistrationID string
	// File is IoT Edge's configuration that the run was for; "" where there is none.
	File string
}

// carried are the commands that hints name, up to the end of their options, and the
// flag that each needs.
var carried = regexp.MustCompile(`\btpmdps (enroll|config)\b((?: --?[a-z][a-z0-9-]*(?: (?:'[^']*'|[^\s-](?:\S*[^\s,;:)])?))?)*)`)

// Carry adds to the commands in a hint what they need to act on what the run was
// about. What a command has already stays; "config --config -" is asked for a model
// of a file, whichever this one is.
func (n Names) Carry(hint string) string {
	return carried.ReplaceAllStringFunc(hint, func(named string) string {
		m := carried.FindStringSubmatch(named)
		flag, value := "--registration-id", n.RegistrationID
		if m[1] == "config" {
			flag, value = "--config", n.File
		}
		if value == "" || m[1] == "config" && m[2] == "" || strings.HasSuffix(m[2], " "+flag) || strings.Contains(m[2], " "+flag+" ") && !strings.HasSuffix(m[2], " "+flag+" FILE") {
			return named
		}
		return "tpmdps " + m[1] + strings.TrimSuffix(m[2], " "+flag+" FILE") + " " + flag + " " + text.ShellWord(value)
	})
}

// names are those of this run.
func (t *trip) names() Names {
	n := Names{RegistrationID: strings.ToLower(t.result.RegistrationID)} // as enroll accepts it
	if c := t.req.Configured; c != nil {
		n.File = c.File
	}
	if t.ek != nil && n.RegistrationID == t.chipIDs().Base32 {
		n.RegistrationID = ""
	}
	return n
}
