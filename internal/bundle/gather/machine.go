package gather

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"time"

	"tpmdps/internal/host"
)

// machineSources are the parts that need neither chip nor network.
func (g *gatherer) machineSources() []source {
	return []source{
		{"versions.json", "versions of this program, the system, IoT Edge's packages and the TPM software", false, fileLimit,
			func(context.Context) (any, error) {
				return versions{g.Build, g.Machine.System()}, nil
			}},
		{"access.json", "the ways to the chip: devices, rights, udev rules, programs that have it open", false, fileLimit,
			func(ctx context.Context) (any, error) {
				if runtime.GOOS == "windows" {
					return nil, absentError("Windows gives no such facts: Get-Tpm has some")
				}
				return g.Machine.ChipAccess(ctx), nil
			}},
		{"clock.json", "time, time zone, whether the clock is kept", false, fileLimit,
			func(context.Context) (any, error) { return g.Machine.Clock(time.Now()), nil }},
		{"environment.json", "the variables that this program reads, and the proxy's", true, fileLimit,
			func(context.Context) (any, error) { return shownEnvironment(g.Environment, g.SecretVariables), nil }},
		{"kernel.txt", "what the kernel said of the TPM since it started", false, fileLimit, g.readKernel},
	}
}

// versions are of this program and of what is around it.
type versions struct {
	Tool   any         `json:"tool"`
	System host.System `json:"system"`
}

func (g *gatherer) readKernel(ctx context.Context) (any, error) {
	log, err := g.Machine.KernelLog(ctx)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("only root may read the kernel's log: sudo tpmdps support-bundle")
	case errors.Is(err, errors.ErrUnsupported):
		return nil, absentError("this system has no such log")
	case err != nil:
		return nil, err
	}
	return kernelLines(log), nil
}

// kernelLines are a text in the zip, as dmesg shows them.
type kernelLines host.KernelLog

func (k kernelLines) text() []byte {
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
