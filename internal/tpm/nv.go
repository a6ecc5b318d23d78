package tpm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// NV memory: TPM 2.0 Part 1, 37; the range from 0x01c00000 on is the TCG's.
const (
	firstTCGIndex = 0x01c00000
	// defaultNVBlock is what most chips read in one command; what a chip says of
	// itself is its TPM_PT_NV_BUFFER_MAX. minNVBlock is what every chip has to
	// read: TCG PC Client Platform TPM Profile 1.05, 4.5.
	defaultNVBlock = 1024
	minNVBlock     = 512
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
	first, _ := slices.BinarySearch(indices, firstTCGIndex)
	return indices[first:], nil
}

// nvIndexRead is an index that is about to be read.
type nvIndexRead struct {
	index  uint32
	name   tpm2.TPM2BName
	public *tpm2.TPMSNVPublic
}

// readNV reads the whole content of an NV index, of limit bytes at most. It
// returns nil for an index that is absent. Whether the work can go on after an
// error says [Device.continues].
func (d *Device) readNV(index uint32, limit int) ([]byte, error) {
	doing := "read NV index " + spelt(index)
	rsp, err := run(d, doing, tpm2.NVReadPublic{NVIndex: tpm2.TPMHandle(index)})
	if errors.Is(err, tpm2.TPMRCHandle) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	public, err := nvPublic(index, rsp)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", doing, errUnreadable, err)
	}
	if why := obstacle(public, limit); why != "" {
		return nil, fmt.Errorf("%s: %w: %s", doing, errUnreadable, why)
	}
	n := nvIndexRead{index, rsp.NVName, public}
	if !ownReader(public.Attributes) {
		return d.readNVAs(n, true, doing+" as the owner")
	}
	content, err := d.readNVAs(n, false, doing)
	if !errors.Is(err, ErrAuth) && !errors.Is(err, tpm2.TPMRCNVAuthorization) {
		return content, err
	}
	if !public.Attributes.OwnerRead {
		return nil, fmt.Errorf("%w; the index has a password of its own, and its owner may not read it", err)
	}
	return d.readNVAs(n, true, doing+", which has a password of its own, as the owner")
}

// nvPublic takes the public area of an index out of an answer, which must be that
// of the index, and have the name that the answer gives it.
func nvPublic(index uint32, rsp *tpm2.NVReadPublicResponse) (*tpm2.TPMSNVPublic, error) {
	public, err := contents(tpm2.TPMCCNVReadPublic, &rsp.NVPublic)
	if err != nil {
		return nil, err
	}
	if uint32(public.NVIndex) != index {
		return nil, contradicts(tpm2.TPMCCNVReadPublic, "it is of index %s, %s was asked for", spelt(uint32(public.NVIndex)), spelt(index))
	}
	named := *public
	for range 2 {
		name, err := tpm2.NVName(&named)
		if err != nil {
			return nil, unreadable(tpm2.TPMCCNVReadPublic, "%v", err)
		}
		if bytes.Equal(name.Buffer, rsp.NVName.Buffer) {
			return public, nil
		}
		named.Attributes.Written = true // which some chips do not say, and have in the name
	}
	return nil, contradicts(tpm2.TPMCCNVReadPublic, "the name of index %s is not that of its public area", spelt(index))
}

// readNVAs reads an index as the owner, or as the index itself with an empty
// password.
func (d *Device) readNVAs(n nvIndexRead, owner bool, doing string) (_ []byte, err error) {
	if owner {
		unsalt, err := d.ensureSalt(d.opts.OwnerAuth)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, unsalt()) }()
	}
	content := make([]byte, 0, n.public.DataSize)
	for len(content) < int(n.public.DataSize) {
		size := min(int(n.public.DataSize)-len(content), d.nvBlock())
		block, err := run(d, doing, tpm2.NVRead{
			AuthHandle: d.nvReader(n, owner),
			NVIndex:    tpm2.NamedHandle{Handle: tpm2.TPMHandle(n.index), Name: n.name},
			Size:       uint16(size),
			Offset:     uint16(len(content)),
		})
		switch {
		case err == nil && len(block.Data.Buffer) == size:
			content = append(content, block.Data.Buffer...)
		case size > minNVBlock && (err == nil || refusesAmount(err) || errors.Is(err, tpm2.TPMRCNVRange)):
			d.nvLimit = max(size/2, minNVBlock)
		case errors.Is(err, tpm2.TPMRCNVUninitialized):
			return nil, fmt.Errorf("%s: %w: nothing was written to it", doing, errUnreadable)
		case err != nil:
			return nil, err
		default:
			return nil, fmt.Errorf("%s: %w: the chip gave %d bytes of %d", doing, errUnreadable, len(block.Data.Buffer), size)
		}
	}
	return content, nil
}

// nvBlock is how many bytes one command reads: what the chip says, unless it
// refused that already.
func (d *Device) nvBlock() int {
	block := defaultNVBlock
	if reported := d.fixed[tpm2.TPMPTNVBufferMax]; reported > 0 && reported <= maxNVIndex {
		block = int(reported)
	}
	if d.nvLimit > 0 {
		block = min(block, d.nvLimit)
	}
	return block
}

// obstacle says why an index cannot be read, or is not to be, as its public
// area tells; empty when nothing stands against it. It spares the chip commands
// that it would refuse. Whether an index was written is left to the reading:
// some chips do not set TPMA_NV_WRITTEN where something is.
func obstacle(public *tpm2.TPMSNVPublic, limit int) string {
	a := public.Attributes
	switch {
	case a.NT != tpm2.TPMNTOrdinary:
		return "it holds a counter or the like, not data"
	case a.ReadLocked:
		return "it is locked for reading until the next start"
	case int(public.DataSize) > limit:
		return fmt.Sprintf("it has %d bytes, more than the %d that are read", public.DataSize, limit)
	case !ownReader(a) && !a.OwnerRead && a.AuthRead:
		return "a wrong password for it would count towards the chip's lockout, so none was tried"
	case !ownReader(a) && !a.OwnerRead:
		return "only the firmware, or a program that satisfies its policy, may read it"
	}
	return ""
}

// ownReader says whether the index can authorise its own reading without risk.
// The TCG has certificates stored so: with an empty password, and outside the
// protection against dictionary attacks. Where that protects an index, a wrong
// guess would bring the chip closer to its lockout.
func ownReader(a tpm2.TPMANV) bool { return a.AuthRead && a.NoDA }

// nvReader is who reads an index: the index itself, which works whatever
// passwords the hierarchies have, or the owner, whose password does not count
// towards the lockout.
func (d *Device) nvReader(n nvIndexRead, owner bool) tpm2.AuthHandle {
	if owner {
		return tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: d.hierarchyAuth(d.opts.OwnerAuth)}
	}
	return tpm2.AuthHandle{Handle: tpm2.TPMHandle(n.index), Name: n.name, Auth: tpm2.PasswordAuth(nil)}
}

// continues says whether the work can go on without what could not be had because
// of err: that is so unless the chip is gone, the run is over, or the chip fails
// altogether, which it says of one command and of every other.
func (d *Device) continues(err error) bool {
	if err == nil || d.t.dead != nil || d.t.ctx.Err() != nil {
		return false
	}
	if !errors.Is(err, ErrFailure) {
		return true
	}
	// Not GetCapability, which chips answer even in failure mode.
	_, err = run(d, "see whether the chip works", tpm2.ReadPublic{ObjectHandle: tpm2.TPMHandle(HandleEK)})
	return !errors.Is(err, ErrFailure) && d.t.dead == nil
}
