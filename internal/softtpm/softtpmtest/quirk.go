package softtpmtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// Quirk makes a chip behave in a way of its own. It is given each command and a
// function that has the real chip answer a command, this one or another. It
// returns the answer that the program gets; nil stands for that of the real
// chip, so a quirk only looks at what it changes.
type Quirk func(command []byte, send func(command []byte) []byte) []byte

// answer is what the program gets, from the chip where there is no quirk.
func (q Quirk) answer(command []byte, send func([]byte) []byte) []byte {
	if q != nil {
		if response := q(command, send); response != nil {
			return response
		}
	}
	return send(command)
}

// Quirks combines several. The first is nearest to the program: what it sends
// passes the second, and so on.
func Quirks(quirks ...Quirk) Quirk {
	return func(command []byte, send func([]byte) []byte) []byte {
		for _, q := range slices.Backward(quirks) {
			next := send
			send = func(command []byte) []byte { return q.answer(command, next) }
		}
		return send(command)
	}
}

// Quirky is a transport to a chip with a quirk, for tests that have no program
// between them and the chip. For a program there is [Bus.SetQuirk].
func Quirky(t transport.TPM, q Quirk) transport.TPM { return quirky{t, q} }

type quirky struct {
	t transport.TPM
	q Quirk
}

// Send implements transport.TPM.
func (c quirky) Send(command []byte) ([]byte, error) {
	var failed error
	response := c.q.answer(bytes.Clone(command), func(command []byte) []byte {
		response, err := c.t.Send(command)
		failed = errors.Join(failed, err)
		return response
	})
	return response, failed
}

// CommandCode is the code of a command.
func CommandCode(command []byte) tpm2.TPMCC {
	return tpm2.TPMCC(binary.BigEndian.Uint32(command[6:]))
}

// Refuses has the chip refuse a command, every time.
func Refuses(cc tpm2.TPMCC, rc tpm2.TPMRC) Quirk {
	return func(command []byte, _ func([]byte) []byte) []byte {
		if CommandCode(command) != cc {
			return nil
		}
		return Refusal(rc)
	}
}

// RefusesOnce has the chip refuse a command the first time that it comes.
func RefusesOnce(cc tpm2.TPMCC, rc tpm2.TPMRC) Quirk {
	done := false
	return func(command []byte, _ func([]byte) []byte) []byte {
		if done || CommandCode(command) != cc {
			return nil
		}
		done = true
		return Refusal(rc)
	}
}

// Where things stand in TPM2_GetCapability and its answer (Part 3, 30.2).
const (
	capabilityAt = 10
	propertyAt   = 14
	countAt      = 18
	moreAt       = 10
	listedAt     = 15
	listAt       = 19
)

// capability is which capability a command asks for; 0xffffffff when it is
// another command.
func capability(command []byte) tpm2.TPMCap {
	if CommandCode(command) != tpm2.TPMCCGetCapability || len(command) < countAt+4 {
		return 0xffffffff
	}
	return tpm2.TPMCap(binary.BigEndian.Uint32(command[capabilityAt:]))
}

// Pieces has the chip answer GetCapability with n entries at most, and say that
// there are more.
func Pieces(n uint32) Quirk {
	return func(command []byte, send func([]byte) []byte) []byte {
		if capability(command) == 0xffffffff || binary.BigEndian.Uint32(command[countAt:]) <= n {
			return nil
		}
		return send(binary.BigEndian.AppendUint32(bytes.Clone(command[:countAt]), n))
	}
}

// MostEntries has the chip refuse a GetCapability that asks for more than n
// entries.
func MostEntries(n uint32, rc tpm2.TPMRC) Quirk {
	return func(command []byte, _ func([]byte) []byte) []byte {
		if capability(command) == 0xffffffff || binary.BigEndian.Uint32(command[countAt:]) <= n {
			return nil
		}
		return Refusal(rc)
	}
}

