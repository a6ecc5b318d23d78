package main

import (
	"encoding/binary"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/rogpeppe/go-internal/testscript"

	"tpmdps/internal/softtpm/softtpmtest"
)

// commandNames are those that scripts refuse.
var commandNames = map[string]tpm2.TPMCC{
	"GetCapability": tpm2.TPMCCGetCapability, "ReadPublic": tpm2.TPMCCReadPublic, "CreatePrimary": tpm2.TPMCCCreatePrimary,
	"StartAuthSession": tpm2.TPMCCStartAuthSession, "PolicySecret": tpm2.TPMCCPolicySecret, "ActivateCredential": tpm2.TPMCCActivateCredential,
	"Import": tpm2.TPMCCImport, "Load": tpm2.TPMCCLoad, "HMAC": tpm2.TPMCCHMAC, "FlushContext": tpm2.TPMCCFlushContext,
	"NV_ReadPublic": tpm2.TPMCCNVReadPublic, "NV_Read": tpm2.TPMCCNVRead, "EvictControl": tpm2.TPMCCEvictControl,
}

// refuse: refuse COMMAND CODE [TIMES | timed]. The chip answers a command with a
// code, the first times or always. With timed, the next program's time is over when
// it has repeated the command.
func refuse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || commandNames[args[0]] == 0 {
		ts.Fatalf("usage: refuse COMMAND CODE [TIMES | timed]")
	}
	code, err := strconv.ParseUint(args[1], 0, 32)
	ts.Check(err)
	times, over := int64(-1), func() {}
	switch {
	case len(args) > 2 && args[2] == "timed":
		over = endTime(ts)
	case len(args) > 2:
		times, err = strconv.ParseInt(args[2], 10, 64)
		ts.Check(err)
	}
	w := of(ts)
	if w.bus == nil || w.tapped != w.chip {
		w.bus, w.tapped = softtpmtest.Tap(scriptTB{ts: ts}, w.chip), w.chip
	}
	var answered atomic.Int64
	w.bus.Answer(func(command []byte, ask func() []byte) []byte {
		if tpm2.TPMCC(binary.BigEndian.Uint32(command[6:])) != commandNames[args[0]] {
			return ask()
		}
		n := answered.Add(1)
		if n == 2 {
			over()
		}
		if times < 0 || n <= times {
			return softtpmtest.Refusal(tpm2.TPMRC(code))
		}
		return ask()
	})
	ts.Setenv("TPMDPS_TPM", w.bus.Address())
}

// scriptTB is a script where a test is asked for: what it needs of one.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (s scriptTB) Helper()           {}
func (s scriptTB) Fatal(args ...any) { s.ts.Fatalf("%v", args) }
func (s scriptTB) Cleanup(f func())  { s.ts.Defer(f) }
