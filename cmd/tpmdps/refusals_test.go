package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm/softtpmtest"
)

// refusals are the words of chips that refuse, and what becomes of each: where
// the run ends, with which exit code, what it says, and what it says to do.
var refusals = []struct {
	rc      tpm2.TPMRC
	to      tpm2.TPMCC
	command string // of the program
	step    string
	code    int
	says    string // in the error
	hint    string // how it begins
}{
	{0x98e, tpm2.TPMCCCreatePrimary, "verify --offline", "tpm.srk", 12, "refuses the password", "give the hierarchy's password"},
	{0x9a2, tpm2.TPMCCPolicySecret, "verify --offline", "tpm.activate", 12, "refuses the password", "give the hierarchy's password"},
	{0x921, tpm2.TPMCCActivateCredential, "verify --offline", "tpm.activate", 12, "locked out", "the chip counts wrong passwords; wait"},
	{0x921, tpm2.TPMCCLoad, "verify --offline", "tpm.activate", 12, "locked out", "the chip counts wrong passwords; wait"},
	{0x143, tpm2.TPMCCHMAC, "verify --offline", "tpm.activate", 13, "cannot do DPS attestation", dictionary.TPMAdvice(0x143)},
	{0x120, tpm2.TPMCCImport, "verify --offline", "tpm.activate", 13, "cannot do DPS attestation", "enable the TPM in the firmware setup"},
	{0x185, tpm2.TPMCCCreatePrimary, "verify --offline", "tpm.srk", 13, "owner hierarchy: the TPM's hierarchy is switched off", "start the software TPM again"},
	{0x2d6, tpm2.TPMCCStartAuthSession, "verify --offline", "tpm.activate", 13, "refuses encrypted sessions", "--plain-bus"},
	{0x2c9, tpm2.TPMCCStartAuthSession, "verify --offline", "tpm.activate", 13, "refuses encrypted sessions", "--plain-bus"},
	{0x1c4, tpm2.TPMCCStartAuthSession, "verify --offline", "tpm.activate", 13, "refuses encrypted sessions", "--plain-bus"},
	{0x101, tpm2.TPMCCGetCapability, "read-ek", "", 12, "out of order", "the software TPM most often cannot read or write its state"},
	{0x130, tpm2.TPMCCReadPublic, "read-ek", "", 12, "out of order", "switch the machine off and on"},
	{0x12d, tpm2.TPMCCGetCapability, "read-ek", "", 12, "out of order", "finish the firmware update"},
	{0x902, tpm2.TPMCCCreatePrimary, "verify --offline", "tpm.srk", 12, "out of memory", "use /dev/tpmrm0"},
	{0x902, tpm2.TPMCCLoad, "verify --offline", "tpm.activate", 12, "out of memory", "use /dev/tpmrm0"},
	{0x903, tpm2.TPMCCStartAuthSession, "verify --offline", "tpm.activate", 12, "out of memory", "use /dev/tpmrm0"},
	{0x905, tpm2.TPMCCStartAuthSession, "verify --offline", "tpm.activate", 12, "out of memory", "use /dev/tpmrm0"},
	{0x901, tpm2.TPMCCStartAuthSession, "verify --offline", "tpm.activate", 12, "out of memory", "use /dev/tpmrm0"},
	{0x904, tpm2.TPMCCImport, "verify --offline", "tpm.activate", 12, "out of memory", "use /dev/tpmrm0"},
	{0x14b, tpm2.TPMCCEvictControl, "read-ek --persist", "", 12, "non-volatile memory is full", "list them: tpm2_getcap handles-persistent"},
	{0x14c, tpm2.TPMCCEvictControl, "read-ek --persist", "", 13, "handle is occupied", "look at what is there"},
	{0x920, tpm2.TPMCCEvictControl, "read-ek --persist", "", 12, "busy", dictionary.TPMAdvice(0x920)},
	{0x923, tpm2.TPMCCEvictControl, "read-ek --persist", "", 12, "busy", dictionary.TPMAdvice(0x923)},
	{0x922, tpm2.TPMCCHMAC, "verify --offline", "tpm.activate", 12, "busy: TPM_RC_RETRY", dictionary.TPMAdvice(0x922)},
	{0x908, tpm2.TPMCCImport, "verify --offline", "tpm.activate", 12, "busy", dictionary.TPMAdvice(0x908)},
	{0x90a, tpm2.TPMCCImport, "verify --offline", "tpm.activate", 12, "busy", dictionary.TPMAdvice(0x90a)},
	{0x80280400, tpm2.TPMCCActivateCredential, "verify --offline", "tpm.activate", 11, "run it as administrator (TPM_E_COMMAND_BLOCKED", dictionary.TPMAdvice(0x80280400)},
	{0x9a2, tpm2.TPMCCCreatePrimary, "verify --offline", "tpm.srk", 12, "the password of the owner hierarchy", "give the hierarchy's password: --owner-auth-file"},
	{0x9a2, tpm2.TPMCCEvictControl, "read-ek --persist", "", 12, "the password of the owner hierarchy", "give the hierarchy's password: --owner-auth-file"},
	{0x98e, tpm2.TPMCCPolicySecret, "verify --offline", "tpm.activate", 12, "the password of the endorsement hierarchy", "give the hierarchy's password: --endorsement-auth-file"},
	{0x9a2, tpm2.TPMCCImport, "verify --offline", "tpm.activate", 12, "the password of the derived storage root key", "keep the output of -v"},
	{0xaa2, tpm2.TPMCCActivateCredential, "verify --offline", "tpm.activate", 12, "the password of the endorsement key at 0x81010001", "make a new one, if nothing else needs the key there: tpm2_evictcontrol -c 0x81010001"},
	{0x9a2, tpm2.TPMCCHMAC, "verify --offline", "tpm.activate", 12, "the password of the key from DPS", "keep the output of -v"},
	// Offline, the key was made for this very chip: a refusal is never that of another chip's.
	{0x9df, tpm2.TPMCCActivateCredential, "verify --offline", "tpm.activate", 13, "TPM2_ActivateCredential refuses the key", "this machine needs another TPM"},
	{0x1d5, tpm2.TPMCCImport, "verify --offline", "tpm.activate", 13, "TPM2_Import refuses the key", "this machine needs another TPM"},
	{0x101, tpm2.TPMCCImport, "verify --offline", "tpm.activate", 13, "TPM2_Import refuses the key", "this machine needs another TPM"},
}

