package tpm

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/identity"
	"tpmdps/internal/softtpm/softtpmtest"
)

// whatAChipTells is all that this package reads in lists.
type whatAChipTells struct {
	record       identity.Record
	capabilities Capabilities
	inventory    Inventory
	suitable     error
	nextIndex    uint32
}

func tell(t *testing.T, chip transport.TPM) whatAChipTells {
	t.Helper()
	d := open(t, chip, Options{})
	var w whatAChipTells
	var errs [4]error
	w.record, errs[0] = d.Record()
	w.capabilities, errs[1] = d.Capabilities()
	w.inventory, errs[2] = d.Inventory()
	w.nextIndex, errs[3] = d.FreeAuthKeyIndex()
	w.suitable = d.CheckCommands()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return w
}

// filled puts something of each kind on a chip, more than one where it matters.
func filled(t *testing.T, chip *recorder) {
	t.Helper()
	store(t, chip, indexCertificate, asMaker, certify(t, withPersistentEK(t, chip), 1))
	d := open(t, chip, Options{})
	persistAs(t, d, tpm2.RSASRKTemplate, HandleSRK)
	persistAs(t, d, tpm2.ECCSRKTemplate, 0x81000101)
	for i := range uint32(4) {
		store(t, chip, 0x01500000+i, asMaker, pattern(8))
	}
}

// listQuirks are the ways in which chips answer lists.
func listQuirks() map[string]softtpmtest.Quirk {
	quirks := map[string]softtpmtest.Quirk{
		"properties of the next group": softtpmtest.NextGroup(tpm2.TPMPTPermanent, 7),
		"in pieces with the next group": softtpmtest.Quirks(
			softtpmtest.Pieces(5), softtpmtest.NextGroup(tpm2.TPMPTPermanent, 7)),
		"few at a time, and refuses more than some": softtpmtest.Quirks(softtpmtest.MostEntries(64, tpm2.TPMRCValue+0x340), softtpmtest.Pieces(7)),
	}
	for _, n := range []uint32{1, 2, 3, 8, 16, 32, 63, 127} {
		quirks[fmt.Sprintf("%d at a time", n)] = softtpmtest.Pieces(n)
	}
	for i, n := range []uint32{1, 2, 8, 9, 64, 127, 253} {
		rc := []tpm2.TPMRC{tpm2.TPMRCValue, tpm2.TPMRCSize + 0x340, tpm2.TPMRCRange + 0x340, tpm2.TPMRCValue + 0x340, tpm2.TPMRCReservedBits + 0x340}[i%5]
		quirks[fmt.Sprintf("refuses more than %d with %#x", n, uint32(rc))] = softtpmtest.MostEntries(n, rc)
	}
	return quirks
}

// However a chip divides its lists, they say the same.
func TestListsInPieces(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		filled(t, chip)
		want := tell(t, chip)
		if want.suitable != nil || want.record.TPM.Firmware == "0.0.0.0" || len(want.inventory.Persistent) != 3 || len(want.inventory.NV) < 5 {
			t.Fatalf("the chip as it is: %+v", want)
		}
		for name, quirk := range listQuirks() {
			if got := tell(t, softtpmtest.Quirky(chip, quirk)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n%+v\nwant\n%+v", name, got, want)
			}
		}
	})
}

// A chip that cuts short what it can be known to have is asked for the rest.
func TestListsCutShort(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		filled(t, chip)
		want := open(t, chip, Options{})
		for _, n := range []uint32{1, 8, 32} {
			d := open(t, softtpmtest.Quirky(chip, softtpmtest.CutShort(n)), Options{})
			if d.Description() != want.Description() || d.nvBlock() != want.nvBlock() {
				t.Errorf("%d at a time: %s, blocks of %d; want %s, %d", n, d.Description(), d.nvBlock(), want.Description(), want.nvBlock())
			}
			if err := d.CheckCommands(); err != nil {
				t.Errorf("%d at a time: %v", n, err)
			}
		}
	})
}

// In the ordinary case each list is one command, and so it is again once the
// chip's largest count is known.
func TestListsTakeOneCommand(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		asked := 0
		counting := func(command []byte, _ func([]byte) []byte) []byte { asked++; return nil }
		for name, tt := range map[string]struct {
			quirk softtpmtest.Quirk
			first int // commands for the first list
		}{
			"ordinary":             {nil, 1},
			"refuses more than 64": {softtpmtest.MostEntries(64, tpm2.TPMRCValue), 2},
			"refuses more than 63": {softtpmtest.MostEntries(63, tpm2.TPMRCValue), 2 + 7}, // in eights
		} {
			asked = 0
			d := open(t, softtpmtest.Quirky(chip, softtpmtest.Quirks(counting, tt.quirk)), Options{})
			if asked > tt.first {
				t.Errorf("%s: Open sent %d commands, want %d", name, asked, tt.first)
			}
			asked = 0
			if _, err := d.handles(0x81000000); err != nil {
				t.Fatal(err)
			}
			if asked != 1 {
				t.Errorf("%s: handles sent %d commands, want 1", name, asked)
			}
		}
	})
}

