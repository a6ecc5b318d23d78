package host

import "os"

// firmware returns what the kernel shows of the SMBIOS table or device tree.
func firmware() (Facts, []string) { return Read(os.DirFS("/")) }
