package verdict

import (
	"errors"
	"fmt"

	"tpmdps/internal/tpm"
)

// occupiedHint says what to do about a handle that holds something other than
// what belongs there.
func occupiedHint(err error, otherwise string) string {
	var occupied *tpm.OccupiedError
	if !errors.As(err, &occupied) {
		return otherwise
	}
	look := fmt.Sprintf("look at what is there: tpm2_readpublic -c %#x; if nothing needs it: ", occupied.Handle)
	if occupied.Handle == tpm.HandleEK {
		return look + HowToReplaceEK + "; " + WhoStoresEKs
	}
	return look + fmt.Sprintf("tpm2_evictcontrol -C o -c %#x", occupied.Handle)
}

// What to do about a key at the EK's handle that DPS cannot use. systemd stores
// one at boot where none is, of a template that it prefers to L-1, and leaves
// one that it finds (systemd, pull request 42701): so the right one, stored
// first, stays.
var (
	HowToReplaceEK = fmt.Sprintf("tpm2_evictcontrol -C o -c %#x, then tpmdps read-ek --persist", tpm.HandleEK)
	WhoStoresEKs   = "newer systemd (systemd-tpm2-setup) may store an ECC or high-range key there at boot; it leaves the right one once that is there"
)
