package main

import (
	"cmp"
	"fmt"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// chipFlags name the chip and say how it is opened.
func chipFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "tpm", Category: "Chip:", EnvVars: []string{"TPMDPS_TPM", "TPM2TOOLS_TCTI"}, Usage: "the TPM at `ADDR`: a device, a socket, swtpm:..., mssim:... (default: this machine's)"},
		&cli.StringFlag{Name: "endorsement-auth-file", Category: "Chip:", Usage: "read the endorsement hierarchy's password from `FILE`"},
		&cli.StringFlag{Name: "owner-auth-file", Category: "Chip:", Usage: "read the owner hierarchy's password from `FILE`"},
		&cli.BoolFlag{Name: "plain-bus", DisableDefaultText: true, Category: "Chip:", Usage: "use no encrypted sessions, for chips that refuse them: a probe on the bus can then read passwords, and the inner of two wrappings of each key"},
	}
}

// chipOptions say which chip is meant, and how it is opened.
type chipOptions struct {
	address             setting
	endorsementAuthFile string
	ownerAuthFile       string
	plainBus            bool
	configured          edge.Config // passwords for hierarchies that no flag has one for
}

func readChipOptions(f flags) chipOptions {
	return chipOptions{
		address:             f.setting("tpm"),
		endorsementAuthFile: f.text("endorsement-auth-file"),
		ownerAuthFile:       f.text("owner-auth-file"),
		plainBus:            f.yes("plain-bus"),
	}
}

// orFile fills in from IoT Edge's file what no flag says.
func (o chipOptions) orFile(path string, file edge.Config) chipOptions {
	o.address, o.configured = o.address.orFile(path, file.TCTI), file
	return o
}

// parseAddress reads the address, which may be a TCTI string of IoT Edge's.
func (o chipOptions) parseAddress() (tpm.Address, error) {
	if o.address.from == inFile {
		if err := schema.CheckTCTI(o.address.text); err != nil {
			return tpm.Address{}, o.address.fault(fmt.Errorf("tpm.tcti is %q: %w", text.Printable(o.address.text, 100), err))
		}
	}
	addr, err := tpm.ParseAddress(o.address.text)
	return addr, o.address.fault(err)
}

// overruled are the hierarchies whose password is given by a flag.
func (o chipOptions) overruled() (all []tpm.Hierarchy) {
	if o.endorsementAuthFile != "" {
		all = append(all, tpm.HierarchyEndorsement)
	}
	if o.ownerAuthFile != "" {
		all = append(all, tpm.HierarchyOwner)
	}
	return all
}

// chip is where a chip is, and how it is opened. The passwords are there also when the
// address is wrong.
func (s *session) chip(o chipOptions) (tpm.Address, tpm.Options, error) {
	addr, err := o.parseAddress()
	if err == nil {
		onChip(s.ctx, addr)
	}
	inform := func(what string) { s.say("%s", what) }
	opts := tpm.Options{Log: s.log, PlainBus: o.plainBus, Waiting: inform, Ledgers: ledgerDirectory(), Flushed: inform}
	auths, authErr := s.secrets.hierarchyAuths(o)
	opts.EndorsementAuth, opts.OwnerAuth = auths.Endorsement, auths.Owner
	return addr, opts, cmp.Or(authErr, err)
}

// openTPM opens a chip.
func (s *session) openTPM(o chipOptions) (*tpm.Device, error) {
	addr, opts, err := s.chip(o)
	if err != nil {
		return nil, err
	}
	return tpm.Open(s.ctx, addr, opts)
}
