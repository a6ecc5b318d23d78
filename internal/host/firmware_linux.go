package host

import "tpmdps/internal/identity"

// firmware returns what the kernel shows of the SMBIOS table or device tree.
func firmware(m Machine) (identity.Host, []string) { return fromFiles(m.files()) }
