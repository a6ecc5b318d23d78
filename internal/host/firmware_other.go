//go:build !linux && !windows

package host

// firmware returns nothing: the tool is not released for this system.
func firmware() (Facts, []string) { return Facts{}, nil }
