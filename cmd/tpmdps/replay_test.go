package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm/softtpmtest"
)

// replay answers in a chip's stead with what the chip itself answered to the same
// bytes before, so that thousands of runs take seconds. It knows what is loaded:
// which objects and sessions the answers made, and what ended them. A command
// that was never sent goes to the chip, if it only reads; after any other the
// replay is void, and the run has to be made on the chip.
type replay struct {
	mu     sync.Mutex
	known  map[string][]byte
	loaded []uint32 // transient objects and sessions
	load   []byte   // the last TPM2_Load
	live   bool     // everything goes to the chip
	void   bool
	n      int // commands so far, repeats of a refused one aside
	refuse func(n int, cc tpm2.TPMCC, again int) (code uint32, refused bool)
	last   string // the command that was refused
	again  int    // how many times in a row
	sent   []tpm2.TPMCC
}

// begin starts a run.
func (r *replay) begin(live bool, refuse func(int, tpm2.TPMCC, int) (uint32, bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded, r.sent, r.n, r.last, r.again = nil, nil, 0, "", 0
	r.live, r.void, r.refuse = live, false, refuse
}

// answer is for softtpmtest.Bus.
func (r *replay) answer(command []byte, ask func() []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	cc := tpm2.TPMCC(binary.BigEndian.Uint32(command[6:]))
	if string(command) == r.last {
		r.again++
	} else {
		r.n++
		r.last, r.again = "", 0
		r.sent = append(r.sent, cc)
	}
	if code, refused := r.refuse(r.n, cc, r.again); refused {
		r.last = string(command)
		return softtpmtest.Refusal(tpm2.TPMRC(code))
	}
	response := r.response(command, cc, ask)
	if binary.BigEndian.Uint32(response[6:]) == 0 {
		r.follow(command, response, cc)
	}
	return response
}

func (r *replay) response(command []byte, cc tpm2.TPMCC, ask func() []byte) []byte {
	key := string(command)
	switch cc {
	case tpm2.TPMCCHMAC: // by which key is not in the command
		key += string(r.load)
	case tpm2.TPMCCStartAuthSession, tpm2.TPMCCCreatePrimary, tpm2.TPMCCLoad, tpm2.TPMCCContextLoad:
		key += fmt.Sprint(r.loaded) // the handle is the first that is free
	}
	response, found := r.known[key]
	reads := slices.Contains([]tpm2.TPMCC{tpm2.TPMCCGetCapability, tpm2.TPMCCReadPublic, tpm2.TPMCCNVReadPublic, tpm2.TPMCCNVRead}, cc)
	switch {
	case !r.live && cc == tpm2.TPMCCFlushContext:
		if !slices.Contains(r.loaded, binary.BigEndian.Uint32(command[10:])) {
			return softtpmtest.Refusal(0x1c4) // TPM_RC_VALUE, parameter 1
		}
		return softtpmtest.Refusal(tpm2.TPMRCSuccess)
	case !r.live && found:
		return slices.Clone(response)
	case !r.live && !reads:
		r.void = true
		return softtpmtest.Refusal(tpm2.TPMRCFailure)
	}
	response = ask()
	r.known[key] = slices.Clone(response)
	return response
}

// follow keeps the account of what is loaded (TPM 2.0 Part 3: which commands make
// something; Part 2, 8.4: continueSession).
func (r *replay) follow(command, response []byte, cc tpm2.TPMCC) {
	handles := map[tpm2.TPMCC]int{
		tpm2.TPMCCPolicySecret: 2, tpm2.TPMCCActivateCredential: 2, tpm2.TPMCCImport: 1, tpm2.TPMCCLoad: 1,
		tpm2.TPMCCHMAC: 1, tpm2.TPMCCCreatePrimary: 1, tpm2.TPMCCNVRead: 2, tpm2.TPMCCEvictControl: 2, tpm2.TPMCCCertify: 2,
	}
	drop := func(handle uint32) {
		r.loaded = slices.DeleteFunc(r.loaded, func(h uint32) bool { return h == handle })
	}
	if cc == tpm2.TPMCCLoad {
		r.load = slices.Clone(command)
	}
	switch cc {
	case tpm2.TPMCCStartAuthSession, tpm2.TPMCCCreatePrimary, tpm2.TPMCCLoad, tpm2.TPMCCContextLoad:
		r.loaded = append(r.loaded, binary.BigEndian.Uint32(response[10:]))
	case tpm2.TPMCCFlushContext:
		drop(binary.BigEndian.Uint32(command[10:]))
	}
	if binary.BigEndian.Uint16(command) != 0x8002 { // TPM_ST_SESSIONS
		return
	}
	rest := command[10+4*handles[cc]:]
	area := rest[4 : 4+binary.BigEndian.Uint32(rest)]
	for len(area) > 0 {
		handle, nonce := binary.BigEndian.Uint32(area), binary.BigEndian.Uint16(area[4:])
		area = area[6+nonce:]
		if area[0]&1 == 0 {
			drop(handle)
		}
		area = area[3+binary.BigEndian.Uint16(area[1:]):]
	}
}

// newReplay puts a replay before a chip.
func newReplay(t *testing.T, bus *softtpmtest.Bus) *replay {
	t.Helper()
	r := &replay{known: map[string][]byte{}}
	r.begin(true, func(int, tpm2.TPMCC, int) (uint32, bool) { return 0, false })
	bus.Answer(r.answer)
	return r
}
