package host

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The numbers of a real kernel.
func TestProcessesOfThisMachine(t *testing.T) {
	all := This().Processes()
	i := slices.IndexFunc(all, func(p Process) bool { return p.PID == os.Getpid() })
	if i < 0 {
		t.Fatalf("this process is not among %d", len(all))
	}
	start := all[i].Started
	if start == "" || strings.Trim(start, "0123456789") != "" || start == "0" || all[i].Name == "" {
		t.Errorf("this process is %+v", all[i])
	}
	if started(os.DirFS("/"), "proc/0") != "" {
		t.Error("process 0 has a start")
	}
}
