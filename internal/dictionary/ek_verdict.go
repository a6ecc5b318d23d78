package dictionary

import (
	"slices"
	"strings"
)

// docsTrust is the source of the verdicts.
const docsTrust = "docs/ek-trust.md"

// What is to be done about several reasons.
const (
	doKeepApart    = "do not enroll it; keep the machine apart and ask who sold it"
	doFetchCA      = "add the certificate that is named to the file or folder of --ek-roots, and judge again; what a file has: tpmdps roots check PATH"
	doAskPurchaser = "ask those who set the rule; the chip itself may be right"
	doAskMaker     = "compare the certificate with the one on the maker's server; where it is the same, ask the maker"
)

// ekVerdicts are the verdicts on a chip's endorsement key, the best one first.
var ekVerdicts = []Entry{
	ekVerdict("trusted", "the chip's maker vouches for this endorsement key", "a path of right signatures leads from the chip's certificate to a root of its maker", "nothing; docs/ek-trust.md says what it proves, and what not"),
	ekVerdict("unknown", "nothing is wrong, but a certificate that would tell is missing",
		"no file of CA certificates was given, or an old one; or the chip's maker keeps the certificate on a server, as Intel before the 11th generation and AMD do", doFetchCA),
	ekVerdict("absent", "the chip has no certificate, so nobody vouches for its endorsement key",
		"some chips are sold without; a key that was given by itself (--endorsement-key) never has one", "ask who sold the machine; read the chip itself: tpmdps read-ek"),
	ekVerdict("untrusted", "the chip's certificate, or one that it depends on, is wrong or not a known maker's",
		"altered or forged, revoked, or of a software TPM, a virtual machine, or a maker whose root is not in the table", "do not enroll it; keep the record and look at the machine; the roots that are known: tpmdps roots list"),
	ekVerdict("mismatch", "the certificate is for another chip's key", "the record, or the chip's memory, was copied from another machine", doKeepApart),
	ekVerdict("vulnerable", "the private endorsement key can be computed from the public one, so anyone can pretend to be this chip",
		"a chip of Infineon's with the ROCA fault (CVE-2017-15361) made the key", "replace the chip: no update changes this key"),
}

func ekVerdict(word, means, why, do string) Entry {
	return Entry{kindEKVerdict, word, "", means, why, do, []string{docsTrust}}
}

