package bundle

import (
	"fmt"
	"strings"

	"tpmdps/internal/text"
)

// readme says in plain words what is in the zip and what is not, for those who
// send it and those who get it.
func readme(b Bundle, m Manifest) []byte {
	var t strings.Builder
	changed := "Nothing on the machine, on its chip or in the\nservice was changed for it, and nothing was registered."
	if b.Registered {
		changed = "Nothing on the machine or on its chip was changed\nfor it. The device was registered in the service, as --until asked for."
	}
	if b.Flushed != "" {
		changed = "What a killed run had left in the chip's memory\nhad to be removed; handles.json was made before: " + text.OneLine(b.Redact(b.Flushed), maxReason) +
			".\nNothing else on the machine or on its chip was changed for it."
		if b.Registered {
			changed += " The device was\nregistered in the service, as --until asked for."
		} else {
			changed += " Nothing in the\nservice was changed, and nothing was registered."
		}
	}
	fmt.Fprintf(&t, "Support bundle of a machine with a TPM\n\nWhat it shows:\n\n  %s\n\nMade by %s, %s (UTC). %s\n",
		strings.Join(m.Verdict.Lines(), "\n  "), m.Tool, m.CreatedAt.Format("2006-01-02 15:04:05"), changed)
	for _, group := range []struct {
		title string
		in    func(Entry) bool
	}{
		{"What is inside", func(e Entry) bool { return e.Status == OK && !e.Identifying }},
		{"What is inside, and identifies this machine or its owner\n(serial numbers, names, IDs, addresses)", func(e Entry) bool { return e.Status == OK && e.Identifying }},
		{"What is not inside, and why", func(e Entry) bool { return e.Status != OK }},
	} {
		var lines []string
		for _, e := range m.Parts {
			if group.in(e) {
				lines = append(lines, entryLine(e))
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(&t, "\n%s:\n\n%s", group.title, strings.Join(lines, ""))
		}
	}
	t.WriteString(leftOut)
	return []byte(t.String())
}

func entryLine(e Entry) string {
	if e.Status != OK {
		return fmt.Sprintf("  %-18s %s\n                     %s\n", e.Name, e.About, e.Reason)
	}
	return fmt.Sprintf("  %-18s %s\n", e.Name, e.About)
}

// leftOut holds for every bundle.
const leftOut = `
What was left out on purpose:

  Passwords, keys, tokens, connection strings and certificates' private keys.
  Where one stood there is "[redacted]" or "(not shown)" now. Of config.toml only
  settings that are known to be harmless are shown, and few comments.
  The content of the chip's NV memory, except for the certificate that its maker
  put there. The arguments of programs, and all logs but the kernel's lines on
  the TPM.

The endorsement key in record.json is a public key: knowing it cannot pose as
this machine. Still review the files before you send them: a secret
in an unexpected place is not recognised.

manifest.json lists all parts, with the SHA-256 of each file.
`
