package main

import (
	"fmt"
	"runtime"

	"tpmdps/internal/aziot"
	"tpmdps/internal/commandline"
	"tpmdps/internal/host"
)

// thisMachine is the one that the program runs on. Tests put another in its place.
var thisMachine = aziot.Installation{Machine: host.This()}

// here is the machine for a session, whose programs are handed no secret.
func here() aziot.Installation {
	m := thisMachine
	m.Machine.Env = variables().WithoutSecrets()
	return m
}

// needLinux refuses what only IoT Edge's own system has.
func needLinux(flag string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: --%s is for Linux, where IoT Edge runs; on Windows that is inside of its virtual machine", commandline.ErrUsage, flag)
	}
	return nil
}
