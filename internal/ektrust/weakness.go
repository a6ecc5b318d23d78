package ektrust

import (
	"fmt"
	"strconv"
	"strings"
)

// Weakness is a fault that the firmware of a chip is known for.
type Weakness struct {
	// CVE is its number, such as "CVE-2017-15361"; Name what people call it, or "".
	CVE  string `json:"cve"`
	Name string `json:"name"`
	// Meaning is what it means for a device in DPS, a sentence.
	Meaning string `json:"meaning"`
	// Fixed is the first firmware of this line without it, and Update where it is to be
	// had.
	Fixed  string `json:"fixed"`
	Update string `json:"update"`
}

// flaw is a fault and the firmware that has it.
type flaw struct {
	Weakness
	vendor string
	ranges []versions
}

// versions are those from first to last, both included, as far as they are written:
// "7.61" stands for all of 7.61. fixed is the version that heals them.
type versions struct{ first, last, fixed string }

const (
	infineonUpdate = "the maker of the computer, or https://www.infineon.com/tpm-update"
	stUpdate       = "the maker of the computer, or https://www.st.com/tpmupdate"
	nuvotonUpdate  = "the maker of the computer; Nuvoton's advisory is SA-003"
)

// flaws are from the makers' advisories: Infineon's of October 2017, ST's of November
// 2019, Nuvoton's SA-003 and SA-005, TCG's VRT0009. A version that is in none of them is
// not known to be right.
var flaws = []flaw{
	{Weakness{CVE: "CVE-2017-15361", Name: "ROCA", Update: infineonUpdate,
		Meaning: "keys that the chip made itself may be computed from their public part; an update changes the firmware, and not an endorsement key that is weak. " +
			"The EK's modulus says whether this one is: the verdict is then vulnerable"}, "IFX",
		[]versions{{"4.0", "4.33", "4.34"}, {"4.40", "4.42", "4.43"}, {"5.0", "5.61", "5.62"}, {"6.0", "6.42", "6.43"}, {"7.0", "7.61", "7.62"}, {"133.0", "133.32", "133.33"}}},
	{Weakness{CVE: "CVE-2019-16863", Name: "TPM-FAIL", Update: stUpdate,
		Meaning: "the time that an ECDSA signature takes tells the key; DPS uses neither ECDSA nor an ECC key, so the device's identity is not affected"}, "STM",
		[]versions{{"71.0", "71.0", "71.16"}, {"71.4", "71.4", "71.16"}, {"71.12", "71.12", "71.16"}, {"73.0", "73.0", "73.20"}, {"73.4", "73.4", "73.20"},
			{"73.8", "73.8", "73.64"}, {"73.5", "73.5", "73.21"}, {"73.9", "73.9", "73.65"}, {"74.0", "74.0", "74.20"}, {"74.4", "74.4", "74.20"},
			{"74.8", "74.8", "74.64"}, {"74.16", "74.16", "74.64"}, {"74.5", "74.5", "74.21"}, {"74.9", "74.9", "74.65"}}},
	{Weakness{CVE: "CVE-2023-1017, CVE-2023-1018", Update: nuvotonUpdate,
		Meaning: "a program on the machine that may use the chip can crash it, or read two bytes beyond a buffer; enrollment and attestation work as they do without it"}, "NTC",
		[]versions{{"1.3.0.1", "1.3.0.1", "1.3.2.20"}, {"1.3.1.0", "1.3.1.0", "1.3.2.20"}, {"1.3.2.8", "1.3.2.8", "1.3.2.20"}}},
	{Weakness{CVE: "CVE-2025-2884", Update: infineonUpdate, Meaning: readsBeyond}, "IFX",
		[]versions{{"7.40", "7.65", "7.66"}, {"7.80", "7.85", "7.86"}, {"15.20", "15.22", "15.23"}}},
	{Weakness{CVE: "CVE-2025-2884", Update: "the maker of the computer; Nuvoton's advisory is SA-005", Meaning: readsBeyond}, "NTC",
		[]versions{{"7.2.0.0", "7.2.4.0", "7.2.4.1"}}},
}

const readsBeyond = "a program on the machine that may use the chip can read beyond a buffer of it, or stop it until the next start; " +
	"the device's identity in DPS does not depend on what it reads"

// Weaknesses lists what a chip's firmware is known for. The manufacturer and the
// firmware are as a record has them: "IFX", "7.61.2785.0". What cannot be read has
// none.
func Weaknesses(manufacturer, firmware string) []Weakness {
	found := []Weakness{}
	version, ok := parseVersion(firmware)
	if !ok {
		return found
	}
	for _, f := range flaws {
		if !strings.EqualFold(strings.TrimSpace(manufacturer), f.vendor) {
			continue
		}
		for _, r := range f.ranges {
			if r.contains(version) {
				w := f.Weakness
				w.Fixed = r.fixed
				found = append(found, w)
			}
		}
	}
	return found
}

// String is one line for people.
func (w Weakness) String() string {
	name := w.CVE
	if w.Name != "" {
		name += " (" + w.Name + ")"
	}
	return fmt.Sprintf("%s: %s. Fixed in firmware %s: %s", name, w.Meaning, w.Fixed, w.Update)
}

// parseVersion reads "7.61.2785.0", of which two numbers have to be there.
func parseVersion(text string) (numbers []uint64, ok bool) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), ".") {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, len(numbers) >= 2
}

func (r versions) contains(version []uint64) bool {
	first, _ := parseVersion(r.first)
	last, _ := parseVersion(r.last)
	return len(version) >= len(first) && compareVersions(version, first) >= 0 && compareVersions(version, last) <= 0
}

// compareVersions compares as many numbers as the second has.
func compareVersions(a, b []uint64) int {
	for i := range b {
		switch {
		case a[i] < b[i]:
			return -1
		case a[i] > b[i]:
			return 1
		}
	}
	return 0
}
