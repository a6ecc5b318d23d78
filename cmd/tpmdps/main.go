// Command tpmdps brings a machine with a TPM 2.0 chip from the factory bench to
// Azure IoT Hub: it reads the chip's endorsement key, enrolls it in the Device
// Provisioning Service, proves that the chip can provision itself, and writes
// the configuration of IoT Edge.
//
// This package is the only one that reads flags, prints and exits; everything
// else takes and returns values. docs/layout.md walks through it.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruptLimit is how long an interrupted run may take to clean up; a read from
// a terminal or a pipe cannot be called off.
const interruptLimit = 20 * time.Second

func main() {
	// net/http logs what a stranger sends on a connection that waits, in its own
	// words: stderr is for ours.
	slog.SetDefault(slog.New(slog.DiscardHandler)) // log's as well
	noCoreDump()
	os.Exit(run(signals(), os.Args, streams{os.Stdin, os.Stdout, os.Stderr}))
}

// signals returns the context of a run. The first signal ends it, so that the
// chip is cleaned up; a second one ends the program at once. A reader that goes
// away is an error of the write, not the end of the program.
func signals() context.Context {
	signal.Ignore(syscall.SIGPIPE)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	context.AfterFunc(ctx, func() {
		stop()
		time.Sleep(interruptLimit)
		os.Exit(130)
	})
	return ctx
}
