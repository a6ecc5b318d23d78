package main

import (
	"syscall"
	"testing"
)

func TestNoCoreDump(t *testing.T) {
	var before, after syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_CORE, &before)
	some := syscall.Rlimit{Cur: min(1<<20, before.Max), Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &some); err != nil {
		t.Fatal(err)
	}
	noCoreDump()
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &after); err != nil || after.Cur != 0 || after.Max != before.Max {
		t.Errorf("the limit of a core dump is %+v (%v), want none", after, err)
	}
}
