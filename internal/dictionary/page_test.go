package dictionary

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

// page is the table as a page of the manual.
var page = filepath.Join("..", "..", "docs", "errors.md")

func TestPageIsTheTable(t *testing.T) {
	want := render()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the tables say; write it anew: go test ./internal/dictionary -run Page -update", page)
	}
}

// section is one part of the page.
type section struct {
	heading, text string
	entries       []Entry
}

func sections() []section {
	all := []section{
		{"DPS", "HTTP statuses and error codes (`errorCode`) of the Device Provisioning Service.", services[:0:0]},
		{"IoT Hub", "", nil},
		{"Log lines of IoT Edge, the SDKs and the Linux kernel", "The fixed part of the line. Upper and lower case, and the signs between the words, do not count. In a log, what is\nfurther up here is nearer to the cause.", lines},
		{"Exit codes of tpmdps", "[exit-codes.md](exit-codes.md) has them for scripts.", nil},
		{"The chip", "Response codes of TPM 2.0. Codes with a number of a parameter, a session or a handle in them are shown without it:\nbits 8 to 11 hold the number, so 0x9a2 and 0x1a2 are 0xa2 of session 1 and handle 1. IoT Edge and the Linux kernel\nsometimes print them in decimal.", nil},
		{"The software around the chip", "Codes of tpm2-tss: the layer in bits 16 to 23, here TCTI, from 0x1c on FAPI,\nand its code. Codes of the chip are handed on with the layer in front.", nil},
		{"Steps of tpmdps verify", "As its table and its errors name them.", verifySteps},
		{"Is it a real chip", "The verdicts on a chip's endorsement key, and the reasons for them, which [ek-trust.md](ek-trust.md) describes. Many are plain\nwords, so that they are not looked for in a longer text: ask for the word alone, or as in `ek verdict: path`.", slices.Concat(ekVerdicts, ekReasons)},
		{"Windows", "Codes of the TPM Base Services. The chip's own have 0x8028 in front.", nil},
	}
	for _, e := range services {
		if e.Kind == kindDPS {
			all[0].entries = append(all[0].entries, e)
		} else {
			all[1].entries = append(all[1].entries, e)
		}
	}
	for _, e := range exitCodes {
		all[3].entries = append(all[3].entries, exitCode(e.name)...)
	}
	for _, rc := range slices.Sorted(maps.Keys(responses)) {
		e, _ := tpm(rc)
		all[4].entries = append(all[4].entries, e)
	}
	for _, low := range slices.Sorted(maps.Keys(stackCodes)) {
		layer := uint32(10)
		if low >= 0x1c { // only FAPI has these
			layer = 6
		}
		all[5].entries = append(all[5].entries, stack(layer<<16|low)...)
	}
	for _, n := range slices.Sorted(maps.Keys(windowsCodes)) {
		all[8].entries = append(all[8].entries, windows(n)...)
	}
	return all
}

func render() string {
	var b strings.Builder
	b.WriteString("# Errors and what to do about them\n\n" +
		"What `tpmdps explain` says, for reading on the web. The tables below are printed from the program's own; change them\n" +
		"there (internal/dictionary).\n\n" +
		"```sh\ntpmdps explain 0x9a2\ntpmdps explain 400004\n```\n\nOn a machine with IoT Edge, for all that its log has:\n\n<!-- needs: IoT Edge -->\n```sh\njournalctl -u aziot-tpmd -b | tpmdps explain -\n```\n")
	for _, s := range sections() {
		fmt.Fprintf(&b, "\n## %s\n\n", s.heading)
		if s.text != "" {
			fmt.Fprintf(&b, "%s\n\n", s.text)
		}
		b.WriteString("| code | it means | why, with a TPM | what to do | from |\n|---|---|---|---|---|\n")
		for _, e := range s.entries {
			code := "`" + e.Code + "`"
			if e.Name != "" {
				code += " " + e.Name
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code, e.Means, cmp.Or(e.Why, "-"), cmp.Or(e.Do, "-"), strings.Join(e.Sources, "; "))
		}
	}
	b.WriteString("\n## Other texts for these\n\nWhat programs print without the code, or in other words. They are found as log lines are.\n\n" +
		"| text | stands for | from |\n|---|---|---|\n")
	for _, w := range wordings {
		fmt.Fprintf(&b, "| `%s` | %s `%s` | %s |\n", w.text, w.kind, w.code, w.from)
	}
	b.WriteString("\nAnd texts of a certain shape, by an example. What every program says of its connections, such as an error of the system,\n" +
		"counts in a log only on lines that name DPS, the hub or something else on the way.\n\n" +
		"| for example | stands for | from |\n|---|---|---|\n")
	for _, f := range forms {
		fmt.Fprintf(&b, "| `%s` | %s `%s` | %s |\n", f.example, kindLog, f.code, f.from)
	}
	b.WriteString("\n## Codes in a text\n\nHow a code is known as one in a longer text, by an example.\n\n| for example | is read as | from |\n|---|---|---|\n")
	for _, f := range finders {
		e := f.find(newScan(clean(f.example)))[0]
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.example, strings.TrimSpace(e.Kind+" `"+e.Code+"` "+e.Name), f.from)
	}
	b.WriteString("\n## Texts of tpm2_rc_decode\n\nWhat tpm2-tss and tpm2-tools write instead of a code, after the layer and what it is about, as in\n" +
		"`tpm:session(1):` or `tcti:`. From tpm2-tss, tss2_rc.c.\n\n| text | code |\n|---|---|\n")
	for _, code := range slices.Sorted(maps.Keys(decodedTexts)) {
		fmt.Fprintf(&b, "| %s | TPM `%#x` |\n", decodedTexts[code], code)
	}
	for _, code := range slices.Sorted(maps.Keys(decodedStackTexts)) {
		fmt.Fprintf(&b, "| %s | TPM software stack `%#04x` |\n", decodedStackTexts[code], code)
	}
	b.WriteString("\nThe crate tss-esapi writes the same with \"(associated with session number 1)\" after it. What this program itself says is in\n[messages.md](messages.md).\n")
	return b.String()
}
