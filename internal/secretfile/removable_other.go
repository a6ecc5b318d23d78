//go:build !linux && !windows

package secretfile

import "tpmdps/internal/host"

// removable is known on Linux and Windows only.
func removable(host.Machine, string) string { return "" }
