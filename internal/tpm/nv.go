package tpm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// NV memory: TPM 2.0 Part 1, 37; the range from 0x01c00000 on is the TCG's.
const (
	firstTCGIndex = 0x01c00000
	// defaultNVBlock is what every chip reads in one command; what it really
	// reads is its TPM_PT_NV_BUFFER_MAX.
	defaultNVBlock = 1024
	// maxNVIndex bounds what is read from one index. Chips allow 2 KiB.
	maxNVIndex = 8 << 10
)

// errUnreadable: the index exists, and its content cannot be had.
var errUnreadable = errors.New("it cannot be read")

// tcgIndices lists the NV indices in the TCG's range that exist, in ascending
// order. One command, instead of one for every index that might exist.
func (d *Device) tcgIndices() ([]uint32, error) {
	indices, err := d.handles(firstTCGIndex)
	if err != nil {
		return nil, err
	}
	slices.Sort(indices)
	indices = slices.Compact(indices)
	first, _ := slices.BinarySearch(indices, firstTCGIndex)
	return indices[first:], nil
}

// readNV reads the whole content of an NV index, of limit bytes at most. It
// returns nil for an index that is absent, and an error for which [unreadable]
// is true when the chip works and does not give the content away.
func (d *Device) readNV(index uint32, limit int) (_ []byte, err error) {
	doing := "read NV index " + spelt(index)
	rsp, err := run(d, doing, tpm2.NVReadPublic{NVIndex: tpm2.TPMHandle(index)})
	if errors.Is(err, tpm2.TPMRCHandle) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	public, err := rsp.NVPublic.Contents()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", doing, errUnreadable, err)
	}
	if why := obstacle(public, limit); why != "" {
		return nil, fmt.Errorf("%s: %w: %s", doing, errUnreadable, why)
	}
	var auth []byte
	if !ownReader(public.Attributes) {
		auth = d.opts.OwnerAuth
	}
	unsalt, err := d.ensureSalt(auth)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unsalt()) }()
	content := make([]byte, 0, public.DataSize)
	for len(content) < int(public.DataSize) {
		size := min(int(public.DataSize)-len(content), d.nvBlock())
		block, err := run(d, doing, tpm2.NVRead{
			AuthHandle: d.nvReader(index, rsp.NVName, public.Attributes),
			NVIndex:    tpm2.NamedHandle{Handle: tpm2.TPMHandle(index), Name: rsp.NVName},
			Size:       uint16(size),
			Offset:     uint16(len(content)),
		})
		if err != nil {
			return nil, err
		}
		if len(block.Data.Buffer) != size {
			return nil, fmt.Errorf("%s: %w: the chip gave %d bytes of %d", doing, errUnreadable, len(block.Data.Buffer), size)
		}
		content = append(content, block.Data.Buffer...)
	}
	return content, nil
}

// nvBlock is how many bytes one command reads.
func (d *Device) nvBlock() int {
	if n := d.fixed[tpm2.TPMPTNVBufferMax]; n > 0 && n <= maxNVIndex {
		return int(n)
	}
	return defaultNVBlock
}

// obstacle says why an index cannot be read, or is not to be, as its public
// area tells; empty when nothing stands against it. It spares the chip commands
// that it would refuse.
func obstacle(public *tpm2.TPMSNVPublic, limit int) string {
	a := public.Attributes
	switch {
	case a.NT != tpm2.TPMNTOrdinary:
		return "it holds a counter or the like, no text"
	case !a.Written:
		return "nothing was written to it"
	case a.ReadLocked:
		return "it is locked for reading until the next start"
	case int(public.DataSize) > limit:
		return fmt.Sprintf("it has %d bytes, more than the %d that are looked at", public.DataSize, limit)
	case !ownReader(a) && !a.OwnerRead && a.AuthRead:
		return "a wrong password for it would count towards the chip's lockout, so none was tried"
	case !ownReader(a) && !a.OwnerRead:
		return "only the firmware, or who satisfies its policy, may read it"
	}
	return ""
}

// ownReader says whether the index can authorise its own reading without risk.
// The TCG has certificates stored so: with an empty password, and outside the
// protection against dictionary attacks. Where that protects an index, a wrong
// guess would bring the chip closer to its lockout.
func ownReader(a tpm2.TPMANV) bool { return a.AuthRead && a.NoDA }

// nvReader is who reads an index: the index itself, which works whatever
// passwords the hierarchies have, or else the owner.
func (d *Device) nvReader(index uint32, name tpm2.TPM2BName, a tpm2.TPMANV) tpm2.AuthHandle {
	if ownReader(a) {
		return tpm2.AuthHandle{Handle: tpm2.TPMHandle(index), Name: name, Auth: tpm2.PasswordAuth(nil)}
	}
	return tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: d.hierarchyAuth(d.opts.OwnerAuth)}
}

// unreadable tells an index that keeps its content from a chip that is not
// there, busy or broken: only in the first case the work goes on.
func unreadable(err error) bool {
	var rc tpm2.TPMRC
	refused := errors.Is(err, errUnreadable) || errors.Is(err, ErrPermission) || errors.As(err, &rc)
	return refused && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrFailure)
}
