//go:build unix

package main

import "syscall"

// noCoreDump keeps the memory of a program that dies, with passwords and keys in it,
// from being written to the disk.
func noCoreDump() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit) // then there is one
	}
}
