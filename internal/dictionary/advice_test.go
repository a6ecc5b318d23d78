package dictionary

import (
	"slices"
	"strings"
	"testing"
)

// TestAdviceIsConcrete: what to do about a code of the chip names a command, a
// flag, a device or something to switch; the sentence for all others is only for
// codes that no chip may send.
func TestAdviceIsConcrete(t *testing.T) {
	things := []string{"tpm2_", "tpmdps", "--", "/dev/", "firmware", "machine", "again"}
	for _, rc := range specified() {
		advice := TPMAdvice(rc)
		if text, _ := lookup(uint16(rc)); text.do == "" && text.means != "not in use" {
			t.Errorf("%#x %s has no advice of its own", rc, text.name)
		}
		if !slices.ContainsFunc(things, func(s string) bool { return strings.Contains(advice, s) }) {
			t.Errorf("%#x: %q names nothing to type or to do", rc, advice)
		}
	}
	for low, text := range stackCodes {
		if text.do == "" {
			t.Errorf("%d %s has no advice", low, text.name)
		}
	}
	for n, text := range windowsCodes {
		if text.do == "" {
			t.Errorf("%#x %s has no advice", n, text.name)
		}
	}
}

// TestAdviceOfSingleCodes holds the advice to what is known of the codes that
// machines really show.
func TestAdviceOfSingleCodes(t *testing.T) {
	tests := []struct {
		code      uint32
		want, not []string
	}{
		{0x12d, []string{"finish the firmware update", "off and on"}, nil},
		{0x100, []string{"off and on", "tpm2_startup", "startup-clear"}, nil},
		{0x101, []string{"off and on", "tpm2_gettestresult"}, nil},
		// tpmdps repeats these by itself; for how long, and what then.
		{0x908, []string{"repeats the command by itself", "10 seconds", "if it still fails"}, nil},
		{0x909, []string{"repeats the command by itself", "10 seconds", "if it still fails"}, nil},
		{0x922, []string{"repeats the command by itself", "10 seconds", "if it still fails"}, nil},
		{0x90a, []string{"repeats the command by itself", "60 seconds", "if it still fails", "tpm2_gettestresult"}, nil},
		{0x920, []string{"repeats the command by itself", "60 seconds", "if it still fails"}, nil},
		{0x923, []string{"repeats the command by itself", "60 seconds", "if it still fails"}, nil},
		// Leftovers: keys are flushed with -t, sessions with -l and -s.
		{0x902, []string{"/dev/tpmrm0", "tpm2_flushcontext -t"}, []string{"-s"}},
		{0x906, []string{"/dev/tpmrm0", "tpm2_flushcontext -t"}, []string{"-s"}},
		{0x903, []string{"/dev/tpmrm0", "tpm2_flushcontext -l", "-s"}, []string{"-t"}},
		{0x905, []string{"/dev/tpmrm0", "tpm2_flushcontext -l", "-s"}, []string{"-t"}},
		{0x904, []string{"/dev/tpmrm0", "tpm2_flushcontext -t", "tpm2_flushcontext -l"}, nil},
		{0x901, []string{"tpm2_flushcontext -l", "-s"}, nil},
		{0x921, []string{"wait", "lockout hierarchy's password", "tpm2_dictionarylockout --clear-lockout"}, []string{"--owner-auth-file"}},
		// The owner and endorsement hierarchies are not counted, so a counted
		// failure is a key's, for which there is no flag.
		{0x98e, []string{"do not guess", "tpm2_evictcontrol"}, []string{"--owner-auth-file", "--endorsement-auth-file"}},
		{0x9a2, []string{"--owner-auth-file", "--endorsement-auth-file", "tpm2_evictcontrol"}, nil},
		{0x143, []string{"tpmdps verify --offline"}, nil},
		{0x185, []string{"restart", "firmware setup"}, nil},
		{0x14b, []string{"tpm2_getcap handles-persistent", "tpm2_getcap handles-nv-index", "tpm2_evictcontrol", "tpm2_nvundefine", "Keep the EK certificates"}, nil},
		{0xb0143, []string{"tpmdps verify --offline"}, nil},
		{0xb0902, []string{"tpm2_flushcontext -t"}, nil},
		{0x8028098e, []string{"do not guess"}, nil},
		{0x80284008, []string{"sc start TBS"}, nil},
	}
	for _, tt := range tests {
		got := TPMAdvice(tt.code)
		for _, part := range tt.want {
			if !strings.Contains(got, part) {
				t.Errorf("TPMAdvice(%#x) = %q, want %q in it", tt.code, got, part)
			}
		}
		for _, part := range tt.not {
			if strings.Contains(got, part) {
				t.Errorf("TPMAdvice(%#x) = %q, does not want %q in it", tt.code, got, part)
			}
		}
	}
}
