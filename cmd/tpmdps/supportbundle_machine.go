package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/host"
)

// machineRoot is where the system's files are; tests have others.
var machineRoot = "/"

// machineSources are the parts that need neither chip nor network.
func (g *gatherer) machineSources() []source {
	machine := host.Machine{Root: machineRoot}
	return []source{
		{"versions.json", "versions of this program, the system, IoT Edge's packages and the TPM software", false, quickly,
			func(context.Context) (any, error) {
				return systemVersions{buildFacts(), machine.System()}, nil
			}},
		{"access.json", "the ways to the chip: devices, rights, udev rules, programs that have it open", false, quickly,
			func(ctx context.Context) (any, error) {
				if runtime.GOOS == "windows" {
					return nil, notHere("Windows gives no such facts: Get-Tpm has some")
				}
				return machine.ChipAccess(ctx), nil
			}},
		{"clock.json", "time, time zone, whether the clock is kept", false, quickly,
			func(context.Context) (any, error) { return machine.Clock(time.Now()), nil }},
		{"environment.json", "the variables that this program reads, and the proxy's", true, quickly,
			func(context.Context) (any, error) { return shownEnvironment(os.LookupEnv), nil }},
		{"kernel.txt", "what the kernel said of the TPM since it started", false, quickly, readKernel},
	}
}

// systemVersions are of this program and of what is around it.
type systemVersions struct {
	Tool   versionResult `json:"tool"`
	System host.System   `json:"system"`
}

func readKernel(ctx context.Context) (any, error) {
	log, err := host.Machine{Root: machineRoot}.KernelLog(ctx)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("only root may read the kernel's log: sudo tpmdps support-bundle")
	case errors.Is(err, errors.ErrUnsupported):
		return nil, notHere("this system has no such log")
	case err != nil:
		return nil, err
	}
	return kernelLines(log), nil
}

// kernelLines are a text in the zip, as dmesg shows them.
type kernelLines host.KernelLog

func (k kernelLines) bundled() []byte {
	var b strings.Builder
	if k.Overwritten {
		b.WriteString("# the kernel has overwritten its first messages\n")
	}
	if k.Omitted > 0 {
		fmt.Fprintf(&b, "# %d lines in the middle are left out\n", k.Omitted)
	}
	if len(k.Lines) == 0 {
		b.WriteString("# the kernel has said nothing of a TPM\n")
	}
	for _, line := range k.Lines {
		b.WriteString(line + "\n")
	}
	return []byte(b.String())
}

// configSource is the file that IoT Edge reads.
func (g *gatherer) configSource() source {
	return source{"config.toml", "IoT Edge's configuration, only with values that are known to be harmless", true, quickly,
		func(context.Context) (any, error) {
			path := g.o.file
			data, options, err := g.s.readForCheck(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil, notHere("there is no " + path + legacyNote(path))
			case errors.Is(err, fs.ErrPermission):
				return nil, fmt.Errorf("only root may read %s: sudo tpmdps support-bundle", path)
			case err != nil:
				return nil, err
			}
			return readConfig{path, data, options}, nil
		}}
}

// legacyNote says where the configuration of IoT Edge 1.1 is.
func legacyNote(path string) string {
	if path != configTOML {
		return ""
	}
	if _, err := os.Lstat(filepath.Join(machineRoot, configYAML)); err != nil {
		return ""
	}
	return "; there is " + configYAML + " of IoT Edge 1.1, which is not taken"
}

// readConfig is the file as it is; into the zip goes what is harmless of it.
type readConfig struct {
	path    string
	data    []byte
	options lint.Options
}

func (c readConfig) bundled() []byte { return mask.File(c.data) }

// report checks the file, if there is one.
func (c readConfig) report() lint.Report {
	if c.data == nil {
		return lint.Report{}
	}
	return lint.Check(c.data, c.options)
}
