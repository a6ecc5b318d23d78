package gather

import (
	"errors"
	"testing"

	"tpmdps/internal/edge"
	"tpmdps/internal/tpm"
)

// A variable that names no chip gives way to a configuration that does; a way in the
// file that is none changes nothing but the passwords.
func TestTakeFrom(t *testing.T) {
	must := func(text string) tpm.Address {
		addr, err := tpm.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	named, ofFile, bad := must("device:/dev/tpm7"), must("device:/dev/tpm8"), errors.New("none")
	for name, tt := range map[string]struct {
		chip      Chip
		file      edge.Config
		refused   error // of the file's way
		want      tpm.Address
		noAddress error
	}{
		"no way in the file":        {Chip{Address: named}, edge.Config{}, nil, named, nil},
		"the file's way":            {Chip{Address: named}, edge.Config{TCTI: "x"}, nil, ofFile, nil},
		"a flag":                    {Chip{Address: named, Overrides: true}, edge.Config{TCTI: "x"}, nil, named, nil},
		"a bad variable":            {Chip{NoAddress: bad}, edge.Config{}, nil, tpm.Address{}, bad},
		"a bad variable, a file":    {Chip{NoAddress: bad}, edge.Config{TCTI: "x"}, nil, ofFile, nil},
		"a bad file":                {Chip{Address: named}, edge.Config{TCTI: "x"}, bad, named, nil},
		"a bad variable and a file": {Chip{NoAddress: bad}, edge.Config{TCTI: "x"}, bad, tpm.Address{}, bad},
	} {
		tt.file.OwnerAuth = "word"
		g := newGatherer(Options{Chip: tt.chip, FromFile: func(addr tpm.Address, opts tpm.Options, file edge.Config) (tpm.Address, tpm.Options, error) {
			opts.OwnerAuth = []byte(file.OwnerAuth)
			if file.TCTI != "" && !tt.chip.Overrides {
				addr = ofFile
			}
			return addr, opts, tt.refused
		}})
		g.takeFrom(tt.file)
		if g.address != tt.want || g.noAddress != tt.noAddress || string(g.options.OwnerAuth) != "word" || g.file != tt.file {
			t.Errorf("%s: %v, %v, %q", name, g.address, g.noAddress, g.options.OwnerAuth)
		}
	}
}

// What was taken off the chip is kept for the bundle, and told to those who watch.
func TestFlushed(t *testing.T) {
	var told []string
	g := newGatherer(Options{Chip: Chip{Options: tpm.Options{Flushed: func(what string) { told = append(told, what) }}}})
	g.options.Flushed("a key")
	newGatherer(Options{}).options.Flushed("nobody watches")
	if len(told) != 1 || len(g.flushed) != 1 || g.flushed[0] != told[0] {
		t.Errorf("told %q, kept %q", told, g.flushed)
	}
}
