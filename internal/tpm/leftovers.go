package tpm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// sweepLimit bounds the clean-up on a connection that is opened again.
const sweepLimit = 10 * time.Second

// managed says whether something between program and chip, the kernel's resource
// manager or the TPM Base Services, takes what a program made off the chip when
// its connection ends.
func managed(addr Address) bool {
	switch addr.kind {
	case addressDefault: // of Windows; on Linux the address is that of the device
		return true
	case addressDevice:
		return strings.HasPrefix(filepath.Base(addr.path), "tpmrm")
	}
	return false
}

// Managed tells whether a resource manager stands between program and chip, so
// that nothing of a program that was killed stays there.
func (d *Device) Managed() bool { return managed(d.address) }

// watch has a device without a resource manager note what it makes on the chip.
func (d *Device) watch() {
	if d.Managed() {
		return
	}
	if d.opts.Ledgers == "" || !hasLedgers {
		return
	}
	if !d.opts.keepLeftovers {
		d.settle()
	}
	d.t.holds.first = d.begin
}

// begin notes what is on the chip before this run makes anything there, and
// begins a ledger. A chip that does not tell is used without.
func (d *Device) begin() {
	before, err := d.occupied()
	if err != nil {
		d.t.log.Debug("what is in the TPM's memory", "error", err)
		return
	}
	h := &d.t.holds
	h.before, h.known = before, true
	h.ledger, err = newLedger(d.opts.Ledgers, d.address, beginning{time.Now(), before})
	if err != nil {
		d.t.log.Debug("no ledger of what is made on the TPM", "error", err)
	}
}

// occupied lists the transient objects and the loaded sessions: two commands.
// Saved sessions are not part of it: this program saves none.
func (d *Device) occupied() ([]tpm2.TPMHandle, error) {
	objects, err := d.handles(kindTransient << 24)
	if err != nil {
		return nil, err
	}
	sessions, err := d.sessions(kindHMACSession)
	if err != nil {
		return nil, err
	}
	all := []tpm2.TPMHandle{}
	for _, h := range append(objects, sessions...) {
		all = append(all, tpm2.TPMHandle(h))
	}
	return all, nil
}

// settle flushes what runs of this program left on the chip when they were
// killed, and says so. It never fails: what it cannot do, the first command
// without room tells.
func (d *Device) settle() {
	for _, f := range leftLedgers(d.opts.Ledgers, d.address) {
		e, begun := readLedger(f)
		if begun && d.sameStart(e.beginning) {
			d.inherit(e)
		}
		os.Remove(f.Name())
		f.Close()
	}
}

// sameStart says whether the chip runs since before a ledger was begun: a start
// empties its memory. The chip counts the time since its last one (TPM 2.0 Part 1,
// 36.3). Where the clocks leave it open, it was started since.
func (d *Device) sameStart(b beginning) bool {
	age := time.Since(b.Began) // before the chip reads its clock: an answer may come late
	now, err := run(d, "read the chip's clock", tpm2.ReadClock{})
	if err != nil {
		return false
	}
	return runsSince(time.Duration(now.CurrentTime.Time)*time.Millisecond, age)
}

// runsSince says whether a chip that runs for a time was running an age ago. Its
// clock may be slow by 15 % (Part 1, 36.1).
func runsSince(running, age time.Duration) bool {
	const tolerance = time.Second
	return age >= 0 && running+running/5+tolerance >= age
}

// inherit flushes what a leftover names and the chip still has.
func (d *Device) inherit(e leftover) {
	present, err := d.occupied()
	if err != nil {
		return
	}
	objects, sessions := 0, 0
	for _, handle := range e.find(present) {
		isObject := handle>>24 == kindTransient
		if isObject && !d.mayBeOurs(handle) || d.flush(handle) != nil {
			continue
		}
		if isObject {
			objects++
		} else {
			sessions++
		}
	}
	if objects+sessions > 0 && d.opts.Flushed != nil {
		d.opts.Flushed(fmt.Sprintf("flushed what a run of tpmdps left on the chip when it was killed: %s", counted(objects, sessions)))
	}
}

// find finds the leftover among what is on the chip: what its run is known to have
// made, and what came of the command that was not answered, as long as that is
// only one thing.
func (e leftover) find(present []tpm2.TPMHandle) []tpm2.TPMHandle {
	var known, possible []tpm2.TPMHandle
	for _, handle := range present {
		switch isSession := handle>>24 != kindTransient; {
		case slices.Contains(e.Before, handle):
		case e.handles[handle]:
			known = append(known, handle)
		case e.unanswered != 0 && isSession == (e.unanswered == tpm2.TPMCCStartAuthSession):
			possible = append(possible, handle)
		}
	}
	if len(possible) == 1 {
		known = append(known, possible[0])
	}
	return known
}

// mayBeOurs says whether an object is of a kind that this program makes: a key
// like the EK or the SRK, or one from DPS.
func (d *Device) mayBeOurs(handle tpm2.TPMHandle) bool {
	rsp, err := run(d, "look at what was left", tpm2.ReadPublic{ObjectHandle: handle})
	if err != nil {
		return false
	}
	public, err := contents(tpm2.TPMCCReadPublic, &rsp.OutPublic)
	if err != nil {
		return false
	}
	a := public.ObjectAttributes
	return a.Restricted && a.Decrypt || isDPSKey(*public)
}

// counted says how many objects and sessions there are: "2 keys and 1 session".
func counted(objects, sessions int) string {
	var parts []string
	for _, part := range []struct {
		n    int
		name string
	}{{objects, "key"}, {sessions, "session"}} {
		switch {
		case part.n == 1:
			parts = append(parts, "1 "+part.name)
		case part.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", part.n, part.name))
		}
	}
	return strings.Join(parts, " and ")
}

// sweep flushes what this run left on the chip because an answer did not say what
// it had made, or said it wrongly. Where the connection is out of step, that is
// done on a new one.
func (d *Device) sweep() (err error) {
	h := &d.t.holds
	broken := d.t.desynchronized()
	if d.reopen == nil || d.Managed() || d.t.dead != nil && !broken || !h.doubted && h.clean() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.t.ctx), sweepLimit)
	defer cancel()
	t := d.t.t
	if broken {
		again, err := d.reopen(ctx)
		if err != nil {
			return fmt.Errorf("clean up: %w", err)
		}
		t, d.close = again, again.Close
	}
	cleaner := &Device{address: d.address, t: newGuard(ctx, t, d.t.log), roles: d.roles}
	present, err := cleaner.occupied()
	if err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	for _, handle := range present {
		_, made := h.handles[handle]
		if made || h.known && !slices.Contains(h.before, handle) {
			err = errors.Join(err, cleaner.flush(handle))
		}
	}
	if err == nil {
		h.swept()
	}
	return err
}
