package main

import (
	"fmt"
	"os"
	"runtime"

	"tpmdps/internal/aziot"
)

// thisMachine is the one that the program runs on. Tests put another in its place.
var thisMachine = aziot.Machine{UID: os.Geteuid()}

// here is the machine for a session, whose programs are handed no secret.
func here() aziot.Machine {
	m := thisMachine
	m.Env = childEnvironment()
	return m
}

// needLinux refuses what only IoT Edge's own system has.
func needLinux(flag string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("%w: --%s is for Linux, where IoT Edge runs; on Windows that is inside of its virtual machine", errUsage, flag)
	}
	return nil
}
