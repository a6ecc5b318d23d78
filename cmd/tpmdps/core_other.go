//go:build !unix

package main

// noCoreDump has nothing to do: Windows writes none unless it is set up for that.
func noCoreDump() {}
