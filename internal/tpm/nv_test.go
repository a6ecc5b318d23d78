package tpm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// asMaker are the attributes that the TCG's profile wants for a certificate.
var asMaker = tpm2.TPMANV{PPWrite: true, PPRead: true, OwnerRead: true, AuthRead: true, NoDA: true, PlatformCreate: true, NT: tpm2.TPMNTOrdinary}

// define makes an NV index as the platform, with a password of its own.
func define(tb testing.TB, chip transport.TPM, index uint32, a tpm2.TPMANV, size int, password string) {
	tb.Helper()
	_, err := tpm2.NVDefineSpace{
		AuthHandle: tpm2.TPMRHPlatform,
		Auth:       tpm2.TPM2BAuth{Buffer: []byte(password)},
		PublicInfo: tpm2.New2B(tpm2.TPMSNVPublic{
			NVIndex: tpm2.TPMHandle(index), NameAlg: tpm2.TPMAlgSHA256, Attributes: a, DataSize: uint16(size),
		}),
	}.Execute(chip)
	if err != nil {
		tb.Fatalf("define %#x: %v", index, err)
	}
}

func undefine(tb testing.TB, chip transport.TPM, index uint32) {
	tb.Helper()
	public, err := tpm2.NVReadPublic{NVIndex: tpm2.TPMHandle(index)}.Execute(chip)
	if err != nil {
		tb.Fatal(err)
	}
	undefine := tpm2.NVUndefineSpace{
		AuthHandle: tpm2.TPMRHPlatform, NVIndex: tpm2.NamedHandle{Handle: tpm2.TPMHandle(index), Name: public.NVName},
	}
	if _, err := undefine.Execute(chip); err != nil {
		tb.Fatal(err)
	}
}

// store defines an NV index and writes it.
func store(tb testing.TB, chip transport.TPM, index uint32, a tpm2.TPMANV, content []byte) {
	tb.Helper()
	storeWith(tb, chip, index, a, content, "")
}

func storeWith(tb testing.TB, chip transport.TPM, index uint32, a tpm2.TPMANV, content []byte, password string) {
	tb.Helper()
	define(tb, chip, index, a, len(content), password)
	for offset := 0; offset < len(content); offset += 512 {
		public, err := tpm2.NVReadPublic{NVIndex: tpm2.TPMHandle(index)}.Execute(chip)
		if err != nil {
			tb.Fatal(err)
		}
		_, err = tpm2.NVWrite{
			AuthHandle: tpm2.TPMRHPlatform,
			NVIndex:    tpm2.NamedHandle{Handle: tpm2.TPMHandle(index), Name: public.NVName},
			Data:       tpm2.TPM2BMaxNVBuffer{Buffer: content[offset:min(offset+512, len(content))]},
			Offset:     uint16(offset),
		}.Execute(chip)
		if err != nil {
			tb.Fatalf("write %#x: %v", index, err)
		}
	}
}

// pattern is a content whose every part tells where it is from.
func pattern(size int) []byte {
	b := make([]byte, 0, size+2)
	for i := 0; len(b) < size; i++ {
		b = binary.BigEndian.AppendUint16(b, uint16(i))
	}
	return b[:size]
}

func TestReadNVInBlocks(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		full := d.nvBlock()
		const index = 0x01c00200
		for _, tt := range []struct{ size, block, reads int }{
			{1, full, 1}, {full, full, 1}, {full + 1, full, 2}, {2048, full, (2047 + full) / full},
			{1500, 512, 3}, {1024, 512, 2},
			{1500, 0, 2}, // the chip does not say: 1,024
		} {
			want := pattern(tt.size)
			store(t, chip, index, asMaker, want)
			d.fixed[tpm2.TPMPTNVBufferMax] = uint32(tt.block)
			before := chip.count(tpm2.TPMCCNVRead)
			got, err := d.readNV(index, maxNVIndex)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("readNV() of %d bytes = %d bytes, %v", tt.size, len(got), err)
			}
			if reads := chip.count(tpm2.TPMCCNVRead) - before; reads != tt.reads {
				t.Errorf("%d bytes in blocks of %d took %d commands, want %d", tt.size, tt.block, reads, tt.reads)
			}
			undefine(t, chip, index) // the simulator has little room
		}
	})
}

func TestReadNVOfAnAbsentIndex(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		if got, err := d.readNV(indexCertificate, maxNVIndex); got != nil || err != nil {
			t.Errorf("readNV() = %x, %v, want nothing", got, err)
		}
		// Only TPM_RC_HANDLE means absent.
		chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) { return tpm2.TPMRCValue, cc == tpm2.TPMCCNVReadPublic }
		if got, err := d.readNV(indexCertificate, maxNVIndex); err == nil {
			t.Errorf("readNV() = %x, want an error", got)
		}
	})
}

