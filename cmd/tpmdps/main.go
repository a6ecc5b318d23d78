// Command tpmdps takes a machine with a TPM 2.0 chip from the factory bench to
// Azure IoT Hub: it reads the chip's endorsement key, enrolls it in the Device
// Provisioning Service, proves that the chip can provision itself, and writes
// the configuration of IoT Edge.
//
// This package is the only one that reads flags, prints and exits; everything
// else takes and returns values. docs/layout.md walks through it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}
