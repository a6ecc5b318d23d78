package softtpmtest

import (
	"encoding/binary"

	"github.com/google/go-tpm/tpm2"
)

// Tally is what a run cost a chip, counted on its bus.
type Tally struct {
	// Commands were sent, whatever became of them.
	Commands int
	// PrivateOperations are those commands that have the chip use a private RSA
	// key, which takes a discrete chip 0.1 to 0.5 seconds each: ActivateCredential,
	// Import, and StartAuthSession with a salt for an RSA key.
	PrivateOperations int
	// Transients is how many objects the run had in the chip's memory at most at
	// one time.
	Transients int
}

// Count adds up what crossed a bus: commands and responses in turn (TPM 2.0 Part
// 1, 18).
func Count(traffic []byte) Tally {
	const header, transient, rsaSalt = 10, 0x80, 256 // RSA 2048
	var t Tally
	loaded := map[uint32]bool{}
	for len(traffic) >= header {
		command := message(&traffic)
		response := message(&traffic)
		t.Commands++
		cc := tpm2.TPMCC(binary.BigEndian.Uint32(command[6:]))
		switch cc {
		case tpm2.TPMCCActivateCredential, tpm2.TPMCCImport:
			t.PrivateOperations++
		case tpm2.TPMCCStartAuthSession:
			rest := command[header+4+4:] // tpmKey, bind
			rest = rest[2+binary.BigEndian.Uint16(rest):]
			if binary.BigEndian.Uint16(rest) == rsaSalt {
				t.PrivateOperations++
			}
		}
		if len(response) < header || binary.BigEndian.Uint32(response[6:]) != 0 {
			continue
		}
		switch cc {
		case tpm2.TPMCCFlushContext:
			delete(loaded, binary.BigEndian.Uint32(command[header:]))
		case tpm2.TPMCCCreatePrimary, tpm2.TPMCCLoad, tpm2.TPMCCContextLoad:
			if h := binary.BigEndian.Uint32(response[header:]); h>>24 == transient {
				loaded[h] = true
				t.Transients = max(t.Transients, len(loaded))
			}
		}
	}
	return t
}

// message takes one command or response off the front.
func message(traffic *[]byte) []byte {
	if len(*traffic) < 10 {
		return nil
	}
	size := min(int(binary.BigEndian.Uint32((*traffic)[2:])), len(*traffic))
	taken := (*traffic)[:size]
	*traffic = (*traffic)[size:]
	return taken
}
