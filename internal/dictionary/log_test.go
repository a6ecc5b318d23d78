package dictionary

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ordinary are lines that machines with IoT Edge log when all is well, with a
// number where the code of an error could stand by chance: SIX has six digits,
// DEC a TPM's code in decimal, HEX one in hexadecimal with 0x, RAW one without.
var ordinary = []string{
	"Nov 25 12:00:01 box-7 aziot-edged[SIX]: 2026-11-25T12:00:01.SIXZ [INFO] - Listening on unix:///var/run/iotedge/workload.sock with 1 thread for workload API.",
	"Nov 25 12:00:01 box-7 aziot-tpmd[DEC]: 2026-11-25T12:00:01Z [INFO] - Starting service...",
	"Nov 25 12:00:01 box-7 systemd[1]: aziot-identityd.service: Main process exited with code 0, pid SIX",
	"<6> 2026-11-25 12:00:01.SIX +00:00 [INF] [EdgeHub] - Client connection for device box-7/$edgeAgent from 172.18.0.3:DEC, id SIX",
	"<6> 2026-11-25 12:00:01.004 +00:00 [INF] - Result: sent SIX messages, 0 errors, took DEC ms",
	"2026-11-25T12:00:01.SIXZ [INFO] - Successfully started module edgeHub, request returned SIX bytes",
	"2026-11-25T12:00:01Z [INFO] - <-- GET /modules?api-version=2020-07-07 200 OK in DEC ms, size=SIX",
	"2026-11-25T12:00:01Z [INFO] - module tempSensor exited with code 20, container id RAW0e8f8c2a",
	"2026-11-25T12:00:01Z [INFO] - module tempSensor exited with status 31 and will be restarted in 10 s",
	"2026-11-25T12:00:01Z [INFO] - Pulling image mcr.microsoft.com/azureiotedge-hub@sha256:SIXe2c2RAW0f, error count SIX",
	"2026-11-25T12:00:01Z [INFO] - correlation b7c5SIX-SIX-40a2-8d1e-SIX00000001, status ok",
	"2026-11-25T12:00:01Z [WARN] - retry after SIX seconds, serial SIX, build 1.4.SIX, version SIX",
	"2026-11-25T12:00:01Z [WARN] - cannot open /var/lib/aziot/SIX/HEX/0x9a2.pem, using port SIX and uid SIX",
	"dockerd[DEC]: time=\"2026-11-25T12:00:01.SIXZ\" level=warning msg=\"error cleaning up\" container=RAW04f0 pid=SIX uid=SIX",
	"kernel: [  404.SIX] BIOS-e820: [mem HEX-0x00000000fffffRAW] reserved, error handling on",
	"kernel: [    0.000000] ACPI: PM-Timer IO Port: HEX, error reporting enabled",
	"kernel: [    1.204201] microcode: sig=HEX, pf=HEX, revision=HEX, date = 2024-05-01",
	"kernel: [    1.204201] usb 1-1: New USB device found, idVendor=1d6b, idProduct=HEX, bcdDevice=HEX, class HEX of the bus",
	"kernel: [    1.204201] tpm_tis MSFT0101:00: 2.0 TPM (device-id HEX, rev-id 22)",
	"kernel: [    1.204201] pci 0000:00:1f.0: reg 0x10: [io HEX-HEX], resource of the first bridge",
	"kernel: audit: type=1400 audit(1764072001.SIX:DEC): apparmor=\"STATUS\" pid=SIX comm=\"apparmor_parser\"",
	"chronyd[SIX]: System clock was stepped by 0.SIX seconds, error bound -0.SIX",
	"sshd[SIX]: Accepted publickey for admin from 10.4.0.1 port DEC ssh2: RSA SHA256:SIXabc, failed 0",
	"tpm2_getcap: TPM2_CC_StartAuthSession: command HEX of the TPM, vendor HEX, handle HEX, pcr HEX",
	"aziot-tpmd[SIX]: DEBUG:esys:esys_iutil.c:SIX: handle=HEX size=HEX offset: HEX flags HEX",
	"curl: HTTP/1.1 200 OK, response SIX bytes in 0.404 s, answered 500 requests, response 429 ms",
}

// errorNumbers are those that are codes of something.
func errorNumbers() (six, dec []string) {
	for _, e := range services {
		if len(e.Code) == 6 {
			six = append(six, e.Code)
		}
	}
	for _, rc := range specified() {
		dec = append(dec, strconv.Itoa(int(rc)))
	}
	return six, append(dec, "2466", "2446", "395", "708")
}

// TestOrdinaryLogsExplainNothing: no number of an ordinary line is taken for a
// code, whichever number it is; one by one, and in a log of all of them that ends in errors.
func TestOrdinaryLogsExplainNothing(t *testing.T) {
	six, dec := errorNumbers()
	var log strings.Builder
	for i := range len(six) {
		n, _ := strconv.Atoi(dec[i*len(dec)/len(six)])
		fill := strings.NewReplacer("SIX", six[i], "DEC", strconv.Itoa(n), "HEX", fmt.Sprintf("%#x", n), "RAW", fmt.Sprintf("%x", n))
		for _, line := range ordinary {
			line = fill.Replace(line)
			if got := brief(Explain(line)); len(got) > 0 {
				t.Errorf("Explain(%q) = %q, want nothing", line, got)
			}
			log.WriteString(line + "\n")
		}
	}
	// A log of all of these, with errors at its end, shows the errors alone.
	log.WriteString(`aziot-tpmd[404202]: ERROR:esys: Error ReadPublic ErrorCode (0x0000018b)
caused by: PUT /register: error 404201: Enrollment not found.
caused by: tcti:IO failure
tpmdps[404202]: exit status 31
the service failed with -2144861184
`)
	want := []string{ // the deepest first: the chip, the software around it, the service
		"TPM 0x18b TPM_RC_HANDLE (handle 1)", "Windows 0x80280400 TPM_E_COMMAND_BLOCKED",
		"TPM software stack 0x000a000a TSS2_TCTI_RC_IO_ERROR", "DPS 404201", "exit code 31 device-refused",
	}
	if got := brief(Explain(log.String())); !slices.Equal(got, want) {
		t.Errorf("a log of %d bytes with five errors: %q, want %q", log.Len(), got, want)
	}
}

// TestRandomNumbersExplainNothing: dates, addresses, hashes, identifiers and
// sizes that were drawn at random.
func TestRandomNumbersExplainNothing(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return hex.EncodeToString(b)
	}
	for range 300 {
		line := fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ box aziot-edged[%d]: [INFO] - status of %s at 10.%d.%d.%d:%d is running, sha256:%s, id %s-%s-%s, pid %d, %d bytes, %d%%",
			2020+r.IntN(20), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e6), r.IntN(1<<22), random(6),
			r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(1<<16), random(32), random(4), random(2), random(6), r.IntN(1<<22), r.IntN(1e7), r.IntN(1000))
		if got := brief(Explain(line)); len(got) > 0 {
			t.Fatalf("seed %d: Explain(%q) = %q, want nothing", seed, line, got)
		}
	}
}
