package tpm

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm/softtpmtest"
)

// A chip that reads less in one command than it says, or than is usual, is
// asked for less, down to what the TCG demands of each.
func TestReadNVFromAChipOfSmallBlocks(t *testing.T) {
	bufferMax := func(reported uint32) softtpmtest.Quirk {
		return softtpmtest.WithProperty(tpm2.TPMPTNVBufferMax, reported)
	}
	absent := softtpmtest.WithoutProperty(tpm2.TPMPTNVBufferMax)
	param := func(rc tpm2.TPMRC, n tpm2.TPMRC) tpm2.TPMRC { return rc + 0x40 + n<<8 }
	onEach(t, func(t *testing.T, chip *recorder) {
		const index, second = 0x01c00200, 0x01c00201
		want := pattern(1600)
		store(t, chip, index, asMaker, want)
		store(t, chip, second, asMaker, want)
		for name, tt := range map[string]struct {
			quirk softtpmtest.Quirk
			reads int // of both indices
		}{
			"says 2048, reads 1024":          {softtpmtest.Quirks(bufferMax(2048), softtpmtest.MostNVBytes(1024, param(tpm2.TPMRCValue, 1))), 1 + 2 + 2 + 1},
			"says 2048, reads 512":           {softtpmtest.Quirks(bufferMax(2048), softtpmtest.MostNVBytes(512, param(tpm2.TPMRCSize, 1))), 2 + 4 + 4},
			"says 4096, reads 768":           {softtpmtest.Quirks(bufferMax(4096), softtpmtest.MostNVBytes(768, tpm2.TPMRCNVRange)), 2 + 4 + 4},
			"says 0, reads 512":              {softtpmtest.Quirks(bufferMax(0), softtpmtest.MostNVBytes(512, tpm2.TPMRCValue)), 1 + 4 + 4},
			"says nothing, reads 1000":       {softtpmtest.Quirks(absent, softtpmtest.MostNVBytes(1000, tpm2.TPMRCSize)), 1 + 4 + 4},
			"says nothing":                   {absent, 2 + 2},
			"says 0xffffffff":                {bufferMax(0xffffffff), 2 + 2},
			"says 2048, gives 700 of more":   {softtpmtest.Quirks(bufferMax(2048), softtpmtest.ShortNVReads(700)), 2 + 4 + 4},
			"says 2048, refuses as reserved": {softtpmtest.Quirks(bufferMax(2048), softtpmtest.MostNVBytes(1024, param(tpm2.TPMRCReservedBits, 1))), 1 + 2 + 2 + 1},
		} {
			d := open(t, softtpmtest.Quirky(chip, softtpmtest.Quirks(tt.quirk)), Options{})
			asked := 0
			d.t.t = softtpmtest.Quirky(d.t.t, func(command []byte, _ func([]byte) []byte) []byte {
				if softtpmtest.CommandCode(command) == tpm2.TPMCCNVRead {
					asked++
				}
				return nil
			})
			for _, index := range []uint32{index, second} {
				if got, err := d.readNV(index, maxNVIndex); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: readNV(%#x) = %d bytes, %v", name, index, len(got), err)
				}
			}
			if asked > tt.reads {
				t.Errorf("%s: %d commands, want %d: what the chip refused was not remembered", name, asked, tt.reads)
			}
		}
		// Below what the TCG demands nothing is tried.
		d := open(t, softtpmtest.Quirky(chip, softtpmtest.MostNVBytes(511, tpm2.TPMRCSize)), Options{})
		if _, err := d.readNV(index, maxNVIndex); !errors.Is(err, tpm2.TPMRCSize) || !d.continues(err) {
			t.Errorf("of a chip that reads less than 512 bytes: %v", err)
		}
	})
}

// An index whose attributes do not say that it was written is tried.
func TestReadNVWithoutWritten(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		store(t, chip, 0x01c00200, asMaker, pattern(700))
		define(t, chip, 0x01c00201, asMaker, 700, "")
		d := open(t, softtpmtest.Quirky(chip, softtpmtest.Unwritten()), Options{})
		if got, err := d.readNV(0x01c00200, maxNVIndex); err != nil || !bytes.Equal(got, pattern(700)) {
			t.Errorf("readNV() = %d bytes, %v", len(got), err)
		}
		if _, err := d.readNV(0x01c00201, maxNVIndex); !d.continues(err) || !strings.Contains(err.Error(), "nothing was written to it") {
			t.Errorf("readNV() of an empty index: %v", err)
		}
	})
}
