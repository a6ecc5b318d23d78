package identity

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// dumpRows writes a dump by rows.
func dumpRows(b []byte, width int, row func(at int, part []byte) string) string {
	var out strings.Builder
	for at := 0; at < len(b); at += width {
		out.WriteString(row(at, b[at:min(at+width, len(b))]))
	}
	return out.String()
}

func characterColumn(b []byte) string {
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, bytes.Clone(b)))
}

// words writes numbers of a little-endian machine.
func words(b []byte, size int, form string) string {
	var out strings.Builder
	for ; len(b) >= size; b = b[size:] {
		number := append(bytes.Clone(b[:size]), make([]byte, 8)...)
		fmt.Fprintf(&out, form, binary.LittleEndian.Uint64(number))
	}
	return out.String()
}

// dumps are what the programs of systems show of a file.
func dumps(ek []byte) map[string]string {
	end := fmt.Sprintf("%07o\n", len(ek))
	return map[string]string{
		"certutil -encodehex": dumpRows(ek, 16, func(at int, b []byte) string {
			line := each(b[:min(8, len(b))], "%02x", " ") + "  " + each(b[min(8, len(b)):], "%02x", " ")
			return fmt.Sprintf("%04x\t%-48s   %s\r\n", at, line, characterColumn(b))
		}),
		"Format-Hex of 7": "   Label: Byte (System.Byte) <1A2B3C4D>\r\n\r\n          Offset Bytes                                           Ascii\r\n" +
			"                 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\r\n          ------ ----------------------------------------------- -----\r\n" +
			dumpRows(ek, 16, func(at int, b []byte) string {
				return fmt.Sprintf("%016X %-47s %s\r\n", at, each(b, "%02X", " "), characterColumn(b))
			}),
		"od -t u1": dumpRows(ek, 16, func(at int, b []byte) string { return fmt.Sprintf("%07o%s\n", at, each(b, "%4d", "")) }) + end,
		"od -b":    dumpRows(ek, 16, func(at int, b []byte) string { return fmt.Sprintf("%07o%s\n", at, each(b, " %03o", "")) }) + end,
		"od":       dumpRows(ek, 16, func(at int, b []byte) string { return fmt.Sprintf("%07o%s\n", at, words(b, 2, " %06o")) }) + end,
		"od -t x4": dumpRows(ek, 16, func(at int, b []byte) string { return fmt.Sprintf("%07o%s\n", at, words(b, 4, " %08x")) }) + end,
		"xxd -e": dumpRows(ek, 16, func(at int, b []byte) string {
			return fmt.Sprintf("%08x:%-36s  %s\n", at, words(b, 4, " %08x"), characterColumn(b))
		}),
		"xxd -b": dumpRows(ek, 6, func(at int, b []byte) string {
			return fmt.Sprintf("%08x: %-53s  %s\n", at, each(b, "%08b", " "), characterColumn(b))
		}),
		"xxd -c32": dumpRows(ek, 32, func(at int, b []byte) string {
			return fmt.Sprintf("%08x: %-79s  %s\n", at, wrap(hex.EncodeToString(b), 4, " "), characterColumn(b))
		}),
	}
}

