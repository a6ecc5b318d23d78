package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"tpmdps/internal/identity"
	"tpmdps/internal/tpm"
)

func (t *trip) openTPM(ctx context.Context) (outcome, error) {
	d, err := tpm.Open(ctx, t.req.TPM, t.req.TPMOptions)
	if err != nil {
		return outcome{}, err
	}
	t.device = d
	return detailf("%s: %s", d.Address(), d.Description()).merge(t.req.Configured.other(d.TCTI())), nil
}

func (t *trip) checkCapabilities(context.Context) (outcome, error) {
	if err := t.device.CheckCommands(); err != nil {
		return outcome{}, err
	}
	auths, err := t.compareAuths()
	if err != nil {
		return outcome{}, err
	}
	seen, err := t.lookAtKeyHandle()
	return seen.merge(auths), err
}

// lookAtKeyHandle sees whether IoT Edge can keep its key where it is used to, or
// where its configuration says.
func (t *trip) lookAtKeyHandle() (outcome, error) {
	handle, file := uint32(tpm.HandleDPSKey), ""
	if c := t.req.Configured; c != nil {
		handle, file = cmp.Or(c.KeyHandle, handle), c.File
	}
	taken, err := keyHandleTaken(t.device, handle, file)
	if err != nil || taken == nil {
		return outcome{detail: "every command that DPS attestation needs", reassuring: true}, err
	}
	return outcome{warn: true, detail: taken.What, hint: taken.Fix}, nil
}

func (t *trip) findEK(ctx context.Context) (outcome, error) {
	ek, err := t.device.EK()
	if err != nil {
		return outcome{}, err
	}
	t.ek = ek
	if t.result.RegistrationID == "" {
		ids := identity.RegistrationIDs(ek.Public)
		t.result.RegistrationID = ids.Base32
		if t.req.HexID {
			t.result.RegistrationID = ids.Hex
		}
	}
	found := outcome{detail: keyOrigin(ek)}
	if t.req.Judge != nil {
		judged, err := t.req.Judge(ctx, t.device, ek)
		if err != nil {
			return outcome{}, err
		}
		found = found.merge(outcome{detail: judged.Detail, warn: judged.Warn})
	}
	return found.merge(t.doubtful()), nil
}

func (t *trip) findSRK(context.Context) (outcome, error) {
	srk, err := t.device.SRK()
	if err != nil {
		return outcome{}, err
	}
	t.srk = srk
	if srk.Warning != "" {
		return outcome{warn: true, detail: keyOrigin(srk) + "; " + srk.Warning, hint: newSRK}, nil
	}
	return outcome{detail: keyOrigin(srk)}, nil
}

// keyOrigin says where a key is from.
func keyOrigin(k *tpm.Key) string {
	if k.Handle != 0 {
		return fmt.Sprintf("at %#x", k.Handle)
	}
	return "derived from the TCG template for this run"
}

// activate has the chip open a key from the service. One that was made in this
// process, for this very chip, is never another chip's.
func (t *trip) activate(blob []byte) (*tpm.HMACKey, error) {
	key, err := t.device.Activate(t.ek, t.srk, blob)
	if t.req.Offline && errors.Is(err, tpm.ErrOtherChip) {
		return nil, fmt.Errorf("%w: it refused a key that was made for it, and opened the next one: %s", tpm.ErrUnsupported, err.Error())
	}
	return key, err
}

// activateChallenge opens the challenge in the chip and signs the token with
// the key that was in it.
func (t *trip) activateChallenge(context.Context) (outcome, error) {
	key, err := t.activate(t.challenge.AuthenticationKey)
	if err != nil {
		return outcome{}, err
	}
	t.nonceKey = key
	if err := t.sign(); err != nil {
		return outcome{}, err
	}
	return detailf("challenge solved, and signed with its key"), nil
}

// importHubKey imports the hub's key into the chip, which is what a device goes
// on with.
func (t *trip) importHubKey(context.Context) (outcome, error) {
	state := t.operation.State
	key, err := t.activate(state.TPM.AuthenticationKey)
	switch {
	case errors.Is(err, tpm.ErrOtherChip): // which opened the challenge of the same enrollment
		return outcome{}, fmt.Errorf("%w: %w", ErrHubKey, err)
	case err != nil:
		return outcome{}, err
	}
	t.hubKey = key
	// The key stands by itself from here on. Chips have room for three objects,
	// and need one to look at a persistent one; the EK is out of their memory,
	// and is still for the session that proves the owner's password.
	if err := t.srk.Close(); err != nil {
		return outcome{}, err
	}
	if t.req.Persist != 0 {
		err := t.device.PersistDPSKey(key, t.req.Persist)
		if err := errors.Join(err, t.ek.Close()); err != nil {
			return outcome{}, err
		}
		return detailf("the chip accepted the key for %s and keeps it at %#x", state.AssignedHub, t.req.Persist), nil
	}
	if err := t.ek.Close(); err != nil {
		return outcome{}, err
	}
	if want := state.AssignedHub + "/" + state.DeviceID; key.URI != "" && key.URI != want {
		return outcome{warn: true,
			detail: fmt.Sprintf("the chip accepted the key, but the text with it says %q instead of %q", key.URI, want),
			hint:   "no known client reads that text; mention it when you report a problem with the hub",
		}, nil
	}
	return detailf("the chip accepted the key for %s", state.AssignedHub), nil
}
