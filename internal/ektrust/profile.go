package ektrust

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// profileFaults says what keeps a certificate from being one of an endorsement key:
// TCG EK Credential Profile 2.5, 3.2. Old certificates have no purposes and no key
// usage, which the profile asks for only since; what they have has to be right.
func profileFaults(c *chain.Certificate, manufacturer string) (faults []Reason) {
	add := func(code, format string, a ...any) { faults = append(faults, Reason{code, fmt.Sprintf(format, a...)}) }
	if c.Version != 3 {
		add(CodeProfile, "the certificate is of version %d, and those of endorsement keys are of version 3", c.Version)
	}
	if c.CA {
		add(CodeProfile, "the certificate is a CA's, not an endorsement key's")
	}
	if !c.Permits(chain.PurposeEK) {
		add(CodeProfile, "the certificate is not for an endorsement key: its purposes (extended key usage) do not have 2.23.133.8.1")
	}
	wanted := chain.UsageKeyEncipherment
	if c.Key.ECC != nil {
		wanted = chain.UsageKeyAgreement
	}
	if c.HasUsage && c.Usage&wanted == 0 {
		add(CodeProfile, "the certified key is not for an endorsement key: its key usage does not allow to encrypt keys for it")
	}
	chip := strings.TrimSpace(manufacturer)
	switch {
	case c.Manufacturer == "":
		add(CodeProfile, "the certificate does not say who made the chip (subject alternative name)")
	case chip != "" && !strings.EqualFold(chip, maker(c)):
		add(CodeVendor, "the chip says that %s made it, and the certificate is for a chip of %s", text.Printable(chip, 20), maker(c))
	}
	return faults
}

// maker is the vendor ID in a certificate. swtpm's own CA writes the number that IBM
// has for PCI cards, while the chip calls itself IBM.
func maker(c *chain.Certificate) string {
	if c.Manufacturer == "id:00001014" {
		return "IBM"
	}
	return c.Manufacturer
}

// CertificateURL is where the maker of a chip keeps the certificate of an EK, for the
// makers that do not store it in the chip: Intel (before the 11th generation) and AMD.
// It is "" for all others, and for a key that is not RSA. Nothing is asked there.
func CertificateURL(manufacturer string, ek []byte) string {
	modulus, exponent, ok := identity.RSANumbers(ek)
	if !ok {
		return ""
	}
	switch strings.TrimSpace(manufacturer) {
	case "INTC":
		sum := sha256.Sum256(append(append([]byte{}, modulus...), exponent...))
		return "https://ekop.intel.com/ekcertservice/" + url.QueryEscape(base64.URLEncoding.EncodeToString(sum[:]))
	case "AMD":
		const kind = "\x00\x00\x22\x22" // RSA 2048
		number := append(make([]byte, 4-len(exponent)), exponent...)
		sum := sha256.Sum256(append(append([]byte(kind), number...), modulus...))
		return "https://ftpm.amd.com/pki/aia/" + strings.ToUpper(hex.EncodeToString(sum[:16]))
	}
	return ""
}
