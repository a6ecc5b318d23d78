package tpm

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm/softtpmtest"
)

// implementations are the TPMs that every test of a chip's behaviour runs on.
// The simulator is added in builds with cgo: another chip in each test, while that
// of swtpm is one that derives its keys fast.
var implementations = map[string]func(testing.TB) transport.TPM{
	"swtpm": func(tb testing.TB) transport.TPM {
		addr, err := ParseAddress(softtpmtest.Start(tb, "blank").Address())
		if err != nil {
			tb.Fatal(err)
		}
		_, conn, err := connect(context.Background(), addr)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { conn.Close() })
		return conn
	},
}

// onEach runs a test on a blank chip of each implementation, and fails it when
// the chip is not left as it was found.
func onEach(t *testing.T, test func(t *testing.T, chip *recorder)) {
	for name, open := range implementations {
		t.Run(name, func(t *testing.T) { onChip(t, open, test) })
	}
}

// onChip is onEach with one implementation.
func onChip(t *testing.T, open func(testing.TB) transport.TPM, test func(t *testing.T, chip *recorder)) {
	chip := &recorder{t: open(t)}
	test(t, chip)
	chip.fault = nil
	if left := leftovers(t, chip); len(left) > 0 {
		t.Errorf("left on the chip: %#x", left)
	}
}

// recorder is a transport that notes every command, and can be told to answer
// one in the chip's stead.
type recorder struct {
	t     transport.TPM
	sent  []tpm2.TPMCC
	bytes []byte                                        // everything that crossed the bus
	fault func(n int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) // called with the count of this command
}

func (r *recorder) Send(cmd []byte) ([]byte, error) {
	cc := tpm2.TPMCC(binary.BigEndian.Uint32(cmd[6:10]))
	r.sent = append(r.sent, cc)
	if r.fault != nil {
		if rc, ok := r.fault(r.count(cc), cc); ok {
			rsp := []byte{0x80, 0x01, 0, 0, 0, responseHeader, 0, 0, 0, 0}
			binary.BigEndian.PutUint32(rsp[6:], uint32(rc))
			return rsp, nil
		}
	}
	// Noted before it is sent: the simulator decrypts in the buffer it is given.
	r.bytes = append(r.bytes, cmd...)
	rsp, err := r.t.Send(cmd)
	r.bytes = append(r.bytes, rsp...)
	return rsp, err
}

func (r *recorder) count(cc tpm2.TPMCC) int {
	n := 0
	for _, c := range r.sent {
		if c == cc {
			n++
		}
	}
	return n
}

// leftovers lists transient objects and sessions, loaded or saved.
func leftovers(tb testing.TB, t transport.TPM) []uint32 {
	tb.Helper()
	var all []uint32
	for _, kind := range []uint32{0x80000000, 0x02000000, 0x03000000} {
		// Not Device.handles: a loaded policy session is listed with those of the
		// second kind, by a handle of the third.
		rsp, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: kind, PropertyCount: 64}.Execute(t)
		if err != nil {
			tb.Fatal(err)
		}
		list, err := rsp.CapabilityData.Data.Handles()
		if err != nil {
			tb.Fatal(err)
		}
		for _, h := range list.Handle {
			all = append(all, uint32(h))
		}
	}
	return all
}

func open(tb testing.TB, t transport.TPM, o Options) *Device {
	tb.Helper()
	d, err := newDevice(context.Background(), t, o)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// keys opens EK and SRK and closes them with the test.
func keys(tb testing.TB, d *Device) (ek, srk *Key) {
	tb.Helper()
	ek, err := d.EK()
	if err != nil {
		tb.Fatal(err)
	}
	srk, err = d.SRK()
	if err != nil {
		tb.Fatal(err)
	}
	return ek, srk
}

func closeAll(tb testing.TB, closers ...interface{ Close() error }) {
	tb.Helper()
	for _, c := range slices.Backward(closers) {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	}
}

func mac(key, data []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(data)
	return m.Sum(nil)
}

// onEachUnclean is onEach for tests that look themselves at what is left.
func onEachUnclean(t *testing.T, test func(t *testing.T, chip *recorder)) {
	for name, open := range implementations {
		t.Run(name, func(t *testing.T) { test(t, &recorder{t: open(t)}) })
	}
}
