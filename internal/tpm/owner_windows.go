package tpm

// ownedBy is not known on Windows, whose TPM has no path.
func ownedBy(string) string { return "" }

// groupOf is as little known.
func groupOf(string) string { return "" }