// A refusal that is not of the count is told, and costs no further command.
func TestListRefused(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		for rc, want := range map[tpm2.TPMRC]error{
			tpm2.TPMRCFailure: ErrFailure, tpm2.TPMRCInitialize: ErrFailure, tpm2.TPMRCLockout: ErrLockout, tpm2.TPMRCCommandCode: ErrUnsupported,
		} {
			sent := 0
			chip.fault = func(int, tpm2.TPMCC) (tpm2.TPMRC, bool) { sent++; return rc, true }
			_, err := newDevice(t.Context(), chip, Options{})
			chip.fault = nil
			if !errors.Is(err, want) || sent > 2 {
				t.Errorf("%#x: %v after %d commands, want %v", uint32(rc), err, sent, want)
			}
		}
		// One that refuses every count says so in the end.
		chip.fault = func(int, tpm2.TPMCC) (tpm2.TPMRC, bool) { return tpm2.TPMRCValue, true }
		_, err := newDevice(t.Context(), chip, Options{})
		chip.fault = nil
		if !errors.Is(err, tpm2.TPMRCValue) {
			t.Errorf("newDevice() = %v, want TPM_RC_VALUE", err)
		}
	})
}

// Lists that do not get on, go back or have no end are refused, and soon.
func TestListsThatLie(t *testing.T) {
	for name, answer := range map[string]func(property uint32) []uint32{
		"always the same":     func(uint32) []uint32 { return []uint32{0x81000001} },
		"goes back":           func(p uint32) []uint32 { return []uint32{p + 5, p - 1} },
		"lower than asked":    func(p uint32) []uint32 { return []uint32{0x81000000 + (p-0x81000000)/2} },
		"never ends":          func(p uint32) []uint32 { return []uint32{p} },
		"never ends, in fits": func(p uint32) []uint32 { return []uint32{p, p + 1, p + 2, p + 3, p + 4} },
	} {
		sent := 0
		chip := handleTeller{func(p uint32) []uint32 { sent++; return answer(p) }}
		got, err := open(t, chip, Options{}).handles(0x81000000)
		if !errors.Is(err, ErrAnswer) || sent > maxEntries+2 {
			t.Errorf("%s: handles() = %d handles, %v, after %d commands", name, len(got), err, sent)
		}
	}
	// The end of the numbers is the end, and so is an empty answer, whatever the
	// chip says that there is more.
	for name, answer := range map[string]func(uint32) []uint32{
		"nothing": func(uint32) []uint32 { return nil },
		"other":   func(uint32) []uint32 { return []uint32{0x82000000} },
	} {
		if got, err := open(t, handleTeller{answer}, Options{}).handles(0x81000000); err != nil || len(got) != 0 {
			t.Errorf("%s: handles() = %#x, %v, want none", name, got, err)
		}
	}
	last := handleTeller{func(uint32) []uint32 { return []uint32{0xffffffff} }}
	if got, err := open(t, last, Options{}).handles(0xff000000); err != nil || len(got) != 1 {
		t.Errorf("handles() = %#x, %v, want the last", got, err)
	}
	// Out of order in one answer harms nobody.
	chip := handleTeller{func(uint32) []uint32 { return []uint32{0x81010001, 0x81000001, 0x81000001, 0x82000000} }}
	if got, err := open(t, chip, Options{}).handles(0x81000000); err != nil || fmt.Sprintf("%x", got) != "[81000001 81010001]" {
		t.Errorf("handles() = %#x, %v", got, err)
	}
}

// handleTeller is a chip with nothing but handles, of which there are always
// more.
type handleTeller struct {
	answer func(property uint32) []uint32
}

func (c handleTeller) Send(cmd []byte) ([]byte, error) {
	if !strings.HasPrefix(string(cmd[10:]), "\x00\x00\x00\x01") { // TPM_CAP_HANDLES
		return (&pieceTeller{}).Send(cmd)
	}
	list := &tpm2.TPMLHandle{}
	property := uint32(cmd[14])<<24 | uint32(cmd[15])<<16 | uint32(cmd[16])<<8 | uint32(cmd[17])
	for _, h := range c.answer(property) {
		list.Handle = append(list.Handle, tpm2.TPMHandle(h))
	}
	data := tpm2.TPMSCapabilityData{Capability: tpm2.TPMCapHandles, Data: tpm2.NewTPMUCapabilities(tpm2.TPMCapHandles, list)}
	body := append([]byte{1}, tpm2.Marshal(data)...)
	size := responseHeader + len(body)
	return append([]byte{0x80, 0x01, 0, 0, byte(size >> 8), byte(size), 0, 0, 0, 0}, body...), nil
}
