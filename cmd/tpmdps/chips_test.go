package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/go-tpm/tpm2"
	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/softtpm/softtpmtest"
)

// quirks are the ways of a chip that a script can ask for, with the number that
// follows the name.
var quirks = map[string]func(n int) softtpmtest.Quirk{
	// Lists of GetCapability.
	"pieces":  func(n int) softtpmtest.Quirk { return softtpmtest.Pieces(uint32(n)) },
	"entries": func(n int) softtpmtest.Quirk { return softtpmtest.MostEntries(uint32(n), 0x3c4) }, // TPM_RC_VALUE, parameter 3
	"maker": func(n int) softtpmtest.Quirk {
		return softtpmtest.WithProperty(tpm2.TPMPTManufacturer, uint32(n))
	},
	// Reading of NV indices.
	"nv-buffer": func(n int) softtpmtest.Quirk { return softtpmtest.WithProperty(tpm2.TPMPTNVBufferMax, uint32(n)) },
	"no-nv-buffer": func(int) softtpmtest.Quirk {
		return softtpmtest.WithoutProperty(tpm2.TPMPTNVBufferMax)
	},
	"nv-bytes":  func(n int) softtpmtest.Quirk { return softtpmtest.MostNVBytes(n, 0x1c4) }, // TPM_RC_VALUE, parameter 1
	"unwritten": func(int) softtpmtest.Quirk { return softtpmtest.Unwritten() },
	"nv-refuses": func(n int) softtpmtest.Quirk {
		return softtpmtest.Refuses(tpm2.TPMCCNVRead, tpm2.TPMRC(n))
	},
}

// giveQuirk: quirk [NAME=N]... Has TPMDPS_TPM name the script's chip with these
// quirks from now on; without any, as it is.
func giveQuirk(ts *testscript.TestScript, neg bool, args []string) {
	chip := of(ts).chip
	if len(args) == 0 {
		ts.Setenv("TPMDPS_TPM", chip.Address())
		return
	}
	var all []softtpmtest.Quirk
	for _, arg := range args {
		name, number, given := strings.Cut(arg, "=")
		quirk, known := quirks[name]
		if !known {
			ts.Fatalf("unknown quirk %q", name)
		}
		n := int64(0)
		if given {
			var err error
			n, err = strconv.ParseInt(number, 0, 64)
			ts.Check(err)
		}
		all = append(all, quirk(int(n)))
	}
	bus, stop, err := softtpmtest.NewBus(chip)
	ts.Check(err)
	ts.Defer(stop)
	bus.SetQuirk(softtpmtest.Quirks(all...))
	ts.Setenv("TPMDPS_TPM", bus.Address())
}

// copyCertificate: cert NAME. Copies a maker's certificate to NAME.der.
func copyCertificate(ts *testscript.TestScript, neg bool, args []string) {
	der, err := os.ReadFile(filepath.Join("..", "..", "testdata", "certificates", args[0]+".der"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".der"), der, 0o600))
}
