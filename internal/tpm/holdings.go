package tpm

import (
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// holdings are what a run has in the chip's memory, as its commands and their
// answers tell. go-tpm forgets a session when the answer to a command cannot be
// used, and what the chip made when an answer is lost: here nothing is forgotten.
type holdings struct {
	handles    map[tpm2.TPMHandle]bool // true for a session that stays when its command ends
	ending     []tpm2.TPMHandle        // sessions that the last command ended, if its answer is true
	unanswered tpm2.TPMCC              // a command that makes something, and was not answered
	doubted    bool                    // an answer could not be used, or said that nothing was made or flushed

	first  func()           // called before the first command that makes something
	before []tpm2.TPMHandle // what was there before that, where it is known
	known  bool
	ledger *ledger // the same on disk, for the next run; nil where it is not needed
}

// begin is called before a command is sent.
func (h *holdings) begin(cc tpm2.TPMCC) {
	for _, ended := range h.ending {
		h.remove(ended)
	}
	h.ending = nil
	if !makesSomething(cc) {
		return
	}
	if first := h.first; first != nil {
		h.first = nil
		first()
	}
	h.unanswered = cc
	h.ledger.write(lineSent, uint32(cc))
}

// remove notes that the chip does not have something any more.
func (h *holdings) remove(handle tpm2.TPMHandle) {
	delete(h.handles, handle)
	h.ledger.write(lineFlushed, uint32(handle))
}

// taken says whether something has a handle already. Of a session it is the number
// without the kind: chips tell sessions by that alone.
func (h *holdings) taken(handle tpm2.TPMHandle) bool {
	same := func(other tpm2.TPMHandle) bool {
		if handle>>24 == kindTransient {
			return other == handle
		}
		return other>>24 != kindTransient && other&0xffffff == handle&0xffffff
	}
	for held := range h.handles {
		if same(held) {
			return true
		}
	}
	return slices.ContainsFunc(h.before, same)
}

// swept notes that the chip has nothing of this run any more.
func (h *holdings) swept() { h.handles, h.ending, h.unanswered = nil, nil, 0 }

// clean says whether the chip has nothing of this run any more.
func (h *holdings) clean() bool {
	held := len(h.handles)
	for _, ended := range h.ending {
		if _, still := h.handles[ended]; still {
			held--
		}
	}
	return held == 0 && h.unanswered == 0
}

// end is called when the command was answered.
func (h *holdings) end(cmd []byte, made tpm2.TPMHandle, rc tpm2.TPMRC) {
	cc := commandOf(cmd)
	if makesSomething(cc) && rc != tpm2.TPMRCSuccess {
		h.unanswered = 0
		h.ledger.write(lineRefused)
	}
	if rc != tpm2.TPMRCSuccess {
		// A refusal may be untrue, too.
		h.doubted = h.doubted || cc == tpm2.TPMCCFlushContext || makesSomething(cc)
		return
	}
	if made != 0 {
		h.unanswered = 0
		h.ledger.write(lineMade, uint32(made))
		if h.handles == nil {
			h.handles = map[tpm2.TPMHandle]bool{}
		}
		h.handles[made] = false
	}
	for _, s := range commandSessions(cmd) {
		if !s.stays && s.handle != tpm2.TPMRSPW {
			h.ending = append(h.ending, s.handle)
		}
	}
	if cc == tpm2.TPMCCFlushContext {
		r := reading{b: cmd[responseHeader:]}
		h.remove(tpm2.TPMHandle(r.uint32("flushHandle")))
	}
}

// keep notes that a session stays until it is ended.
func (h *holdings) keep(session tpm2.TPMHandle) {
	if _, held := h.handles[session]; held {
		h.handles[session] = true
	}
}

// lingeringSessions are the sessions that were to end with the last command, and may not
// have.
func (h *holdings) lingeringSessions() []tpm2.TPMHandle {
	var found []tpm2.TPMHandle
	for handle, stays := range h.handles {
		if kind := handle >> 24; !stays && (kind == kindHMACSession || kind == kindPolicySession) {
			found = append(found, handle)
		}
	}
	return found
}

func makesSomething(cc tpm2.TPMCC) bool {
	switch cc {
	case tpm2.TPMCCCreatePrimary, tpm2.TPMCCLoad, tpm2.TPMCCContextLoad, tpm2.TPMCCStartAuthSession:
		return true
	}
	return false
}
