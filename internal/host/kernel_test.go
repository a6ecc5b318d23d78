package host

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// messages are of kernels 4.19 to 6.1.
const kernelMessages = `6,1,0,-;Command line: BOOT_IMAGE=/vmlinuz root=/dev/sda1 luks.password=canary tpm_password=canary tpm_tis.interrupts=0 quiet
6,2,4001,-;ACPI: TPM2 0x000000007B7C9000 00004C (v04 ALASKA A M I    00000001 AMI  00000000)
5,3,5000,-;httpmod: loaded
6,4,812345,-,caller=T1;tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1B, rev-id 16)
 SUBSYSTEM=acpi
 DEVICE=+acpi:MSFT0101:00
3,5,1812345,-;tpm tpm0: A TPM error (2314) occurred attempting the self test
6,6,1900000,-;ima: No TPM chip found, activating TPM-bypass!
6,7,1900001,-;ima: Allocated hash algorithm: sha256
30,8,2000000,-;systemd[1]: tpm2.target says canary
7,9,2000001,-;    tpm_password=canary
garbage
6,x,1,-;tpm0
6,10,3812345000,c;tpm_crb MSFT0101:00: [Firmware Bug]: ACPI region does not cover the entire command/response buffer.\x0a\x1b[31m
`

func TestKernelFilter(t *testing.T) {
	want := []string{
		`[    0.000000] on the kernel's command line: tpm_tis.interrupts=0`,
		`[    0.004001] ACPI: TPM2 0x000000007B7C9000 00004C (v04 ALASKA A M I 00000001 AMI 00000000)`,
		`[    0.812345] tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1B, rev-id 16)`,
		`[    1.812345] tpm tpm0: A TPM error (2314) occurred attempting the self test`,
		`[    1.900000] ima: No TPM chip found, activating TPM-bypass!`,
		`[ 3812.345000] tpm_crb MSFT0101:00: [Firmware Bug]: ACPI region does not cover the entire command/response buffer.\x0a\x1b[31m`,
	}
	for _, piece := range []int{1, 7, 100000} {
		var k kernelFilter
		for part := range slices.Chunk([]byte(kernelMessages), piece) {
			k.Write(part)
		}
		if got := k.log(); !slices.Equal(got.Lines, want) || got.Omitted != 0 {
			t.Errorf("in pieces of %d: %q", piece, got.Lines)
		}
	}
}

// A kernel that complains without end fills no disk: the start and the end stay.
func TestKernelFilterIsBounded(t *testing.T) {
	var k kernelFilter
	for i := range 2000 {
		fmt.Fprintf(&k, "3,%d,%d,-;tpm tpm0: number %d %s\n", i, i, i, strings.Repeat("ü", 1000))
	}
	log := k.log()
	if len(log.Lines) != firstLines+lastLines || log.Omitted != 2000-firstLines-lastLines {
		t.Fatalf("%d lines, %d omitted", len(log.Lines), log.Omitted)
	}
	if !strings.Contains(log.Lines[0], "number 0 ") || !strings.Contains(log.Lines[len(log.Lines)-1], "number 1999 ") {
		t.Errorf("from %.60q to %.60q", log.Lines[0], log.Lines[len(log.Lines)-1])
	}
	if line := log.Lines[0]; len(line) > maxLine+100 || !utf8.ValidString(line) {
		t.Errorf("a line of %d bytes: %q", len(line), line)
	}
	k = kernelFilter{}
	k.Write(make([]byte, 1<<20)) // no end of a line
	if len(k.rest) > 4*maxRecord {
		t.Errorf("%d bytes are kept of what is no record", len(k.rest))
	}
}

func FuzzKernelFilter(f *testing.F) {
	for line := range strings.Lines(kernelMessages) {
		f.Add([]byte(line))
	}
	f.Add([]byte("6,18446744073709551615,18446744073709551615,-;tpm\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var k kernelFilter
		k.Write(data)
		k.Write([]byte("\n"))
		for _, line := range k.log().Lines {
			if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\x1b") || len(line) > maxLine+100 {
				t.Errorf("%q becomes %q", data, line)
			}
		}
	})
}
