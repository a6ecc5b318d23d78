//go:build !linux && !windows

package main

// removable is known on Linux and Windows only.
func removable(string) string { return "" }
