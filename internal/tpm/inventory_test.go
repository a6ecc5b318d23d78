package tpm

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// What is put on the chip is in the list, and looking at it leaves nothing.
func TestInventory(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, err := d.EK()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Persist(ek, HandleEK); err != nil {
			t.Fatal(err)
		}
		before := len(chip.sent)
		i, err := d.Inventory()
		if err != nil {
			t.Fatal(err)
		}
		for _, cc := range chip.sent[before:] {
			if cc != tpm2.TPMCCGetCapability && cc != tpm2.TPMCCReadPublic && cc != tpm2.TPMCCNVReadPublic {
				t.Errorf("Inventory() sent %#x", uint32(cc))
			}
		}
		if len(i.Persistent) != 1 || i.Persistent[0].Handle != "0x81010001" || i.Persistent[0].Is != "an RSA 2048 endorsement key or the like" ||
			!strings.HasPrefix(i.Persistent[0].Name, "000b") || i.Persistent[0].NoDA {
			t.Errorf("Persistent = %+v", i.Persistent)
		}
		if len(i.Transient) != 1 || !strings.HasPrefix(i.Transient[0], "0x800000") {
			t.Errorf("Transient = %q, want the derived EK", i.Transient)
		}
		if len(i.Notes) != 0 {
			t.Errorf("Notes = %q", i.Notes)
		}
		text, err := json.Marshal(i)
		if err != nil || strings.Contains(string(text), "null") {
			t.Errorf("Marshal() = %s, %v", text, err)
		}
		if err := ek.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// An NV index is listed with its size and attributes.
func TestInventoryNV(t *testing.T) {
	chip := &recorder{t: implementations["swtpm"](t)}
	store(t, chip, 0x01500010, asMaker, pattern(40))
	i, err := open(t, chip, Options{}).Inventory()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(i.NV, func(n NVIndex) bool { return n.Index == "0x01500010" })
	if at < 0 {
		t.Fatalf("NV = %+v", i.NV)
	}
	if n := i.NV[at]; n.Size != 40 || n.Type != "ordinary" || !slices.Equal(n.Attributes, []string{"ppwrite", "ppread", "ownerread", "authread", "no_da", "written", "platformcreate"}) {
		t.Errorf("NV index = %+v", n)
	}
}

// What the chip refuses is told, and the rest is there.
func TestInventoryOfAnAngryChip(t *testing.T) {
	chip := &recorder{t: implementations["swtpm"](t)}
	d := open(t, chip, Options{})
	ek, err := d.EK()
	if err != nil {
		t.Fatal(err)
	}
	defer ek.Close()
	if err := d.Persist(ek, HandleEK); err != nil {
		t.Fatal(err)
	}
	chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) {
		return tpm2.TPMRCFailure, cc == tpm2.TPMCCReadPublic
	}
	i, err := d.Inventory()
	if err != nil || len(i.Persistent) != 1 || i.Persistent[0].Is != "" || len(i.Notes) != 1 || !strings.Contains(i.Notes[0], "0x81010001") {
		t.Errorf("Inventory() = %+v, %v", i, err)
	}
	chip.fault = func(int, tpm2.TPMCC) (tpm2.TPMRC, bool) { return tpm2.TPMRCFailure, true }
	if _, err := d.Inventory(); err == nil {
		t.Error("Inventory() of a chip that refuses everything: no error")
	}
	if _, err := d.Capabilities(); err == nil {
		t.Error("Capabilities() of a chip that refuses everything: no error")
	}
	chip.fault = nil
}

