package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// wrap puts a line end after every n characters.
func wrap(text string, n int, end string) string {
	var out strings.Builder
	for len(text) > n {
		out.WriteString(text[:n] + end)
		text = text[n:]
	}
	return out.String() + text
}

// each writes every byte in a form, with a separator between them.
func each(b []byte, form, separator string) string {
	var parts []string
	for _, c := range b {
		parts = append(parts, fmt.Sprintf(form, c))
	}
	return strings.Join(parts, separator)
}

// dump is xxd, hexdump -C, od and so on: address, groups of bytes, characters.
func dump(b []byte, address string, group int, gap, before, after string, end bool) string {
	var out strings.Builder
	for at := 0; at < len(b); at += 16 {
		row := b[at:min(at+16, len(b))]
		var text, chars strings.Builder
		for i, c := range row {
			if i > 0 && i%group == 0 {
				text.WriteString(" ")
			}
			if i == 8 {
				text.WriteString(gap)
			}
			fmt.Fprintf(&text, "%02x", c)
			if c < 0x20 || c >= 0x7f {
				c = '.'
			}
			chars.WriteByte(c)
		}
		fmt.Fprintf(&out, address, at)
		if before == "" {
			out.WriteString(text.String() + "\n")
			continue
		}
		width := 32 + 16/group - 1 + len(gap)
		fmt.Fprintf(&out, "%-*s%s%s%s\n", width, text.String(), before, chars.String(), after)
	}
	if end {
		fmt.Fprintf(&out, strings.TrimRight(address, " ")+"\n", len(b))
	}
	return out.String()
}

// otherEKs are keys whose base64 has many + and /, and digits that look like
// something else.
func otherEKs() [][]byte {
	eks := [][]byte{testEK()}
	for _, fill := range []byte{0xff, 0xfb, 0x3e, 0x31, 0x0a, 0x20} {
		modulus := bytes.Repeat([]byte{fill}, 256)
		modulus[0], modulus[128], modulus[255] = 0xc5, 0x7c, 0x7d
		eks = append(eks, append(bytes.Clone(ekPrefix), modulus...))
	}
	return eks
}

