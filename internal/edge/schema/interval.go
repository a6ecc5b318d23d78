package schema

import (
	"encoding/base64"
	"errors"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The values that say how long or when, and others with a grammar of their own, as
// the crates read them that IoT Edge uses.

var renewal = regexp.MustCompile(`^\+?([0-9]+)(%|min|day)$`)

// checkRenewal accepts a part of a certificate's life, or a time: Policy of
// cert-renewal.
func checkRenewal(s string) error {
	m := renewal.FindStringSubmatch(s)
	if m == nil {
		return errors.New(`it has the form "80%", "90min" or "10day"`)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	switch {
	case err != nil, m[2] != "%" && n > math.MaxInt64/86_400:
		return errors.New("it is too large")
	case n == 0:
		return errors.New("it must be above zero")
	case m[2] == "%" && n >= 100:
		return errors.New("it must be below 100%")
	}
	return nil
}

var timeOfDay = regexp.MustCompile(`^\s*([0-9]{1,2})\s*:\s*([0-9]{1,2})$`)

// checkTimeOfDay accepts hours and minutes as chrono does for %H:%M.
func checkTimeOfDay(s string) error {
	m := timeOfDay.FindStringSubmatch(s)
	if m == nil {
		return errors.New(`it has the form "23:30", hours and minutes`)
	}
	if h, _ := strconv.Atoi(m[1]); h > 23 {
		return errors.New("its hour is above 23")
	}
	if min, _ := strconv.Atoi(m[2]); min > 59 {
		return errors.New("its minute is above 59")
	}
	return nil
}

func checkDuration(s string) error {
	_, err := duration(s)
	return err
}

func checkWholeDays(s string) error {
	n, err := duration(s)
	if err == nil && new(big.Int).Rem(n, big.NewInt(86_400*second)).Sign() != 0 {
		return errors.New(`it must be whole days, such as "1d"`)
	}
	return err
}

// doubtDuration is what only newer versions of IoT Edge read.
func doubtDuration(s string) string {
	if checkDuration(s) == nil && (strings.Contains(s, ".") || strings.TrimSpace(s) == "0") {
		return "only IoT Edge 1.6 reads a fraction, or a number without a unit"
	}
	return ""
}

// second has so many nanoseconds.
const second = int64(1e9)

// durationUnits of humantime, in nanoseconds.
var durationUnits = func() map[string]int64 {
	units := map[string]int64{}
	for names, n := range map[string]int64{
		"nanos nsec ns": 1, "usec us µs": 1e3, "millis msec ms": 1e6,
		"seconds second secs sec s": second, "minutes minute min mins m": 60 * second, "hours hour hr hrs h": 3600 * second,
		"days day d": 86_400 * second, "weeks week wk wks w": 604_800 * second,
		"months month M": 2_630_016 * second, "years year yr yrs y": 31_557_600 * second,
	} {
		for name := range strings.FieldsSeq(names) {
			units[name] = n
		}
	}
	return units
}()

var durationPart = regexp.MustCompile(`^\s*([0-9][0-9\s]*)(?:\.([0-9\s]*[0-9][0-9\s]*))?([A-Za-zµ]+)`)

// duration reads one such as "1d 12h" or "1.5h", in nanoseconds. humantime counts
// what is smaller than a unit exactly, and an hour or more in whole seconds.
func duration(s string) (*big.Int, error) {
	total := new(big.Int)
	if s == "0" {
		return total, nil
	}
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return -1
			}
			return r
		}, s)
	}
	for rest := s; ; {
		m := durationPart.FindStringSubmatch(rest)
		if m == nil || durationUnits[m[3]] == 0 {
			return nil, errors.New(`it has the form "7d", "12h" or "1d 12h"`)
		}
		unit, whole, fraction := big.NewInt(durationUnits[m[3]]), digits(m[1]), digits(m[2])
		n, _ := new(big.Int).SetString(whole+fraction, 10)
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil)
		if unit.Cmp(big.NewInt(3600*second)) >= 0 {
			scale.Mul(scale, big.NewInt(second)) // whole seconds
		}
		n, left := n.Mul(n, unit).QuoRem(n, scale, new(big.Int))
		if left.Sign() != 0 {
			return nil, errors.New("it is finer than IoT Edge counts")
		}
		if unit.Cmp(big.NewInt(3600*second)) >= 0 {
			n.Mul(n, big.NewInt(second))
		}
		if total.Add(total, n); new(big.Int).Quo(total, big.NewInt(second)).Cmp(new(big.Int).SetUint64(math.MaxUint64)) > 0 {
			return nil, errors.New("it is too long")
		}
		if rest = rest[len(m[0]):]; strings.TrimSpace(rest) == "" {
			return total, nil
		}
	}
}

// checkBase64 accepts a key with its padding, or with none at all: IoT Edge does.
// It accepts no line breaks.
func checkBase64(s string) error {
	coding := base64.StdEncoding
	if !strings.Contains(s, "=") {
		coding = base64.RawStdEncoding
	}
	if _, err := coding.Strict().DecodeString(s); err != nil || s == "" || strings.ContainsAny(s, "\r\n") {
		return errors.New("it is not base64")
	}
	return nil
}

var (
	containerPort = regexp.MustCompile(`^([0-9]+)(?:-([0-9]+))?(?:/(?i:tcp|udp|sctp))?$`)
	hostPort      = regexp.MustCompile(`^([0-9]+)(?:-([0-9]+))?$`)
)

// checkContainerPort accepts a port of a container, such as 8883/tcp, or a range of
// them, as Docker does.
func checkContainerPort(s string) error {
	if !portRange(containerPort.FindStringSubmatch(s), 1) {
		return errors.New("a port of a container has the form 8883/tcp, with a number from 1 to 65535")
	}
	return nil
}

// checkHostPort accepts a port of this machine, or none, for which Docker chooses
// one.
func checkHostPort(s string) error {
	if s != "" && !portRange(hostPort.FindStringSubmatch(s), 0) {
		return errors.New("it is a number up to 65535, in quotes")
	}
	return nil
}

func portRange(m []string, lowest uint64) bool {
	if m == nil {
		return false
	}
	from, err := strconv.ParseUint(m[1], 10, 16)
	if err != nil || from < lowest {
		return false
	}
	if m[2] == "" {
		return true
	}
	to, err := strconv.ParseUint(m[2], 10, 16)
	return err == nil && to >= from
}