// Passwords of the hierarchies do not matter, and no wrong one is tried where
// the chip would count it.
func TestReadNVIsAuthorisedWithoutRisk(t *testing.T) {
	change := func(a tpm2.TPMANV, f func(*tpm2.TPMANV)) tpm2.TPMANV { f(&a); return a }
	daProtected := change(asMaker, func(a *tpm2.TPMANV) { a.NoDA = false })
	ownerOnly := change(asMaker, func(a *tpm2.TPMANV) { a.AuthRead = false })
	authOnlyDA := change(daProtected, func(a *tpm2.TPMANV) { a.OwnerRead = false })
	nobody := change(asMaker, func(a *tpm2.TPMANV) { a.AuthRead, a.OwnerRead = false, false })
	policyOnly := change(nobody, func(a *tpm2.TPMANV) { a.PolicyRead = true })
	authOnly := change(asMaker, func(a *tpm2.TPMANV) { a.OwnerRead = false })
	owner := []byte("tpmdps-canary-owner")
	onEach(t, func(t *testing.T, chip *recorder) {
		want := pattern(700)
		storeWith(t, chip, 0x01c00201, asMaker, want, "")
		storeWith(t, chip, 0x01c00202, asMaker, want, "its own password")
		storeWith(t, chip, 0x01c00203, daProtected, want, "its own password")
		storeWith(t, chip, 0x01c00204, ownerOnly, want, "")
		storeWith(t, chip, 0x01c00205, authOnlyDA, want, "its own password")
		storeWith(t, chip, 0x01c00206, nobody, want, "")
		storeWith(t, chip, 0x01c00207, policyOnly, want, "")
		storeWith(t, chip, 0x01c00208, authOnly, want, "its own password")
		setOwner := tpm2.HierarchyChangeAuth{
			AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}, NewAuth: tpm2.TPM2BAuth{Buffer: owner},
		}
		if _, err := setOwner.Execute(chip); err != nil {
			t.Fatal(err)
		}
		chip.bytes = nil
		without, with := open(t, chip, Options{}), open(t, chip, Options{OwnerAuth: owner})
		for _, tt := range []struct {
			index         uint32
			without, with bool
		}{
			{0x01c00201, true, true}, {0x01c00202, false, true}, {0x01c00203, false, true}, {0x01c00204, false, true},
			{0x01c00205, false, false}, {0x01c00206, false, false}, {0x01c00207, false, false},
			{0x01c00208, false, false},
		} {
			for d, readable := range map[*Device]bool{without: tt.without, with: tt.with} {
				got, err := d.readNV(tt.index, maxNVIndex)
				if readable && (err != nil || !bytes.Equal(got, want)) {
					t.Errorf("readNV(%#x) = %d bytes, %v", tt.index, len(got), err)
				}
				if !readable && !d.continues(err) {
					t.Errorf("readNV(%#x) = %d bytes, %v, want an error after which the work goes on", tt.index, len(got), err)
				}
			}
		}
		p, err := with.properties()
		if err != nil || p.lockoutCounter != 0 {
			t.Errorf("%d wrong passwords counted, %v", p.lockoutCounter, err)
		}
		if bytes.Contains(chip.bytes, owner) {
			t.Error("the owner's password crossed the bus in the clear")
		}
	})
}

func TestReadNVSaysWhyNot(t *testing.T) {
	counter := asMaker
	counter.NT = tpm2.TPMNTCounter
	lockable := asMaker
	lockable.ReadSTClear = true
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		define(t, chip, 0x01c00201, asMaker, 60, "")
		define(t, chip, 0x01c00202, counter, 8, "")
		store(t, chip, 0x01c00203, lockable, pattern(64))
		store(t, chip, 0x01c00204, asMaker, pattern(64))
		public, err := tpm2.NVReadPublic{NVIndex: tpm2.TPMHandle(0x01c00203)}.Execute(chip)
		if err != nil {
			t.Fatal(err)
		}
		lock := tpm2.NVReadLock{AuthHandle: tpm2.TPMRHPlatform, NVIndex: tpm2.NamedHandle{Handle: 0x01c00203, Name: public.NVName}}
		if _, err := lock.Execute(chip); err != nil {
			t.Fatal(err)
		}
		for index, want := range map[uint32]string{
			0x01c00201: "nothing was written", 0x01c00202: "counter", 0x01c00203: "locked for reading", 0x01c00204: "64 bytes, more than the 63",
		} {
			if _, err := d.readNV(index, 63); !d.continues(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("readNV(%#x) = %v, want %q in it", index, err, want)
			}
		}
		if chip.count(tpm2.TPMCCNVRead) != 1 { // whether something was written shows only then
			t.Error("the chip was asked for what it would refuse")
		}
	})
}

// liar answers one kind of command with something else.
type liar struct {
	transport.TPM
	cc     tpm2.TPMCC
	answer func(rsp []byte) []byte
}

func (l liar) Send(cmd []byte) ([]byte, error) {
	rsp, err := l.TPM.Send(cmd)
	if err == nil && tpm2.TPMCC(binary.BigEndian.Uint32(cmd[6:10])) == l.cc {
		rsp = l.answer(rsp)
		binary.BigEndian.PutUint32(rsp[2:], uint32(len(rsp)))
	}
	return rsp, err
}

