package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/tpm"
)

func chipCommand() command {
	return command{
		name:        "chip",
		usage:       "list and clean the chip's memory",
		description: "A chip without a resource manager (/dev/tpm0, a software TPM) keeps what a program\nleft in its memory until it is restarted, and has room for three keys or so.",
		subcommands: []command{{
			name:  "flush",
			usage: "list what programs left in the chip's memory, or remove it",
			description: "Lists the keys and sessions in the chip's memory. With --yes it removes the keys and\n" +
				"the loaded sessions. Nothing persistent changes: keys at handles from 0x81000000 on\n" +
				"and NV indices stay. A program that still uses what is removed has to start again,\n" +
				"so end it first. What a killed tpmdps left, the next one removes by itself. With\n" +
				"/dev/tpmrm0 and on Windows there is nothing to do: the system cleans up.",
			flags: slices.Concat([]cli.Flag{
				&cli.BoolFlag{Name: "yes", Usage: "remove what is listed, instead of only listing it"},
				&cli.BoolFlag{Name: "saved-sessions", Usage: "remove saved sessions too, such as those in files of tpm2-tools"},
			}, chipFlags(), secretFlags()),
			examples: []string{
				"sudo tpmdps chip flush --tpm /dev/tpm0",
				"sudo tpmdps chip flush --tpm /dev/tpm0 --yes",
			},
			exits:   []int{10, 11, 12, 13},
			timeout: time.Minute,
			run:     flushChip,
		}},
	}
}

func flushChip(s *session, f flags) (err error) {
	remove, saved := f.yes("yes"), f.yes("saved-sessions")
	addr, opts, err := s.chip(readChipOptions(f))
	if err != nil {
		return err
	}
	opts.Ledgers = "" // nothing is removed that was not listed
	d, err := tpm.Open(s.ctx, addr, opts)
	if err != nil {
		return err
	}
	defer joinClose(&err, d)
	r := flushResult{Address: d.Address(), Managed: d.Managed(), Memory: []flushedItem{}}
	if r.Managed {
		return s.print(r)
	}
	found, err := d.InMemory()
	if err != nil {
		return err
	}
	var failed error
	for _, m := range found {
		item := flushedItem{InMemory: m, Action: "would be removed"}
		switch {
		case m.Kind == tpm.KindSavedSession && !saved:
			item.Action = "stays"
		case remove:
			item.Action = "removed"
			if err := d.FlushMemory(m); err != nil {
				item.Action, failed = "failed", errors.Join(failed, err)
			} else {
				s.did("removed from the chip: %s", m.Handle)
			}
		}
		r.Memory = append(r.Memory, item)
	}
	return s.printAfter(failed, r)
}

// flushResult is what a chip has in its memory, and what became of it.
type flushResult struct {
	Address string        `json:"address"`
	Managed bool          `json:"managed"` // a resource manager cleans up
	Memory  []flushedItem `json:"memory"`
}

// flushedItem is one object or session.
type flushedItem struct {
	tpm.InMemory
	// Action is "would be removed", "removed", "stays" or "failed".
	Action string `json:"action"`
}

func (r flushResult) lines() []any { return []any{r} }

func (r flushResult) fields() [][]string {
	var rows [][]string
	for _, m := range r.Memory {
		rows = append(rows, []string{m.Handle, m.Kind, m.Is, m.Name, fmt.Sprint(m.AsOurs), m.Action})
	}
	return rows
}

func (r flushResult) show(w io.Writer) error {
	switch {
	case r.Managed:
		_, err := fmt.Fprintf(w, "nothing to do: the resource manager at %s removes what a program leaves\n", r.Address)
		return err
	case len(r.Memory) == 0:
		_, err := fmt.Fprintf(w, "nothing to do: the memory of the chip at %s is empty\n", r.Address)
		return err
	}
	var rows [][]string
	dry, saved := false, false
	for _, m := range r.Memory {
		whose := "another program's"
		if m.AsOurs {
			whose = "as tpmdps makes them"
		}
		rows = append(rows, []string{m.Handle, m.Kind, m.Is, whose, m.Action})
		dry, saved = dry || m.Action == "would be removed", saved || m.Action == "stays"
	}
	if err := table(w, []string{"handle", "kind", "what it is", "whose", "action"}, rows); err != nil {
		return err
	}
	if dry {
		fmt.Fprint(w, "\nEnd the programs that use the chip, then add --yes to remove these.\n")
	}
	if saved {
		fmt.Fprint(w, "Saved sessions belong to files of other programs; --saved-sessions removes them too.\n")
	}
	return nil
}

// ledgerDirectory is where a run on a chip without a resource manager notes what
// it makes there: a directory of this user that is empty after a start of the
// machine. Tests have one of their own.
var ledgerDirectory = func() string {
	const ofRoot = "/run"
	if os.Geteuid() == 0 {
		if fi, err := os.Stat(ofRoot); err == nil && fi.IsDir() {
			return filepath.Join(ofRoot, "tpmdps")
		}
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && os.Geteuid() != 0 {
		return filepath.Join(dir, "tpmdps")
	}
	return filepath.Join(os.TempDir(), fmt.Sprint("tpmdps-", os.Geteuid()))
}