// Each refusal of a chip is a sentence, a hint and its exit code, none is
// unforeseen, and nothing is left on the chip.
func TestRefusalsOfChips(t *testing.T) {
	t.Parallel()
	chip := softtpmtest.Start(t, "persisted")
	bus := softtpmtest.Tap(t, chip)
	persistent, err := softtpmtest.Persistent(chip)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range refusals {
		// What the table says, to somebody who gave this command.
		row.hint = parseLine(append([]string{"tpmdps"}, strings.Fields(row.command)...)).Fit(row.hint)
		bus.Answer(func(command []byte, ask func() []byte) []byte {
			if tpm2.TPMCC(binary.BigEndian.Uint32(command[6:])) == row.to {
				return softtpmtest.Refusal(row.rc)
			}
			return ask()
		})
		var failed failure
		synctest.Test(t, func(t *testing.T) { // the pauses between repeats take no time
			_, failed = runFails(t, append(strings.Fields(row.command), "--tpm", bus.Address())...)
		})
		if failed.Code != row.code || failed.Step != row.step || !strings.Contains(failed.Error, row.says) || !strings.HasPrefix(failed.Hint, row.hint) {
			t.Errorf("%#x to %v: %+v, want step %q, code %d, %q, hint %q", uint32(row.rc), row.to, failed, row.step, row.code, row.says, row.hint)
		}
		left, err := softtpmtest.Leftovers(chip)
		if err != nil || len(left) > 0 {
			t.Errorf("%#x to %v: left on the chip: %#x, %v", uint32(row.rc), row.to, left, err)
		}
	}
	if now, err := softtpmtest.Persistent(chip); err != nil || !slices.Equal(now, persistent) {
		t.Errorf("persistent handles were %#x and are %#x, %v", persistent, now, err)
	}
}

// runFails runs the program with -o json and returns what it printed, and the
// error object.
func runFails(t *testing.T, args ...string) (stdout string, failed failure) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"tpmdps"}, append(args, "-o", "json", "-q")...), streams{strings.NewReader(""), &out, &errs})
	if err := json.Unmarshal(errs.Bytes(), &failed); err != nil {
		t.Fatalf("%v ended with %d, stderr %q: %v", args, code, errs.String(), err)
	}
	if failed.Code != code || code == 0 {
		t.Errorf("%v: exit code %d, the error says %d", args, code, failed.Code)
	}
	return out.String(), failed
}

// A chip that lacks a command of DPS attestation is found out before anything
// is enrolled, and before anything is asked of a service.
func TestMissingCommandEnrollsNothing(t *testing.T) {
	server, err := emulator.New(emulator.Options{MQTT: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, server.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HTTPS_PROXY", "")
	t.Setenv("PROVISIONING_CONNECTION_STRING", server.ConnectionString())
	bus := softtpmtest.Tap(t, softtpmtest.Start(t, "persisted"))
	enroll := []string{"enroll", "--tpm", bus.Address(), "--ca-file", ca}
	for name, cc := range map[string]tpm2.TPMCC{
		"TPM2_PolicySecret": tpm2.TPMCCPolicySecret, "TPM2_ActivateCredential": tpm2.TPMCCActivateCredential,
		"TPM2_Import": tpm2.TPMCCImport, "TPM2_Load": tpm2.TPMCCLoad, "TPM2_HMAC": tpm2.TPMCCHMAC,
		"TPM2_EvictControl": tpm2.TPMCCEvictControl,
	} {
		bus.Without(cc)
		if out, failed := runFails(t, enroll...); failed.Code != 13 || !strings.Contains(failed.Error, "it has no "+name) || out != "" {
			t.Errorf("enroll without %s: %+v, stdout %q", name, failed, out)
		}
		if _, failed := runFails(t, "verify", "--offline", "--tpm", bus.Address()); failed.Code != 13 || failed.Step != "tpm.capabilities" {
			t.Errorf("verify without %s: %+v", name, failed)
		}
	}
	bus.Answer(nil)
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"tpmdps"}, append(enroll, "-o", "tsv")...), streams{strings.NewReader(""), &out, &errs})
	if code != 0 || !strings.Contains(out.String(), "\tcreate\t") {
		t.Errorf("the chip was enrolled before: exit code %d, %q, %q", code, out.String(), errs.String())
	}
}
