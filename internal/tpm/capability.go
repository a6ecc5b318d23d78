package tpm

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// maxEntries bounds a list of the chip's: the longest is that of its commands,
// some hundreds.
const maxEntries = 4096

// counts are the entries that one command asks for, the next where the chip
// refuses. The first is as many handles as fit into an answer (TPM 2.0 Part 2,
// Annex A, MAX_CAP_HANDLES), and more than a chip has of anything else.
var counts = []uint32{254, 64, 8, 1}

// listing is one list that a chip has: TPM 2.0 Part 3, 30.2.
type listing[E any] struct {
	capability tpm2.TPMCap
	// first is the property to begin with.
	first uint32
	// entries takes the list out of an answer.
	entries func(tpm2.TPMUCapabilities) ([]E, error)
	// number is an entry's place in the order of the list.
	number func(E) uint32
	// belongs says whether an entry is of the kind that was asked for; chips
	// answer with those of the next kind, too. All are, where it is nil.
	belongs func(E) bool
	// whole says whether the list is long enough to be complete, for chips that
	// cut a list short and do not say so. It always is, where it is nil.
	whole func([]E) bool
}

// list asks for a list of the chip's until the chip has no more: this function
// alone sends GetCapability. Most chips answer all at once. Others answer as
// many entries as they like and say that there are more, or refuse to be asked
// for many; those are asked for fewer from then on. The error is as it comes
// from the chip, without the meaning that [Device.explain] gives it.
func list[E any](d *Device, l listing[E]) ([]E, error) {
	found := []E{}
	for next := l.first; ; {
		entries, more, err := piece(d, l, next)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(entries, func(a, b E) int { return cmp.Compare(l.number(a), l.number(b)) })
		n := len(entries)
		last := uint32(0)
		for _, e := range entries {
			if next != l.first && l.number(e) < next {
				return nil, contradicts(tpm2.TPMCCGetCapability, "its list is not in order")
			}
			if l.belongs == nil || l.belongs(e) {
				found = append(found, e)
			}
			last = l.number(e)
		}
		found = slices.CompactFunc(found, func(a, b E) bool { return l.number(a) == l.number(b) })
		switch {
		case n == 0, l.belongs != nil && !l.belongs(entries[n-1]):
			return found, nil // also where the chip claims that there is more
		case !more && (l.whole == nil || l.whole(found)), last == 1<<32-1:
			return found, nil
		case last < next, len(found) > maxEntries:
			return nil, contradicts(tpm2.TPMCCGetCapability, "its list has no end")
		}
		next = last + 1
	}
}

// piece asks once, or where the chip refuses the count once more with each
// smaller one. A refusal that says something else of the chip stands.
func piece[E any](d *Device, l listing[E], next uint32) ([]E, bool, error) {
	for {
		rsp, err := d.getCapability(tpm2.GetCapability{Capability: l.capability, Property: next, PropertyCount: counts[d.countIndex]})
		if err == nil {
			entries, err := l.entries(rsp.CapabilityData.Data)
			if err != nil {
				err = unreadable(tpm2.TPMCCGetCapability, "%v", err)
			}
			return entries, rsp.MoreData, err
		}
		if !refusesAmount(err) || d.countIndex == len(counts)-1 {
			return nil, false, err
		}
		d.countIndex++
	}
}

// getCapability sends the command. What go-tpm cannot take apart is an error
// instead of a panic.
func (d *Device) getCapability(command tpm2.GetCapability) (rsp *tpm2.GetCapabilityResponse, err error) {
	defer func() {
		if r := recover(); r != nil {
			rsp, err = nil, unreadable(tpm2.TPMCCGetCapability, "%v", r)
		}
	}()
	return command.Execute(d.t)
}

// refusesAmount says whether a chip may mean how much it was asked for: any
// refusal of a parameter, and those of a value or size without a place (TPM 2.0
// Part 2, 6.6.2: bit 7 and bit 6 are a parameter's).
func refusesAmount(err error) bool {
	const layer, format1, parameter = 0xffff0000, 0x80, 0x40
	var rc tpm2.TPMRC
	if !errors.As(err, &rc) || rc&layer != 0 || rc&format1 == 0 {
		return false
	}
	return rc&parameter != 0 || slices.ContainsFunc([]tpm2.TPMRC{
		tpm2.TPMRCValue, tpm2.TPMRCSize, tpm2.TPMRCRange, tpm2.TPMRCInsufficient,
	}, func(of tpm2.TPMRC) bool { return errors.Is(rc, of) })
}

// group reads one group of properties, fixed or variable ones.
func (d *Device) group(first tpm2.TPMPT) (map[tpm2.TPMPT]uint32, error) {
	values, err := d.readGroup(first)
	if err != nil {
		return nil, fmt.Errorf("read TPM properties: %w", d.explain(tpm2.TPMCCGetCapability, err))
	}
	return values, nil
}

