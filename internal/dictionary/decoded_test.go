package dictionary

import (
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rcDecode is what tpm2_rc_decode prints for a code.
func rcDecode(t *testing.T, code uint32) string {
	t.Helper()
	out, err := exec.Command("tpm2_rc_decode", fmt.Sprintf("%#x", code)).CombinedOutput()
	if err != nil {
		t.Fatalf("tpm2_rc_decode %#x (of tpm2-tools): %v: %s", code, err, out)
	}
	return strings.TrimSpace(string(out))
}

// specified are all codes of TPM 2.0 Part 2, table 16, without numbers.
func specified() []uint32 {
	var all []uint32
	for rc := range uint16(codeBits + 1) {
		if _, ok := lookup(rc); ok {
			all = append(all, uint32(rc))
		}
	}
	return all
}

// finds tells whether the text is explained as the code.
func finds(text string, code uint32) bool {
	want := stack(code)
	return len(want) == 1 && slices.ContainsFunc(Explain(text), func(e Entry) bool { return e.Code == want[0].Code && e.Name == want[0].Name })
}

// heads are what tpm2_rc_decode prints in front of a message, with N for a
// number, and a code for which it does. The texts of one code stand for those of
// the same message with another head, which saves running it for all 2,000.
var heads = map[string]uint32{
	"tpm:error(2.0): ": 0x101, "tpm:warn(2.0): ": 0x921,
	"tpm:handle(N):": 0x184, "tpm:parameter(N):": 0x1c4, "tpm:session(N):": 0x984,
	"rmt:error(2.0): ": 0xb0101, "rmt:warn(2.0): ": 0xb0921,
	"rmt:handle(N):": 0xb0184, "rmt:parameter(N):": 0xb01c4, "rmt:session(N):": 0xb0984,
	"fapi:": 0x6000a, "esapi:": 0x7000a, "sys:": 0x8000a, "mu:": 0x9000a, "tcti:": 0xa000a,
}

func TestHeadsAreThoseOfTheTool(t *testing.T) {
	for head, code := range heads {
		want := strings.Replace(head, "N", "1", 1) + message(t, code)
		if got := rcDecode(t, code); got != want {
			t.Errorf("tpm2_rc_decode %#x prints %q, not %q", code, got, want)
		}
	}
	for _, code := range []uint32{0x082, 0x0c2, 0x882} { // which one is not said
		if got := rcDecode(t, code); !strings.Contains(got, "(unk):") {
			t.Errorf("tpm2_rc_decode %#x prints %q, not (unk)", code, got)
		}
	}
}

var headPattern = regexp.MustCompile(`^[a-z]+:(?:[a-z]+\([^)]*\): ?)?`)

// message is what tpm2_rc_decode prints for a code, without the head.
func message(t *testing.T, code uint32) string {
	t.Helper()
	text := rcDecode(t, code)
	return strings.TrimPrefix(text, headPattern.FindString(text))
}

// TestDecodedCodesOfTheChip: what tpm2_rc_decode prints for every code of the
// chip, bare and by way of the resource manager, is explained as that code,
// alone and in a line of a log.
func TestDecodedCodesOfTheChip(t *testing.T) {
	checked := 0
	check := func(text string, code uint32) {
		t.Helper()
		checked++
		for _, text := range []string{text, "ERROR: Unable to run tpm2_createprimary, " + text, "[ERR!] - caused by: " + text + "\n"} {
			if !finds(text, code) {
				t.Errorf("Explain(%q) = %q, want %#x", text, brief(Explain(text)), code)
			}
		}
	}
	for _, base := range specified() {
		if base == badTag {
			continue // a text without a number, see below
		}
		message := message(t, base)
		for tag, upper := range map[string]uint32{"tpm:": 0, "rmt:": 11 << 16} {
			switch {
			case base&bitFormat1 != 0:
				for _, subject := range []string{"handle", "parameter", "session"} {
					for n := range 8 {
						check(fmt.Sprintf("%s%s(%d):%s", tag, subject, n, message), upper|numbered(uint16(base), subject, fmt.Sprint(n)))
					}
					check(tag+subject+"(unk):"+message, upper|base)
				}
			case base&bitWarning != 0:
				check(tag+"warn(2.0): "+message, upper|base)
			default:
				check(tag+"error(2.0): "+message, upper|base)
			}
		}
	}
	if checked < 1500 {
		t.Errorf("%d texts checked: is the table whole?", checked)
	}
	for _, code := range []uint32{0x500, 0x501, 0x57f, 0xd01, 0xb0501} {
		check(rcDecode(t, code), code)
	}
	// tpm2_rc_decode itself cuts these short.
	for code, want := range map[uint32]string{
		badTag:  "log line unknown version 1.2 error code",
		0xb001e: "log line unknown version 1.2 error code",
	} {
		if got := brief(Explain(rcDecode(t, code))); !slices.Equal(got, []string{want}) {
			t.Errorf("%#x, %q: %q, want %q", code, rcDecode(t, code), got, want)
		}
	}
	// Layer 12 has no texts: the number, in some versions without its end.
	for _, code := range []uint32{0xc0902, 0xc09a2, 0xc0143} {
		text := rcDecode(t, code)
		if got := brief(Explain(text)); !finds(text, code) && !slices.Equal(got, []string{"TPM software stack " + text + " cut off"}) {
			t.Errorf("%#x, %q: %q", code, text, got)
		}
	}
}

// TestDecodedCodesOfTheStack: every base code that has a text, of every layer
// that has them, and the number for those without.
func TestDecodedCodesOfTheStack(t *testing.T) {
	checked := 0
	for low := range stackCodes {
		message := message(t, 10<<16|low)
		for tag, layer := range map[string]uint32{"fapi:": 6, "esapi:": 7, "sys:": 8, "mu:": 9, "tcti:": 10} {
			code := layer<<16 | low
			checked++
			for _, text := range []string{tag + message, "ERROR: Could not load tcti, got: " + tag + message + ")"} {
				if !finds(text, code) {
					t.Errorf("Explain(%q) = %q, want %#x", text, brief(Explain(text)), code)
				}
			}
		}
	}
	if checked < 5*53 {
		t.Errorf("%d texts checked: is the table whole?", checked)
	}
	// The other way: no text of tss2_rc.c for a base code is missing here.
	for low := uint32(0x30); low < 0x40; low++ {
		text := rcDecode(t, 10<<16|low)
		if _, ok := stackCodes[low]; !ok && !strings.HasPrefix(text, "tcti:0x") {
			t.Errorf("%q is not in the table", text)
		}
	}
}

// TestDecodedTextsAreOfKnownCodes: the tables have no text without a meaning.
func TestDecodedTextsAreOfKnownCodes(t *testing.T) {
	for _, rc := range slices.Sorted(maps.Keys(decodedTexts)) {
		if _, ok := lookup(rc); !ok {
			t.Errorf("%#x has a text and no meaning", rc)
		}
	}
	for _, low := range slices.Sorted(maps.Keys(decodedStackTexts)) {
		if _, ok := stackCodes[low]; !ok {
			t.Errorf("%d has a text and no meaning", low)
		}
	}
}

// TestSpellings: codes as other programs write them.
func TestSpellings(t *testing.T) {
	const (
		badAuth   = "TPM 0x9a2 TPM_RC_BAD_AUTH (session 1)"
		value     = "TPM 0x1c4 TPM_RC_VALUE (parameter 1)"
		locked    = "TPM 0x921 TPM_RC_LOCKOUT"
		blocked   = "Windows 0x80280400 TPM_E_COMMAND_BLOCKED"
		noService = "Windows 0x80284008 TBS_E_SERVICE_NOT_RUNNING"
	)
	tests := []struct {
		text string
		want []string
	}{
		// Windows.
		{"-2144861184", []string{blocked}},
		{"\u22122144861184", []string{blocked}},
		{"-0x7FD7FC00", []string{blocked}},
		{"(0x80284008)", []string{noService}},
		// As languages and debuggers write numbers, and 64 bits long.
		{"FFFFFFFF80280400", []string{blocked}},
		{"0xFFFFFFFF80280400", []string{blocked}},
		{"0xffffffff80284008L", []string{noService}},
		{"18446744071564690432", []string{blocked}},
		{"0x80280400L", []string{blocked}},
		{"0x80280400u", []string{blocked}},
		{"80280400h", []string{blocked}},
		{"0x8028_0400", []string{blocked}},
		{"0x0000_0921", []string{locked}},
		{"98Eh", []string{"TPM 0x98e TPM_RC_AUTH_FAIL (session 1)"}},
		{"0xFFFFFFFF00000921", nil},
		{"18446744069414584320", nil},
		{"each", nil},
		{"batch", nil},
		{"0x_", nil},
		{"0X80284008", []string{noService}},
		{"80284008", []string{noService}},
		{"Get-Tpm : The TBS service is not running and could not be started. (Exception from HRESULT: 0x80284008)", []string{noService}},
		{"aziot-tpmd failed with exit code -2144845816, see the event log for the reason of that.", []string{noService}},
		{"ErrorCode=2150121480: the TPM could not be opened by the service that asked for it.", []string{noService}},
		{"At line:1 char:1\n+ Get-Tpm\n+ CategoryInfo : NotSpecified: (0x80284008)\n", []string{noService}},
		{"TBS_E_PROVISIONING_NOT_ALLOWED", []string{"Windows 0x80284013 TBS_E_PROVISIONING_NOT_ALLOWED"}},
		{"TPM_20_E_LOCKOUT", []string{locked}},
		{"Tpm2Lib.TpmException: Error {BadAuth} was returned for command CreatePrimary.", []string{"TPM 0xa2 TPM_RC_BAD_AUTH"}},
		{"[Code=TpmRc.NvSpace],[FullVal=331,0x14B]", []string{"TPM 0x14b TPM_RC_NV_SPACE"}},
		{"Error {Timeout} was returned", nil},
		// The kernel.
		{"tpm tpm0: A TPM error (2466) occurred attempting to create a null primary", []string{badAuth}},
		{"tpm tpm0: A TPM error (256) occurred attempting the self test", []string{"TPM 0x100 TPM_RC_INITIALIZE"}},
		{"[    1.234567] tpm tpm0: A TPM error (2314) occurred continue selftest", []string{"TPM 0x90a TPM_RC_TESTING"}},
		{"tpm tpm0: A TPM error (-62) occurred attempting get random", []string{"log line A TPM error (-"}},
		{"tpm tpm0: tpm_try_transmit: send(): error -5", []string{"log line tpm_try_transmit: send(): error"}},
		{"tpm tpm0: tpm_transmit: tpm_recv: error -5", []string{"log line tpm_try_transmit: send(): error"}},
		{"tpm_tis 00:05: tpm_transmit: tpm_send: error -62", []string{"log line tpm_try_transmit: send(): error"}},
		// Layers without texts, as tpm2-tss 4 prints them: the whole number.
		{"rm:0xC0143", []string{"TPM 0x000c0143 TPM_RC_COMMAND_CODE, handed on by the layer RESMGR_TPM"}},
		{"WARNING:esys: rmt:0xB0902", []string{"TPM 0x000b0902 TPM_RC_OBJECT_MEMORY, handed on by the layer RESMGR"}},
		{"ERROR: Unable to run tpm2_getcap, tcti:0xA000A", []string{"TPM software stack 0x000a000a TSS2_TCTI_RC_IO_ERROR"}},
		{"[    1.2] tpm tpm0: starting up the TPM manually", []string{"log line starting up the TPM manually"}},
		// The words of a message without what stands before them.
		{"out of memory for object contexts", []string{"TPM 0x902 TPM_RC_OBJECT_MEMORY"}},
		{"authorization failure without DA implications", []string{"TPM 0xa2 TPM_RC_BAD_AUTH"}},
		{"Authorization HMAC check failed and DA counter incremented.", []string{"TPM 0x8e TPM_RC_AUTH_FAIL"}},
		{"the TPM is in DA lockout mode", []string{locked}},
		{"the handle is not correct", []string{"TPM 0x8b TPM_RC_HANDLE"}},
		{"is not correct for the", nil},
		{"not enough", nil},
		{"tpm tpm0: TPM error (0x0000098e) occurred unsealing", []string{"TPM 0x98e TPM_RC_AUTH_FAIL (session 1)"}},
		// go-tpm, of today and before, and IBM's TSS.
		{"TPM_RC_VALUE (parameter 1): value is out of range or is not correct for the context", []string{value}},
		{"parameter 1, error code 0x4 : value is out of range or is not correct for the context", []string{value}},
		{"session 1, error code 0x22 : authorization failure without DA implications", []string{badAuth}},
		{"handle 1, error code 0xb : the handle is not correct for the use", []string{"TPM 0x18b TPM_RC_HANDLE (handle 1)"}},
		{"warning code 0x21 : authorizations for objects subject to DA protection are not allowed at this time", []string{locked}},
		{"error code 0x1 : commands not being accepted because of a TPM failure", []string{"TPM 0x101 TPM_RC_FAILURE"}},
		{"createprimary: failed, rc 000009a2\nTPM_RC_BAD_AUTH - authorization failure without DA implications Session number 1", []string{badAuth}},
		// Software TPMs.
		{"swtpm: libtpms/tpm2: Entering failure mode; code: 9, location: NvRead line 411", []string{"log line Entering failure mode; code"}},
		{"swtpm_setup: TPM2_NV_DefineSpace failed with result: 0x14c", []string{"TPM 0x14c TPM_RC_NV_DEFINED"}},
		{"TPM2_Startup failed: 0x100", []string{"TPM 0x100 TPM_RC_INITIALIZE"}},
		// tpm2-tss and resource managers.
		{"TSS2_ESAPI_RC_BAD_TR", []string{"TPM software stack 0x00070018 TSS2_ESYS_RC_BAD_TR"}},
		{"0xb001e", []string{"TPM 0x000b001e TPM_RC_BAD_TAG, handed on by the layer RESMGR"}},
		{"0x6001e", []string{"TPM software stack 0x0006001e TSS2_FAPI_RC_NOT_DELETABLE"}},
		{"fapi:0x36", []string{"TPM software stack 0x00060036 TSS2_FAPI_RC_CALLBACK_NULL"}},
		{"rm:0x902", []string{"TPM 0x000c0902 TPM_RC_OBJECT_MEMORY, handed on by the layer RESMGR_TPM"}},
		{"rmt:warn(2.0): out of memory for object contexts", []string{"TPM 0x000b0902 TPM_RC_OBJECT_MEMORY, handed on by the layer RESMGR"}},
		{"resmgr:warn(2.0): out of memory for object contexts", []string{"TPM 0x000b0902 TPM_RC_OBJECT_MEMORY, handed on by the layer RESMGR"}},
		{"TPM:SESSION(1): Authorization failure without DA implications.", []string{badAuth}},
		{"tpm:parameter(12):value is out of range or is not correct for the context", []string{"TPM 0xcc4 TPM_RC_VALUE (parameter 12)"}},
		// The same kind of code is not taken for one of another kind.
		{"tpm:error(2.0): the command was canceled", nil},
		{"tpm:warn(2.0): command code not supported", nil},
		{"tpm:IO failure", nil},
		{"tcti:success", nil},
		{"farm:0xC09", nil},
	}
	for _, tt := range tests {
		if got := brief(Explain(tt.text)); !slices.Equal(got, tt.want) {
			t.Errorf("Explain(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestLayersSayWhatTheChipSaid: with a layer in front, a code means what it
// means without, plus a sentence on the layer; what to do is the same.
func TestLayersSayWhatTheChipSaid(t *testing.T) {
	for _, base := range specified() {
		bare := stack(base)[0]
		for _, layer := range []uint32{11, 12} {
			got := stack(layer<<16 | base)
			if len(got) != 1 || got[0].Kind != kindTPM || !strings.HasPrefix(got[0].Means, bare.Means+". ") || got[0].Why != bare.Why || got[0].Do != bare.Do {
				t.Errorf("%#x with layer %d: %+v, want that of the chip", base, layer, got)
				continue
			}
			if rest := strings.TrimPrefix(got[0].Means, bare.Means+". "); !strings.Contains(rest, fmt.Sprintf("%#x", base)) || !strings.Contains(rest, "resource manager") {
				t.Errorf("%#x with layer %d: %q says nothing of the layer", base, layer, rest)
			}
		}
		got := chipCode(windowsFacility<<16 | base)
		if len(got) != 1 || got[0].Do != bare.Do || got[0].Means != bare.Means {
			t.Errorf("%#x of Windows: %+v, want that of the chip", base, got)
		}
	}
}
