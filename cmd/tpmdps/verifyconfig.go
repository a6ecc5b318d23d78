package main

import (
	"context"
	"fmt"
	"strings"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// configFile reads IoT Edge's configuration where --config names one.
func (u *ui) configFile(ctx context.Context, o verifyOptions) (edge.Config, error) {
	if o.file == "" {
		return edge.Config{}, nil
	}
	data, err := input.ReadFile(ctx, o.file, edge.MaxFile)
	if err != nil {
		return edge.Config{}, err
	}
	u.learn(mask.Secrets(data)...)
	c, warnings, err := configfile.Load(o.file, data, configfile.Needed{IDScope: o.idScope.text == "", RegistrationID: o.id.given.text == ""})
	for _, w := range warnings {
		u.warn(w)
	}
	return c, err
}

// checkID refuses a registration ID that DPS would refuse. Capitals are refused on
// the command line alone: what stands in the file is sent as it stands there, and
// signed in small letters, since IoT Edge does so.
func (u *ui) checkID(id setting) error {
	switch {
	case id.text == "":
		return nil
	case id.from != inFile:
		return id.fault(identity.CheckRegistrationID(id.text))
	}
	folded, err := identity.FoldRegistrationID(id.text)
	if err == nil && folded != id.text {
		u.say("warning: the registration ID %q in the file has capital letters; it is signed as %q, which is the same for DPS", text.Printable(id.text, 140), folded)
	}
	return id.fault(err)
}

// warnOfScope says what is unusual in an ID scope. Only DPS can refuse it.
func (u *ui) warnOfScope(scope string) {
	if why := identity.UnusualIDScope(scope); why != "" {
		u.say("warning: the ID scope %q is unusual: %s", text.Printable(scope, 60), why)
	}
}

// configured is what the file says of the way to the chip, and where the flags say
// something else. The file's passwords alone count: IoT Edge has no others.
func configured(path string, file edge.Config, chip tpm.Address, overruled []tpm.Hierarchy) *provision.Configured {
	return &provision.Configured{
		File: path, Auths: fileAuths(file), OtherTCTI: aziot.OtherTCTI(file.TCTI, chip.TCTI()), KeyHandle: checkup.KeyHandle(file), Overruled: overruled,
	}
}

func fileAuths(file edge.Config) tpm.HierarchyAuths {
	return tpm.HierarchyAuths{Endorsement: []byte(file.EndorsementAuth), Owner: []byte(file.OwnerAuth)}
}

// checkDaemons keeps a registration from a machine that is at work: DPS may
// move the device or reset its data, and IoT Edge goes on with a key that the
// hub has replaced.
func checkDaemons(until provision.Goal) error {
	if until == provision.UntilChallenge {
		return nil
	}
	if running := here().AtWork(); len(running) > 0 {
		return fmt.Errorf("%w: IoT Edge runs here (%s); a registration may move the device to another hub, reset its data, or replace the key that is in use",
			aziot.ErrAtWork, strings.Join(running, ", "))
	}
	return nil
}