// readGroup is group without the meaning of an error.
func (d *Device) readGroup(first tpm2.TPMPT) (map[tpm2.TPMPT]uint32, error) {
	const groupSize = 0x100 // TPM 2.0 Part 2, 6.13: PT_GROUP
	// A property near the group's end that nearly every chip has.
	end := tpm2.TPMPTAuditCounter1
	if first == tpm2.TPMPTFamilyIndicator {
		end = tpm2.TPMPTNVBufferMax
	}
	properties, err := list(d, listing[tpm2.TPMSTaggedProperty]{
		capability: tpm2.TPMCapTPMProperties, first: uint32(first),
		entries: func(u tpm2.TPMUCapabilities) ([]tpm2.TPMSTaggedProperty, error) {
			list, err := u.TPMProperties()
			if err != nil {
				return nil, err
			}
			return list.TPMProperty, nil
		},
		number:  func(p tpm2.TPMSTaggedProperty) uint32 { return uint32(p.Property) },
		belongs: func(p tpm2.TPMSTaggedProperty) bool { return p.Property/groupSize == first/groupSize },
		whole: func(found []tpm2.TPMSTaggedProperty) bool {
			return slices.ContainsFunc(found, func(p tpm2.TPMSTaggedProperty) bool { return p.Property >= end })
		},
	})
	if err != nil {
		return nil, err
	}
	values := make(map[tpm2.TPMPT]uint32, len(properties))
	for _, p := range properties {
		values[p.Property] = p.Value
	}
	return values, nil
}

// commands lists the commands that the chip has: one command, for most chips.
func (d *Device) commands() ([]tpm2.TPMACC, error) {
	has, err := list(d, listing[tpm2.TPMACC]{
		capability: tpm2.TPMCapCommands, first: 0x11f, // TPM_CC_FIRST
		entries: func(u tpm2.TPMUCapabilities) ([]tpm2.TPMACC, error) {
			list, err := u.Command()
			if err != nil {
				return nil, err
			}
			return list.CommandAttributes, nil
		},
		number: commandCode,
		whole: func(found []tpm2.TPMACC) bool {
			return len(found) >= int(d.fixed[tpm2.TPMPTTotalCommands])
		},
	})
	if err != nil {
		return nil, fmt.Errorf("read the list of TPM commands: %w", d.explain(tpm2.TPMCCGetCapability, err))
	}
	return has, nil
}

// algorithms lists what the chip computes with: one command, for most chips.
func (d *Device) algorithms() ([]tpm2.TPMAlgID, error) {
	has, err := list(d, listing[tpm2.TPMSAlgProperty]{
		capability: tpm2.TPMCapAlgs, first: 1,
		entries: func(u tpm2.TPMUCapabilities) ([]tpm2.TPMSAlgProperty, error) {
			list, err := u.Algorithms()
			if err != nil {
				return nil, err
			}
			return list.AlgProperties, nil
		},
		number: func(a tpm2.TPMSAlgProperty) uint32 { return uint32(a.Alg) },
	})
	if err != nil {
		return nil, fmt.Errorf("read the list of TPM algorithms: %w", d.explain(tpm2.TPMCCGetCapability, err))
	}
	var ids []tpm2.TPMAlgID
	for _, a := range has {
		ids = append(ids, a.Alg)
	}
	return ids, nil
}

// sessions lists the loaded sessions (kind 0x02), or the saved ones (0x03). Chips
// list both with the handle that the session has: 0x02 in front for an HMAC
// session, 0x03 for a policy session.
func (d *Device) sessions(kind uint32) ([]uint32, error) {
	found, err := list(d, listing[uint32]{
		capability: tpm2.TPMCapHandles, first: kind << 24, entries: handleEntries,
		number: func(h uint32) uint32 {
			if top := h >> 24; top == kindHMACSession || top == kindPolicySession {
				return kind<<24 | h&0xffffff
			}
			return h
		},
		belongs: func(h uint32) bool { return h>>24 == kindHMACSession || h>>24 == kindPolicySession },
	})
	if err != nil {
		return nil, fmt.Errorf("list TPM sessions: %w", d.explain(tpm2.TPMCCGetCapability, err))
	}
	return found, nil
}

func handleEntries(u tpm2.TPMUCapabilities) ([]uint32, error) {
	list, err := u.Handles()
	if err != nil {
		return nil, err
	}
	var out []uint32
	for _, h := range list.Handle {
		out = append(out, uint32(h))
	}
	return out, nil
}

// handles lists the handles of one kind that are in use, from first on: TPM 2.0
// Part 2, 7.2. One command, for most chips.
func (d *Device) handles(first uint32) ([]uint32, error) {
	found, err := list(d, listing[uint32]{
		capability: tpm2.TPMCapHandles, first: first, entries: handleEntries,
		number:  func(h uint32) uint32 { return h },
		belongs: func(h uint32) bool { return h>>24 == first>>24 },
	})
	if err != nil {
		return nil, fmt.Errorf("list TPM handles: %w", d.explain(tpm2.TPMCCGetCapability, err))
	}
	return found, nil
}