// ekReasons are the codes of why a verdict, or what a policy says to it, is as it is.
var ekReasons = []Entry{
	ekReason("path", "a path of right signatures leads to a root that is trusted", "", ""),
	ekReason("no-certificate", "the chip has no certificate", "some chips are sold without, and some makers keep it on a server", "ask who sold the machine; for Intel and AMD, ask the maker: --fetch-ek-certificates"),
	ekReason("unreadable", "the certificate cannot be read, or has an extension twice", "it was cut short in the chip or on the way, or altered", "read the chip again: tpmdps read-ek; if it persists, ask the maker"),
	ekReason("other-key", "the certificate is for another key", "the record or the chip's memory was copied from another machine, or another key is stored at the EK's place", "see what is there: tpmdps read-ek --compare"),
	ekReason("weak-key", "the private key can be computed from the public one", "a chip of Infineon's with the ROCA fault (CVE-2017-15361) made the key, the chip's or a CA's", "replace the chip: no update changes this key"),
	ekReason("not-an-ek-certificate", "version, purpose, key usage or the maker's name are not those of an EK certificate", "a certificate for an attestation key, or for something other than a TPM, is stored where the EK's belongs", doKeepApart),
	ekReason("vendor", "chip, certificate and root name different makers", "a certificate of another chip, or a chip that reports another maker than it has", doKeepApart),
	ekReason("missing-issuer", "the certificate of a CA is missing", "the file of --ek-roots is older than the chip, or lacks this maker", doFetchCA),
	ekReason("unknown-root", "the path ends at a root that is not trusted", "a CA of your own, a cloud's, a software TPM's, or a root that its maker published after the program's table was made", "see what is known: tpmdps roots list; a root that you trust nevertheless: --ek-roots-extra"),
	ekReason("not-fetched", "the maker's server did not give the certificate", "no network, or the maker does not have this chip", "read what the server answered in the reason; run it again where there is a network"),
	ekReason("software-tpm", "the certificate is a software TPM's", "the machine is virtual, or was set up for a test", "do not enroll it as a chip; for a test: --ek-roots-extra with the CA of the software TPM"),
	ekReason("signature", "a certificate was not signed by the CA that it names", "it was altered or is forged; at times one bit of the chip's memory is wrong", doKeepApart),
	ekReason("algorithm", "a signature is of a kind that is not checked", "neither RSA nor ECDSA, or a hash older than SHA-1", doAskMaker),
	ekReason("sha1", "a certificate is signed with SHA-1 by, or for, a CA that is not pinned", "two texts with one such signature can be made today", doAskMaker),
	ekReason("not-a-ca", "a certificate that is not a CA's signed another one", "somebody used a certificate of their own to sign", doKeepApart),
	ekReason("key-usage", "the key of a CA is not for signing certificates", "a certificate of another use stands where the CA's belongs", doAskMaker),
	ekReason("path-length", "there are more CAs below one than it allows", "somebody below an ordinary CA made one of their own", doKeepApart),
	ekReason("purpose", "a CA is for attestation keys, not for endorsement keys", "the certificate is not one of an endorsement key", doAskMaker),
	ekReason("name-constraints", "a CA is bound to certain names, which are not evaluated", "makers of TPMs do not have such CAs", doAskMaker),
	ekReason("critical-extension", "a certificate has a critical extension that is not known here", "it asks for something that a program has to understand before it may trust the certificate", doAskMaker),
	ekReason("expired-ca", "a CA had run out before the EK certificate was issued", "somebody signs with an old key, or the CA's certificate was renewed and the new one is missing", doFetchCA),
	ekReason("too-long", "the path has more than five signatures", "no maker's has more", doAskMaker),
	ekReason("circle", "CAs certify one another in a circle that no trusted root is in", "the maker's root is missing, or not known", doFetchCA),
	ekReason("too-many", "no path was found in a bounded number of attempts", "very many certificates with the same names were given", "give the maker's own files: --ek-roots; what a file has: tpmdps roots check PATH"),
	ekReason("revoked", "a list of revoked certificates (CRL) has the certificate", "the maker withdrew it, which it does where a key became known", doKeepApart),
	ekReason("verdict", "the policy refuses or warns, because the chip is not trusted", "--ek-policy require refuses all chips that are not trusted; warn shows it", "explain the word of the verdict as well, such as untrusted"),
	ekReason("vendor-not-allowed", "the chip is of a maker that --ek-vendor does not name", "another make of chip was built in than was ordered", doAskPurchaser),
	ekReason("not-on-the-list", "the chip's EK is not on the list of --ek-allow", "a machine that was not ordered, or a list of another delivery", doAskPurchaser),
	ekReason("own-check", "the program of --ek-check did not accept the chip", "its last line is the reason", doAskPurchaser),
}

func ekReason(code, means, why, do string) Entry {
	return Entry{kindEKReason, code, "", means, why, do, []string{docsTrust}}
}

// askedVerdict is the one way to ask for a word: alone, or after "EK verdict". Many of
// them are plain English, so that they are not looked for in texts.
var askedVerdict = newPattern(`(?i)^(?:ek[ _-]?(?:verdict|reason)["'` + "`" + `\s:=]+)?([a-z0-9-]+)$`)

// trust explains a verdict, or a reason for one, where nothing else was asked for. A
// word in other letters than small ones may be the name of something else, such as
// TPM_RC_SIGNATURE, and counts only with fold.
func trust(text string, fold bool) []Entry {
	m := askedVerdict.compiled().FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	fold = fold || m[1] != text
	for _, e := range slices.Concat(ekVerdicts, ekReasons) {
		if m[1] == e.Code || fold && strings.EqualFold(m[1], e.Code) {
			return []Entry{e}
		}
	}
	return nil
}
