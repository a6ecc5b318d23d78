package verdict

import (
	"fmt"

	"tpmdps/internal/tpm"
)

// The hierarchies that have passwords here: TPM 2.0 Part 2, 7.4.
const (
	handleOwner       = 0x40000001
	handleEndorsement = 0x4000000b
)

// authHint says what to do about a password that the chip refused, by whose it
// is: only a hierarchy's can be given to this program. It is empty where the chip
// did not tell whose it was.
func authHint(e *tpm.AuthError) string {
	const nvIndex, persistent = 0x01, 0x81
	switch {
	case e.None && e.Handle == handleOwner:
		return "leave --owner-auth-file out, or owner in [tpm.hierarchy_authorization] of config.toml; is it the endorsement hierarchy's password?"
	case e.None && e.Handle == handleEndorsement:
		return "leave --endorsement-auth-file out, or endorsement in [tpm.hierarchy_authorization] of config.toml; is it the owner hierarchy's password?"
	case e.Handle == handleOwner:
		return "give the hierarchy's password: --owner-auth-file FILE"
	case e.Handle == handleEndorsement:
		return "give the hierarchy's password: --endorsement-auth-file FILE"
	case e.Handle == tpm.HandleSRK, e.Handle == tpm.HandleEK:
		return fmt.Sprintf("make a new one, if nothing else needs the key there: tpm2_evictcontrol -c %#x, then tpmdps read-ek --persist", e.Handle)
	case e.Handle>>24 == persistent:
		return fmt.Sprintf("look at what is there: tpm2_readpublic -c %#x; if nothing needs it: tpm2_evictcontrol -c %#[1]x", e.Handle)
	case e.Handle>>24 == nvIndex:
		return fmt.Sprintf("the index has a password of its own, and its owner knows it: tpm2_nvreadpublic 0x%08x", e.Handle)
	case e.Handle != 0:
		return "keep the output of -v: the key has no password, and the chip refuses the empty one"
	}
	return ""
}