func TestReadNVFromAChipThatLies(t *testing.T) {
	password := []byte{0, 0, 1, 0, 0} // what follows the response to a command with a password
	data := func(b ...byte) []byte {
		rsp := append([]byte{0x80, 0x02, 0, 0, 0, 0, 0, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, uint32(len(b)))...)
		return append(append(rsp, b...), password...)
	}
	onEach(t, func(t *testing.T, chip *recorder) {
		store(t, chip, indexCertificate, asMaker, pattern(100))
		honest := liar{chip, tpm2.TPMCCNVRead, func([]byte) []byte { return data(append([]byte{0, 100}, pattern(100)...)...) }}
		if _, err := open(t, honest, Options{}).readNV(indexCertificate, maxNVIndex); err != nil {
			t.Fatalf("an answer of the same make that is true: %v", err)
		}
		for name, l := range map[string]liar{
			"no bytes":          {cc: tpm2.TPMCCNVRead, answer: func([]byte) []byte { return data(0, 0) }},
			"one byte a time":   {cc: tpm2.TPMCCNVRead, answer: func([]byte) []byte { return data(0, 1, 7) }},
			"more bytes":        {cc: tpm2.TPMCCNVRead, answer: func([]byte) []byte { return data(append([]byte{0, 200}, make([]byte, 200)...)...) }},
			"a size that lies":  {cc: tpm2.TPMCCNVRead, answer: func([]byte) []byte { return data(0xff, 0xff, 1) }},
			"nothing":           {cc: tpm2.TPMCCNVRead, answer: func(r []byte) []byte { return r[:10] }},
			"64 KiB":            {cc: tpm2.TPMCCNVReadPublic, answer: func(r []byte) []byte { r[24], r[25] = 0xff, 0xff; return r }},
			"no public area":    {cc: tpm2.TPMCCNVReadPublic, answer: func([]byte) []byte { return []byte{0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} }},
			"a short one":       {cc: tpm2.TPMCCNVReadPublic, answer: func([]byte) []byte { return []byte{0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 0, 0} }},
			"nothing of public": {cc: tpm2.TPMCCNVReadPublic, answer: func(r []byte) []byte { return r[:10] }},
		} {
			l.TPM = chip
			if got, err := open(t, l, Options{}).readNV(indexCertificate, maxNVIndex); err == nil {
				t.Errorf("%s: readNV() = %d bytes, want an error", name, len(got))
			}
		}
	})
}

// What is refused of one index ends nothing, unless the chip is broken, gone, or
// the run over.
func TestContinues(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		store(t, chip, indexCertificate, asMaker, pattern(100))
		for rc, alone := range map[tpm2.TPMRC]bool{
			tpm2.TPMRCNVAuthorization: true, tpm2.TPMRCNVLocked: true, tpm2.TPMRCNVUninitialized: true, tpm2.TPMRCNVRange: true,
			tpm2.TPMRCAuthFail + 0x100 + 0x800: true, tpm2.TPMRCCommandCode: true,
			tpm2.TPMRCFailure: true, tpm2.TPMRCInitialize: true,
		} {
			chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) { return rc, cc == tpm2.TPMCCNVRead }
			d := open(t, chip, Options{})
			if _, err := d.readNV(indexCertificate, maxNVIndex); err == nil || d.continues(err) != alone {
				t.Errorf("%#x to one command: %v, goes on %t, want %t", uint32(rc), err, d.continues(err), alone)
			}
			// The same of each command: only a broken chip says that.
			_, err := d.readNV(indexCertificate, maxNVIndex)
			chip.fault = func(int, tpm2.TPMCC) (tpm2.TPMRC, bool) { return rc, true }
			if want := !errors.Is(err, ErrFailure); d.continues(err) != want {
				t.Errorf("%#x to each command: goes on %t, want %t", uint32(rc), !want, want)
			}
			chip.fault = nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		d, err := newDevice(ctx, chip, Options{})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := d.readNV(indexCertificate, maxNVIndex); err == nil || d.continues(err) {
			t.Errorf("after the end of the run: %v, and the work goes on", err)
		}
		gone := &goneChip{TPM: chip}
		d = open(t, gone, Options{})
		gone.err = io.EOF
		if _, err := d.readNV(indexCertificate, maxNVIndex); !errors.Is(err, ErrNoDevice) || d.continues(err) {
			t.Errorf("of a chip that is gone: %v, and the work goes on", err)
		}
		if d := open(t, chip, Options{}); d.continues(nil) || !d.continues(ErrBusy) {
			t.Error("goesOn() of nothing, or not of one command that a chip was too busy for")
		}
	})
}

// goneChip is a transport that can fail.
type goneChip struct {
	transport.TPM
	err error
}

func (c *goneChip) Send(cmd []byte) ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	return c.TPM.Send(cmd)
}