// CutShort has the chip answer GetCapability with n entries at most, and claim
// that these are all.
func CutShort(n uint32) Quirk {
	pieces := Pieces(n)
	return func(command []byte, send func([]byte) []byte) []byte {
		response := pieces(command, send)
		if len(response) > moreAt {
			response[moreAt] = 0
		}
		return response
	}
}

// NextGroup has the chip add properties of the group that follows to those of
// the one that was asked for.
func NextGroup(property tpm2.TPMPT, value uint32) Quirk {
	return func(command []byte, send func([]byte) []byte) []byte {
		if capability(command) != tpm2.TPMCapTPMProperties || binary.BigEndian.Uint32(command[propertyAt:]) >= uint32(property) {
			return nil
		}
		response := send(command)
		if len(response) < listAt || response[moreAt] != 0 {
			return response
		}
		response = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(response, uint32(property)), value)
		return counted(response, 8)
	}
}

// WithoutProperty has the chip not know a property.
func WithoutProperty(property tpm2.TPMPT) Quirk {
	return properties(func(p tpm2.TPMPT, value uint32) (uint32, bool) { return value, p != property })
}

// WithProperty has the chip give a property another value.
func WithProperty(property tpm2.TPMPT, value uint32) Quirk {
	return properties(func(p tpm2.TPMPT, was uint32) (uint32, bool) {
		if p == property {
			return value, true
		}
		return was, true
	})
}

// properties changes or drops properties in the chip's answers.
func properties(change func(p tpm2.TPMPT, value uint32) (uint32, bool)) Quirk {
	return func(command []byte, send func([]byte) []byte) []byte {
		if capability(command) != tpm2.TPMCapTPMProperties {
			return nil
		}
		response := send(command)
		if len(response) < listAt {
			return response
		}
		kept := bytes.Clone(response[:listAt])
		for pair := range slices.Chunk(response[listAt:], 8) {
			p := binary.BigEndian.Uint32(pair)
			if value, keep := change(tpm2.TPMPT(p), binary.BigEndian.Uint32(pair[4:])); keep {
				kept = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(kept, p), value)
			}
		}
		return counted(kept, 8)
	}
}

// counted corrects the sizes in an answer whose list has entries of n bytes.
func counted(response []byte, n int) []byte {
	binary.BigEndian.PutUint32(response[listedAt:], uint32((len(response)-listAt)/n))
	binary.BigEndian.PutUint32(response[2:], uint32(len(response)))
	return response
}

// MostNVBytes has the chip refuse to read more than n bytes of an NV index in
// one command.
func MostNVBytes(n int, rc tpm2.TPMRC) Quirk {
	return func(command []byte, _ func([]byte) []byte) []byte {
		if CommandCode(command) != tpm2.TPMCCNVRead || int(binary.BigEndian.Uint16(command[len(command)-4:])) <= n {
			return nil
		}
		return Refusal(rc)
	}
}

// ShortNVReads has the chip read n bytes of an NV index at most, and say
// nothing when more were asked for.
func ShortNVReads(n uint16) Quirk {
	return func(command []byte, send func([]byte) []byte) []byte {
		at := len(command) - 4
		if CommandCode(command) != tpm2.TPMCCNVRead || binary.BigEndian.Uint16(command[at:]) <= n {
			return nil
		}
		fewer := bytes.Clone(command)
		binary.BigEndian.PutUint16(fewer[at:], n)
		return send(fewer)
	}
}

// Unwritten has the chip not say of its NV indices that they were written, as
// that of Hyper-V does.
func Unwritten() Quirk {
	const attributesAt, written = 18, 0x20 // TPMA_NV's bit 29, in its first byte
	return func(command []byte, send func([]byte) []byte) []byte {
		if CommandCode(command) != tpm2.TPMCCNVReadPublic {
			return nil
		}
		response := send(command)
		if len(response) > attributesAt {
			response[attributesAt] &^= written
		}
		return response
	}
}
