package softtpm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// stateName is the file in which swtpm keeps the non-volatile memory of a TPM
// 2.0. Copied to another directory it is the same chip.
const stateName = "tpm2-00.permall"

// Manufacture makes in dir the state of a chip as a factory ships it: RSA and
// ECC endorsement keys at 0x81010001 and 0x81010016, and a certificate for each
// in NV memory, signed by a CA that is made for this chip alone and forgotten.
// It replaces what dir holds and takes about a second.
func Manufacture(ctx context.Context, dir string) error {
	setup, err := find("swtpm_setup")
	if err != nil {
		return err
	}
	ca, err := os.MkdirTemp("", "tpmdps-ca-")
	if err != nil {
		return fmt.Errorf("manufacture the software TPM: %w", err)
	}
	defer os.RemoveAll(ca)
	config, err := writeCA(ca)
	if err != nil {
		return fmt.Errorf("manufacture the software TPM: %w", err)
	}
	cmd := exec.CommandContext(ctx, setup, "--tpm2", "--tpmstate", "dir://.",
		"--create-ek-cert", "--lock-nvram", "--overwrite", "--config", config)
	cmd.Dir = dir // a relative state path keeps commas and spaces out of swtpm's options
	bindToParent(cmd)
	runtime.LockOSThread() // see supervise
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("manufacture the software TPM: swtpm_setup: %w: %s", err, lines[len(lines)-1])
	}
	return nil
}

// writeCA writes the three files that tell swtpm_setup which CA to use and
// returns the first. The defaults in /etc name a CA that only root can write.
func writeCA(dir string) (config string, err error) {
	localca, err := find("swtpm_localca")
	if err != nil {
		return "", err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	files := map[string]string{
		"setup.conf": "create_certs_tool = " + localca + "\n" +
			"create_certs_tool_config = " + in("localca.conf") + "\n" +
			"create_certs_tool_options = " + in("localca.options") + "\n" +
			"active_pcr_banks = sha256\n",
		"localca.conf": "statedir = " + dir + "\n" +
			"signingkey = " + in("signkey.pem") + "\n" +
			"issuercert = " + in("issuercert.pem") + "\n" +
			"certserial = " + in("certserial") + "\n",
		"localca.options": "--platform-manufacturer tpmdps\n" +
			"--platform-version 1.0\n" +
			"--platform-model software-tpm\n",
	}
	for name, text := range files {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return in("setup.conf"), nil
}
