package dictionary

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// number explains a text that is nothing but a code. One without a prefix can
// be read in more than one way: exit codes and HTTP statuses are written in
// decimal, the chip's codes in decimal by the Linux kernel and by old versions
// of IoT Edge, and in hexadecimal, often without 0x, by everybody else.
func number(text string) []Entry {
	if rest, ok := cutPrefixFold(text, "connack"); ok {
		return connack(strings.Trim(rest, " :#"))
	}
	for _, prefix := range []string{"exit code", "exit status", "exit"} {
		if rest, ok := cutPrefixFold(text, prefix); ok {
			return exitCode(strings.Trim(rest, " :#"))
		}
	}
	text = respelled(text)
	if digits, ok := cutPrefixFold(text, "0x"); ok {
		return hexadecimal(digits)
	}
	if found := append(verifyStep(text), trust(text, false)...); len(found) > 0 {
		return found
	}
	found := append(exitCode(text), service(text)...)
	switch {
	case len(text) == 1:
		return append(found, connack(text)...)
	case len(text) == 3 && len(found) > 0: // an HTTP status: nobody means the chip
		return found
	}
	found = append(found, decimal(text)...)
	if strings.ContainsAny(text, "0123456789") { // some words are numbers in hexadecimal
		found = append(found, hexadecimal(text)...)
	}
	return found
}

// programmed are numbers as languages and debuggers write them: 0x8028_0400,
// 80280400h, 0x80280400L, and a code of Windows that was made 64 bits long with its
// sign, FFFFFFFF80280400.
var programmed = newPattern(`(?i)^(?:(0x)?(?:f{8})?([0-9a-f_]{1,16}?)(?:u?l{0,2}|(h)))$`)

// respelled writes such a number as 0x and its digits; any other text stays.
func respelled(text string) string {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil && n >= 1<<64-1<<31 {
		return fmt.Sprintf("%#x", uint32(n)) // a negative number without its sign
	}
	m := programmed.compiled().FindStringSubmatch(text)
	if m == nil {
		return text
	}
	digits := strings.ReplaceAll(m[2], "_", "")
	long := len(text) >= 16 && strings.EqualFold(text[len(m[1]):len(m[1])+8], "ffffffff")
	if m[1] == "" && m[3] == "" && !long || len(digits) > 8 || !strings.ContainsAny(digits, "0123456789") || long && digits[0] < '8' {
		return text
	}
	return "0x" + digits
}

func cutPrefixFold(text, prefix string) (rest string, found bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return "", false
	}
	return text[len(prefix):], true
}

// decimal also knows negative numbers: Windows prints its codes, which have the
// highest bit set, as 32 bits with a sign, in decimal and at times as "-0x...".
func decimal(text string) []Entry {
	base := 10
	if digits, ok := cutPrefixFold(text, "-0x"); ok {
		text, base = "-"+digits, 16
	}
	n, err := strconv.ParseInt(text, base, 64)
	if err != nil || n < -1<<31 || n >= 1<<32 {
		return nil
	}
	return chipCode(uint32(n))
}

func hexadecimal(digits string) []Entry {
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		return nil
	}
	return chipCode(uint32(n))
}

// chipCode explains a number of the chip or of the software around it.
func chipCode(n uint32) []Entry {
	if n>>16 == windowsFacility || slices.Contains(windowsKeys, n>>16) {
		return windows(n)
	}
	return stack(n)
}