// escaped is a string in the way of Python's repr: what is a character is one.
func escaped(b []byte, form string) string {
	var out strings.Builder
	for _, c := range b {
		switch {
		case c == '\\' || c == '\'':
			out.WriteString(`\` + string(rune(c)))
		case c == '\n':
			out.WriteString(`\n`)
		case c >= ' ' && c <= '~' && (c < '0' || c > '9'):
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, form, c)
		}
	}
	return out.String()
}

// notations are how languages and systems write bytes, and what text is in when it
// comes from a page, a terminal or a patch.
func notations(ek []byte) map[string]string {
	b, h := b64(ek), hex.EncodeToString(ek)
	var signed, members []string
	for i, c := range ek {
		signed, members = append(signed, fmt.Sprint(int8(c))), append(members, fmt.Sprintf(`"%d":%d`, i, c))
	}
	lines := strings.Split(wrap(b, 64, "\n"), "\n")
	numbered := func(form string) string {
		var out strings.Builder
		for i, line := range lines {
			fmt.Fprintf(&out, form, i+1, line)
		}
		return out.String()
	}
	registry := `"EKPub"=hex:` + wrap(each(ek, "%02x", ","), 75, "\\\r\n  ")
	buffer, list := `{"type":"Buffer","data":[`+each(ek, "%d", ",")+`]}`, `["`+strings.Join(lines, `","`)+`"]`
	noted := `{"value":"` + b + `","PSPath":"C:\\ek.txt","PSParentPath":"C:\\","ReadCount":1}`
	all := map[string]string{
		"Python's repr":          "b'" + escaped(ek, `\x%02x`) + "'",
		"printf":                 "'" + escaped(ek, `\%03o`) + "'",
		"Go":                     "[]byte{" + each(ek, "%#x", ", ") + "}",
		"C#":                     "new byte[] { " + each(ek, "0x%02X", ", ") + " };",
		"C#, a variable":         "var ek = new byte[316] {\n  " + each(ek, "%d", ", ") + "\n};",
		"Java":                   "[" + strings.Join(signed, ", ") + "]",
		"Java's bytes in JSON":   `{"endorsement_key":[` + strings.Join(signed, ",") + `]}`,
		"Kotlin":                 "byteArrayOf(" + strings.Join(signed, ", ") + ")",
		"Rust":                   "vec![" + each(ek, "0x%02x", ", ") + "]",
		"Node's Buffer":          "<Buffer " + each(ek, "%02x", " ") + ">",
		"Node's Buffer, JSON":    buffer,
		"Node's Buffer in JSON":  `{"endorsement_key":` + buffer + `}`,
		"Uint8Array":             "Uint8Array(316) [\n  " + each(ek, "%d", ",\n  ") + "\n]",
		"Uint8Array, JSON":       "{" + strings.Join(members, ",") + "}",
		"Uint8Array in JSON":     `{"endorsementKey":{` + strings.Join(members, ",") + `}}`,
		"SQL":                    "X'" + strings.ToUpper(h) + "'",
		"PostgreSQL":             `\x` + h,
		"registry":               registry,
		"registry, a file":       "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\X]\r\n" + registry + "\r\n",
		"registry, hex(3)":       `"EK"=hex(3):` + each(ek, "%02x", ","),
		"reg query":              "    EKPub    REG_BINARY    " + strings.ToUpper(h),
		"base32":                 base32.StdEncoding.EncodeToString(ek),
		"base32, unpadded":       strings.ToLower(strings.TrimRight(base32.StdEncoding.EncodeToString(ek), "=")),
		"YAML, binary":           "endorsement_key: !!binary |\n  " + wrap(b, 70, "\n  ") + "\n",
		"uuencode -m":            "begin-base64 644 ek.pub\n" + wrap(b, 60, "\n") + "\n====\n",
		"data URI":               "data:application/octet-stream;base64," + b,
		"hex, quoted-printable":  wrap(h, 76, "=\n"),
		"percent, twice":         url.QueryEscape(url.QueryEscape(b)),
		"line breaks of HTML":    wrap(b, 64, "<br>"),
		"line breaks of XHTML":   wrap(b, 64, "<br/>\n"),
		"pre":                    "<pre>\n" + wrap(b, 64, "\n") + "\n</pre>",
		"XML, wrapped":           "<endorsementKey>\n  " + wrap(b, 64, "\n  ") + "\n</endorsementKey>",
		"code block":             "```text\n" + wrap(b, 64, "\n") + "\n```",
		"line numbers":           numbered("%6d\t%s\n"),
		"line numbers, colon":    numbered("%d: %s\n"),
		"patch":                  numbered("+%[2]s\n"),
		"frame":                  numbered("| %[2]s |\n"),
		"frame of a terminal":    "┌──┐\n" + numbered("│ %[2]s │\n") + "└──┘\n",
		"here document":          "ek = <<EOT\n" + wrap(b, 64, "\n") + "\nEOT\n",
		"here string":            "@\"\r\n" + wrap(b, 64, "\r\n") + "\r\n\"@",
		"Visual Basic":           `Const EK = "` + wrap(b, 64, "\" & _\r\n  \"") + `"`,
		"PHP":                    "'" + wrap(b, 64, "' .\n '") + "'",
		"label of German":        "Bestätigungsschlüssel:\n" + wrap(b, 64, "\n"),
		"label of Japanese":      "保証キー：" + wrap(b, 64, "\n"),
		"cat -A":                 wrap(b, 64, "^M\n"),
		"colours":                "\x1b[1mEndorsement Key:\x1b[0m\n\x1b[32m" + wrap(b, 64, "\n") + "\x1b[K\x1b[0m",
		"colours, cat -v":        "^[[32m" + b + "^[[0m",
		"bracketed paste":        "\x1b[200~" + wrap(b, 80, "\r\n") + "\x1b[201~",
		"control characters":     "\x02" + b + "\x03\x07\x1a",
		"list of lines":          list,
		"list of lines in JSON":  `{"endorsement_key":` + list + `}`,
		"Get-Content as JSON":    noted,
		"Get-Content in JSON":    `{"endorsement_key":` + noted + `}`,
		"JSON, any name":         `{"serial":"4711","key":"` + b + `"}`,
		"JSON, any name, nested": `{"box":{"id":"box-7","tpm":{"public":{"base64":"` + b + `"}}}}`,
		"JSON, tpm_ek":           `{"tpm_ek":"` + h + `"}`,
	}
	for name, text := range dumps(ek) {
		all[name] = text
	}
	return all
}

func TestNotationsOfAKey(t *testing.T) {
	for i, ek := range otherEKs() {
		for name, text := range notations(ek) {
			got, err := ParseEndorsementKey(text)
			if err != nil || !bytes.Equal(got, ek) {
				t.Errorf("key %d, %s: ParseEndorsementKey(%.90q…) = %x…, %v", i, name, text, got[:min(len(got), 4)], err)
			}
		}
	}
}

// A key of which one character is missing, or is another one, is never taken for a
// whole one, whatever it is in.
func TestNotationsOfADamagedKey(t *testing.T) {
	ek := testEK()
	b := b64(ek)
	for name, text := range notations(ek) {
		if !strings.Contains(text, b[400:422]) {
			continue // it is not in base64, or not in one piece
		}
		for what, with := range map[string]string{"missing": b[400:410] + b[411:422], "another": b[400:410] + "!" + b[411:422], "too many": b[400:410] + "A" + b[410:422]} {
			if got, err := ParseEndorsementKey(strings.ReplaceAll(text, b[400:422], with)); err == nil && bytes.Equal(got, ek) || got != nil && len(got) != ekSize {
				t.Errorf("%s, a character is %s: %x", name, what, got)
			} else if err == nil {
				t.Errorf("%s, a character is %s: it was read as a whole key", name, what)
			}
		}
	}
}

// blobs are the two numbers of a key as systems and libraries keep them.
func blobs(ek []byte) map[string][]byte {
	n := ek[len(ekPrefix):]
	low := bytes.Clone(n)
	slices.Reverse(low)
	bcrypt := append([]byte("RSA1"), 0, 8, 0, 0, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1)
	var ssh []byte
	for _, part := range [][]byte{[]byte("ssh-rsa"), {1, 0, 1}, append([]byte{0}, n...)} {
		ssh = append(binary.BigEndian.AppendUint32(ssh, uint32(len(part))), part...)
	}
	return map[string][]byte{
		"an RSA key of Windows (BCRYPT_RSAKEY_BLOB)": append(bcrypt, n...),
		"an RSA key of Windows (PUBLICKEYBLOB)":      append([]byte{6, 2, 0, 0, 0, 0xa4, 0, 0, 'R', 'S', 'A', '1', 0, 8, 0, 0, 1, 0, 1, 0}, low...),
		"an SSH public key":                          ssh,
		"the little-endian memory dump":              memoryDump(ek, l1.attributes),
	}
}

// memoryDump is the struct of the TSS on amd64, with room for 512 bytes of modulus.
func memoryDump(ek []byte, attributes uint32) []byte {
	b := []byte{0x3a, 0x01, 0, 0, 0x01, 0, 0x0b, 0}
	b = binary.LittleEndian.AppendUint32(b, attributes)
	b = append(append(b, 0x20, 0), l1.policy...)
	b = append(b, make([]byte, 80-len(b))...)
	b = append(b, 6, 0, 0x80, 0, 0x43, 0, 0x10, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1)
	b = append(b, ek[len(ekPrefix):]...)
	return append(b, make([]byte, 616-len(b))...)
}

func TestBlobsOfAKeyAreConverted(t *testing.T) {
	for i, ek := range otherEKs() {
		for is, blob := range blobs(ek) {
			texts := map[string]string{"base64": b64(blob), "hex": hex.EncodeToString(blob), "list": "{" + each(blob, "%d", ", ") + "}", "JSON": `{"ek":"` + b64(blob) + `"}`}
			if is == "an SSH public key" {
				texts["authorized_keys"] = "ssh-rsa " + b64(blob) + " me@box"
				texts["RFC 4716"] = "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"EK: 7\"\n" + wrap(b64(blob), 70, "\n") + "\n---- END SSH2 PUBLIC KEY ----\n"
			}
			for name, text := range texts {
				_, err := ParseEndorsementKey(text)
				var format *FormatError
				if !errors.As(err, &format) || format.Convert != b64(ek) || !strings.Contains(format.Is, is) {
					t.Errorf("key %d, %s in %s: %v, want that, and the key to convert to", i, is, name, err)
				}
			}
			for cut := range blob {
				err := recognise(blob[:cut])
				var format *FormatError
				if !errors.As(err, &format) || format.Convert != "" && format.Convert != b64(ek) {
					t.Errorf("key %d, %s, %d bytes of it: %v", i, is, cut, err)
				}
			}
		}
	}
}

// What cannot be used is named, with the field that differs where it is a TPM's key.
func TestBlobsOfOtherKeysAreNamed(t *testing.T) {
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(testEK()[60:]), E: 3}
	odd := bytes.Clone(blobs(testEK())["an RSA key of Windows (BCRYPT_RSAKEY_BLOB)"])
	odd[26] = 3
	pkcs1 := x509.MarshalPKCS1PublicKey(key)
	signs := memoryDump(testEK(), l1.attributes|attrSign)
	for text, want := range map[string]string{
		b64(odd):   "BCRYPT_RSAKEY_BLOB), with another exponent than 65537",
		b64(pkcs1): "with the exponent 3 instead of 65537",
		b64(signs): "its attribute sign is set instead of clear",
		b64(blobs(testEK())["an RSA key of Windows (BCRYPT_RSAKEY_BLOB)"][:100]):                           "BCRYPT_RSAKEY_BLOB), cut short",
		b64(memoryDump(testEK(), l1.attributes)[:200]):                                                     "the little-endian memory dump",
		hex.EncodeToString(testEK()[60:]):                                                                  "as long as the modulus of an RSA 2048 key",
		"00" + strings.ToUpper(hex.EncodeToString(testEK()[60:])):                                          "as long as the modulus of an RSA 2048 key",
		strings.ToLower(b64(testEK())):                                                                     "lost the difference between capital and small letters",
		strings.ToUpper(b64(testEK())):                                                                     "lost the difference between capital and small letters",
		hex.EncodeToString(testEK())[:631]:                                                                 "cut short: 631 of 632 characters",
		b64(testEK())[:60] + "...":                                                                         `cut short: "..." stands for the rest`,
		"<Buffer " + each(testEK()[:50], "%02x", " ") + " ... 266 more bytes>":                             `cut short: "..." stands for the rest`,
		"PublicKey : {48, 130, 1, 10...}":                                                                  `cut short: "..." stands for the rest`,
		"HostName=x.azure-devices-provisioning.net;SharedAccessKeyName=o;SharedAccessKey=c2VjcmV0c2VjcmV0": "a connection string or a token, which must be kept secret",
		"SharedAccessSignature sr=x&sig=c2VjcmV0&se=1&skn=o":                                               "a connection string or a token, which must be kept secret",
		"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=":                                                     "too short for a key",
		"0x81010001":                   "the handle of a key in a TPM",
		strings.Repeat("a9", 20):       "a hash, a fingerprint or the like",
		strings.Repeat("0F", 16):       "a hash, a fingerprint or the like",
		"4CE0123ABC":                   "too short for a key",
		"00:1A:2B:3C:4D:5E":            `not base64: the character ":" cannot be in it`,
		"https://ekop.intel.com/x/abc": "the address of a web page",
	} {
		_, err := ParseEndorsementKey(text)
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(format.Error(), want) || format.Convert != "" {
			t.Errorf("ParseEndorsementKey(%.60q) = %v, want %q, and nothing to convert to", text, err, want)
		} else if fault := badWords(err.Error() + ". " + format.Advice); fault != "" || strings.Contains(err.Error(), "c2Vj") {
			t.Errorf("%v: has %q", err, fault)
		}
	}
	if got, err := ParseEndorsementKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("RSA1"), 6))); err == nil {
		t.Errorf("a header of nothing is the key %x", got)
	}
}
