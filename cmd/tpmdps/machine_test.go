package main

import (
	"os"
	"strconv"
	"time"

	"tpmdps/internal/aziot"
)

// A script gives the program a machine of its own: MACHINE is its root
// directory, MACHINE_UID who the program is there, root if nothing is said.
func init() {
	if root := os.Getenv("MACHINE"); root != "" {
		uid, _ := strconv.Atoi(os.Getenv("MACHINE_UID"))
		thisMachine = aziot.Machine{Root: root, UID: uid, Pause: time.Millisecond}
	}
}
