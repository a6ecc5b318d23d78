package dictionary

import "strconv"

// Advice is what to do about a code of DPS: its error code of six digits or its
// HTTP status. It is empty for a code that is not known.
func Advice(code int) string {
	for _, e := range services {
		if e.Kind == kindDPS && e.Code == strconv.Itoa(code) {
			return e.Do
		}
	}
	return ""
}

// TPMAdvice is what to do about a response code of the chip (TPM_RC), bare or
// handed on by a layer of the software around it: the TSS, a resource manager,
// Windows. Codes of those layers themselves count too. It is what explain prints
// for the code, and empty for a code that is not known.
func TPMAdvice(code uint32) string {
	for _, e := range chipCode(code) {
		return e.Do
	}
	return ""
}

// ExitAdvice is what to do about an exit code of this program where nothing
// more is known.
func ExitAdvice(code int) string {
	for _, e := range exitCodes {
		if e.code == code {
			return e.do
		}
	}
	return ""
}

// ExitNames are the names of this program's exit codes, one or two words each.
func ExitNames() map[int]string {
	names := map[int]string{}
	for _, e := range exitCodes {
		names[e.code] = e.name
	}
	return names
}
