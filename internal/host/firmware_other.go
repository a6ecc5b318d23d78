//go:build !linux && !windows

package host

import "tpmdps/internal/identity"

// firmware returns nothing: the tool is not released for this system.
func firmware(Machine) (identity.Host, []string) { return identity.Host{}, nil }
