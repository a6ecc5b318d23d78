//go:build !windows

package host

// osRelease is left to the files of the system.
func osRelease() string { return "" }