// spellings are ways to write down a whole key.
func spellings(ek []byte) map[string]string {
	b, h := b64(ek), hex.EncodeToString(ek)
	quoted, _ := json.Marshal(map[string]any{"registration_id": "box-7", "endorsement_key": b})
	ids := RegistrationIDs(ek)
	decimals := each(ek, "%d", ", ")
	swapped := slices.Clone(ek)
	for i := range swapped {
		swapped[i] = ek[i^1]
	}
	return map[string]string{
		// base64
		"base64":               b,
		"URL-safe":             base64.URLEncoding.EncodeToString(ek),
		"URL-safe, unpadded":   base64.RawURLEncoding.EncodeToString(ek),
		"unpadded":             strings.TrimRight(b, "="),
		"one = only":           strings.TrimSuffix(b, "="),
		"wrapped at 76":        wrap(b, 76, "\r\n"),
		"wrapped and indented": wrap(b, 64, "\n    "),
		"wrapped, continued":   wrap(b, 64, "\\\n"),
		"strings put together": `"` + wrap(b, 64, "\" +\n  \"") + `"`,
		"strings of C":         `"` + wrap(b, 64, "\"\n\"") + `"`,
		"quoted-printable":     wrap(strings.ReplaceAll(b, "=", "=3D"), 70, "=\n"),
		"percent":              url.QueryEscape(b),
		"HTML":                 strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "=", "&equals;").Replace(b),
		"quoted mail":          "> " + wrap(b, 70, "\n> "),
		// invisible characters
		"byte order mark":     "\ufeff" + b,
		"zero-width":          b[:100] + "\u200b" + b[100:200] + "\u200d\u2060" + b[200:],
		"no-break spaces":     "\u00a0" + b[:50] + "\u202f" + b[50:] + "\u00a0",
		"soft hyphens":        wrap(b, 60, "\u00ad"),
		"full width":          strings.ReplaceAll(b, "A", "Ａ"),
		"direction marks":     "\u202a" + b + "\u202c",
		"line separators":     wrap(b, 60, "\u2028"),
		"dashes of Word":      strings.ReplaceAll(base64.URLEncoding.EncodeToString(ek), "-", "–"),
		"ideographic space":   wrap(b, 60, "\u3000"),
		"mark inside a quote": "\"\ufeff" + b + "\"",
		// quotes, commas
		"double quotes":        `"` + b + `"`,
		"single quotes":        "'" + b + "'",
		"typographic quotes":   "“" + b + "”",
		"German quotes":        "„" + b + "“",
		"guillemets":           "«" + b + "»",
		"backticks":            "`" + b + "`",
		"comma":                b + ",",
		"quotes and comma":     `"` + b + `",`,
		"semicolon":            b + ";",
		"angle brackets":       "<" + b + ">",
		"array":                `["` + b + `"]`,
		"escaped quotes":       `\"` + b + `\"`,
		"doubled quotes, CSV":  `"""` + b + `"""`,
		"one quote":            `"` + b,
		"Python's bytes":       "b'" + b + "'",
		"quote, then a remark": `"` + b + `", // line 7`,
		// JSON's escapes
		"escaped slashes":     strings.ReplaceAll(b, "/", `\/`),
		"escaped line ends":   wrap(b, 64, `\n`) + `\n`,
		"escaped CR LF":       wrap(b, 64, `\r\n`),
		"escaped plus":        strings.ReplaceAll(b, "+", `\u002b`),
		"escaped, capital":    strings.NewReplacer("+", `\u002B`, "/", `\u002F`, "=", `\u003D`).Replace(b),
		"JSON string":         `"` + wrap(strings.ReplaceAll(b, "/", `\/`), 64, `\n`) + `"`,
		"JSON in a string":    mustJSON(string(quoted)),
		"a string, twice":     mustJSON(mustJSON(b)),
		"the escapes of both": `"` + strings.NewReplacer("/", `\/`, "+", `\u002b`).Replace(b) + `"`,
		// labels
		"label":                 "Endorsement Key: " + b,
		"label of the SDK":      "Endorsement Key:\n" + b,
		"label, blank line":     "Endorsement Key:\r\n\r\n" + b,
		"label without colon":   "Endorsement Key " + b,
		"EK =":                  "EK = " + b,
		"EK=":                   "EK=" + b,
		"ek:":                   "ek: \"" + b + "\"",
		"YAML":                  "endorsement_key: " + b,
		"YAML, folded":          "endorsement_key: >\n  " + wrap(b, 64, "\n  "),
		"JSON's member":         `"endorsement_key": "` + b + `",`,
		"JSON's member, camel":  `"endorsementKey":"` + b + `"`,
		"variable":              "ENDORSEMENT_KEY='" + b + "'",
		"exported":              "export ENDORSEMENT_KEY=" + b,
		"PowerShell's list":     "EndorsementKey : " + b,
		"both of the SDK":       "Registration Id:\n" + ids.Base32 + "\n\nEndorsement Key:\n" + b + "\n",
		"both, the other way":   "Endorsement Key:\n" + b + "\n\nRegistration Id:\n" + ids.Base32 + "\n",
		"both, in lines":        "Endorsement Key: " + b + "\nRegistration Id: " + ids.Base32 + "\n",
		"option":                "--endorsement-key " + b,
		"other label":           "TPM public key (base64): " + b,
		"label and hex":         "EK Public: " + h,
		"label and hex, 0x":     "EK (hex) = 0x" + h,
		"label and wrapped":     "Endorsement Key:\n" + wrap(b, 64, "\n"),
		"label and no-break":    "Endorsement\u00a0Key:\u00a0" + b,
		"label and code quotes": "EK: `" + b + "`",
		"the same twice":        b + "\n" + b,
		"row of a table":        "box-7," + b + ",north",
		"row of a table, tabs":  "box-7\t" + ids.Base32 + "\t" + ids.Hex + "\t" + b + "\t\t4711\n",
		"output of read-ek":     "Registration ID   " + ids.Base32 + "\nMachine           box\n\nEndorsement key, as DPS accepts it:\n" + b + "\n",
		"line of a log":         "2026-01-02T03:04:05Z INFO ek read (" + b + ") for box-7: ok",
		"hex in a line":         "ek read: '" + h + "', box-7",
		"assignment, C#":        "const string ek = \"" + b + "\";",
		"az's command line":     "az iot dps enrollment create --endorsement-key " + b + " --enrollment-id box-7",
		// hex
		"hex":                   h,
		"capitals":              strings.ToUpper(h),
		"0x":                    "0x" + h,
		"0X":                    "0X" + strings.ToUpper(h),
		"spaces":                each(ek, "%02x", " "),
		"colons":                each(ek, "%02X", ":"),
		"dashes":                each(ek, "%02X", "-"),
		"commas":                each(ek, "%02x", ","),
		"0x each":               each(ek, "0x%02x", " "),
		"0x, commas":            each(ek, "0x%02X", ", "),
		`\x`:                    each(ek, `\x%02x`, ""),
		`\x in quotes`:          `"` + each(ek, `\x%02x`, "") + `"`,
		"$'…'":                  "$'" + each(ek, `\x%02x`, "") + "'",
		"C array":               "{ " + wrap(each(ek, "0x%02x", ", "), 72, "\n  ") + " };",
		"xxd -i":                "unsigned char ek_pub[] = {\n  " + wrap(each(ek, "0x%02x", ", "), 72, "\n  ") + "\n};\nunsigned int ek_pub_len = 316;\n",
		"xxd -p":                wrap(h, 60, "\n") + "\n",
		"openssl's":             "    " + wrap(each(ek, "%02x", ":"), 45, "\n    "),
		"without zeros":         each(ek, "%x", " "),
		"0x without zeros":      each(ek, "0x%x", ", "),
		"bytes with h":          each(ek, "%02Xh", " "),
		"words":                 wrap(h, 8, " "),
		"hex, escaped ends":     wrap(h, 64, `\n`),
		"hex in quotes":         `"` + h + `"`,
		"hex with a mark":       "\ufeff" + each(ek, "%02x", "\u00a0"),
		"decimals":              decimals,
		"decimals in brackets":  "[" + decimals + "]",
		"decimals with lines":   each(ek, "%d", "\r\n"),
		"xxd":                   dump(ek, "%08x: ", 2, "", "  ", "", false),
		"xxd -g1":               dump(ek, "%08x: ", 1, "", "  ", "", false),
		"xxd -u":                strings.ToUpper(dump(ek, "%08x: ", 2, "", "  ", "", false)),
		"hexdump -C":            dump(ek, "%08x  ", 1, " ", "  |", "|", true),
		"hd, CR LF":             strings.ReplaceAll(dump(ek, "%08x  ", 1, " ", "  |", "|", true), "\n", "\r\n"),
		"od -t x1":              dump(ek, "%07o ", 1, "", "", "", true),
		"od -A x -t x1z":        dump(ek, "%06x ", 1, "", "  >", "<", true),
		"hexdump":               dump(swapped, "%07x ", 2, "", "", "", true),
		"od -x":                 dump(swapped, "%07o ", 2, "", "", "", true),
		"Format-Hex of 5.1":     "           00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\n" + strings.ToUpper(dump(ek, "%08x   ", 1, "", "  ", "", false)),
		"xxd behind a label":    "EK:\n" + dump(ek, "%08x: ", 2, "", "  ", "", false),
		"base64 of hex":         b64([]byte(h)),
		"base64 of hex, lines":  b64([]byte(wrap(h, 60, "\n") + "\n")),
		"base64 of base64":      b64([]byte(b + "\n")),
		"base64 of xxd":         b64([]byte(dump(ek, "%08x: ", 2, "", "  ", "", false))),
		"hex of base64":         hex.EncodeToString([]byte(b)),
		"base64 of UTF-16":      b64([]byte(strings.Join(strings.Split(b, ""), "\x00") + "\x00")),
		"base64 of JSON":        b64(quoted),
		"base64 of a key label": b64([]byte("Endorsement Key:\n" + b)),
		// JSON
		"JSON":                 string(quoted),
		"JSON, indented":       "{\r\n  \"endorsement_key\": \"" + b + "\"\r\n}\r\n",
		"aziot-tpmd":           `{"endorsement_key": "` + b + `", "storage_root_key": "` + b64(storageRootKey()) + `"}`,
		"az":                   `{"attestation":{"tpm":{"endorsementKey":"` + b + `","storageRootKey":null},"type":"tpm","x509":null},"registrationId":"box-7"}`,
		"az, a list of one":    `[{"attestation":{"tpm":{"endorsementKey":"` + b + `"},"type":"tpm"}}]`,
		"az, attestation":      `{"tpm":{"endorsementKey":"` + b + `"}}`,
		"JSON, capitals":       `{"EndorsementKey":"` + b + `"}`,
		"JSON with hex":        `{"endorsement_key":"` + h + `"}`,
		"JSON lost its quotes": "{endorsement_key:" + b + ",storage_root_key:" + b64(storageRootKey()) + "}",
		"JSON that breaks off": `{"endorsement_key":"` + b + `","storage_ro`,
		"JSON, a mark":         "\ufeff" + string(quoted),
		"JSON, escaped":        strings.ReplaceAll(string(quoted), `"`, `\"`),
		"PowerShell's object":  `{"IsPresent":true,"PublicKey":{"Oid":{"Value":"1.2"},"RawData":[` + decimals + `]}}`,
	}
}

func mustJSON(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// storageRootKey is the public area of an SRK of the TCG's template.
func storageRootKey() []byte {
	p := l1
	p.attributes, p.policy, p.unique = 0x00030472, nil, testEK()[60:]
	return p.marshal()
}