func TestCapabilities(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		before := len(chip.sent)
		c, err := d.Capabilities()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(chip.sent) - before; n != 3 {
			t.Errorf("Capabilities() sent %d commands, want 3", n)
		}
		if c.Manufacturer == "" || c.Firmware == "" || c.Hierarchies.OwnerAuthSet || !c.Hierarchies.OwnerEnabled || !c.Hierarchies.EndorsementEnabled {
			t.Errorf("Capabilities() = %+v", c)
		}
		if len(c.DPSCommands) != 7 || slices.ContainsFunc(c.DPSCommands, func(f CommandFact) bool { return !f.Has }) {
			t.Errorf("DPSCommands = %+v", c.DPSCommands)
		}
		for _, name := range []string{"INPUT_BUFFER", "MANUFACTURER", "NV_BUFFER_MAX"} {
			if !slices.ContainsFunc(c.Fixed, func(p Property) bool { return p.Name == name && p.Value != 0 }) {
				t.Errorf("Fixed has no %s", name)
			}
		}
		if !slices.ContainsFunc(c.Variable, func(p Property) bool { return p.Name == "LOCKOUT_COUNTER" && p.Code == "0x20e" }) {
			t.Errorf("Variable = %+v", c.Variable)
		}
		if !slices.IsSortedFunc(c.Fixed, func(a, b Property) int { return strings.Compare(a.Code, b.Code) }) {
			t.Error("Fixed is not in order")
		}
		for _, name := range []string{"rsa", "sha256", "hmac", "aes", "cfb"} {
			if !slices.Contains(c.Algorithms, name) {
				t.Errorf("Algorithms = %q, without %s", c.Algorithms, name)
			}
		}
		if !slices.Contains(c.Commands, "0x155") {
			t.Errorf("Commands = %q", c.Commands)
		}
	})
}

// The names of the package's own constants, so that no number is mistyped.
func TestPropertyNames(t *testing.T) {
	for code, want := range map[tpm2.TPMPT]string{
		tpm2.TPMPTInputBuffer: "INPUT_BUFFER", tpm2.TPMPTNVBufferMax: "NV_BUFFER_MAX", tpm2.TPMPTMaxCapBuffer: "MAX_CAP_BUFFER",
		tpm2.TPMPTPermanent: "PERMANENT", tpm2.TPMPTLockoutRecovery: "LOCKOUT_RECOVERY", tpm2.TPMPTAuditCounter1: "AUDIT_COUNTER_1",
		tpm2.TPMPTActiveSessionsMax: "ACTIVE_SESSIONS_MAX", tpm2.TPMPTTotalCommands: "TOTAL_COMMANDS",
	} {
		if got := propertyNames[code]; got != want {
			t.Errorf("%#x is %q, want %q", uint32(code), got, want)
		}
	}
}

// A chip that returns its handles in pieces is asked until it has told all; one
// that does not get on is not asked for ever.
func TestHandlesInPieces(t *testing.T) {
	all := []uint32{0x81000001, 0x81000100, 0x81010001}
	pieces := &pieceTeller{handles: all}
	got, err := open(t, pieces, Options{}).handles(0x81000000)
	if err != nil || !slices.Equal(got, all) {
		t.Errorf("handles() = %#x, %v, want %#x", got, err, all)
	}
	pieces = &pieceTeller{handles: all, stuck: true}
	if got, err := open(t, pieces, Options{}).handles(0x81000000); err == nil {
		t.Errorf("handles() of a chip that does not get on = %#x", got)
	}
}

// pieceTeller is a chip that tells one handle a command.
type pieceTeller struct {
	handles []uint32
	stuck   bool
}

func (p *pieceTeller) Send(cmd []byte) ([]byte, error) {
	property := uint32(cmd[14])<<24 | uint32(cmd[15])<<16 | uint32(cmd[16])<<8 | uint32(cmd[17])
	data := tpm2.TPMSCapabilityData{Capability: tpm2.TPMCapTPMProperties, Data: tpm2.NewTPMUCapabilities(tpm2.TPMCapTPMProperties, &tpm2.TPMLTaggedTPMProperty{})}
	more := byte(0)
	if cmd[13] == byte(tpm2.TPMCapHandles) {
		list := &tpm2.TPMLHandle{}
		for i, h := range p.handles {
			if h >= property || p.stuck {
				list.Handle = []tpm2.TPMHandle{tpm2.TPMHandle(h)}
				if i < len(p.handles)-1 {
					more = 1
				}
				break
			}
		}
		data = tpm2.TPMSCapabilityData{Capability: tpm2.TPMCapHandles, Data: tpm2.NewTPMUCapabilities(tpm2.TPMCapHandles, list)}
	}
	body := append([]byte{more}, tpm2.Marshal(data)...)
	size := responseHeader + len(body)
	return append([]byte{0x80, 0x01, 0, 0, byte(size >> 8), byte(size), 0, 0, 0, 0}, body...), nil
}
