package host

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// KernelLog is what the kernel has said of the TPM since it started.
type KernelLog struct {
	// Lines are its messages as dmesg writes them, oldest first:
	// "[    0.512345] tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1B, rev-id 16)".
	Lines []string
	// Omitted lines stood in the middle, where there were too many.
	Omitted int
	// Overwritten: the kernel had dropped older messages before they were read.
	Overwritten bool
}

// How much of the log is kept. The chip is found at the start, and trouble is at
// the end, so both are.
const (
	firstLines  = 200
	lastLines   = 300
	maxLine     = 400     // bytes of a message
	maxRecord   = 8 << 10 // of /dev/kmsg: the kernel's PRINTKRB_RECORD_MAX
	maxLogBytes = 32 << 20
)

// kernelFilter receives the log in pieces and keeps the lines about the TPM.
type kernelFilter struct {
	rest        []byte // of a record that is not complete yet
	first, last []string
	omitted     int
}

// Write accepts a piece of the log; a record may be cut in two.
func (k *kernelFilter) Write(p []byte) (int, error) {
	k.rest = append(k.rest, p...)
	for {
		line, rest, whole := bytes.Cut(k.rest, []byte("\n"))
		if !whole {
			if len(k.rest) > 2*maxRecord {
				k.rest = nil // no kernel's
			}
			return len(p), nil
		}
		k.rest = rest
		k.line(string(line))
	}
}

func (k *kernelFilter) line(line string) {
	r, ok := parseRecord(line)
	if !ok || r.facility != 0 {
		return // another program wrote it: everybody's words end up there
	}
	text := aboutTPM(r.message)
	if text == "" {
		return
	}
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + "…"
	}
	text = fmt.Sprintf("[%5d.%06d] %s", r.micros/1e6, r.micros%1e6, text)
	if len(k.first) < firstLines {
		k.first = append(k.first, text)
		return
	}
	if k.last = append(k.last, text); len(k.last) > lastLines {
		k.last = k.last[1:]
		k.omitted++
	}
}

// log is what was kept.
func (k *kernelFilter) log() KernelLog {
	return KernelLog{Lines: append(k.first, k.last...), Omitted: k.omitted}
}

// kernelRecord is one message of /dev/kmsg.
type kernelRecord struct {
	facility int
	micros   uint64 // since the start
	message  string
}

// parseRecord reads the first line of a record, as the kernel's
// Documentation/ABI/testing/dev-kmsg has it: priority, sequence number and time,
// flags, perhaps more fields, all with commas, then a semicolon and the message.
// Lines that begin with a blank belong to the record before: they name its
// device.
func parseRecord(line string) (r kernelRecord, ok bool) {
	prefix, message, found := strings.Cut(line, ";")
	fields := strings.Split(prefix, ",")
	if !found || len(fields) < 3 {
		return r, false
	}
	priority, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil {
		return r, false
	}
	if _, err := strconv.ParseUint(fields[1], 10, 64); err != nil {
		return r, false
	}
	micros, err := strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return r, false
	}
	return kernelRecord{facility: int(priority >> 3), micros: micros, message: message}, true
}

var (
	// tpmWord finds drivers (tpm_tis, tpm_crb, tpm_tis_spi, tpm_ftpm_tee), devices
	// (tpm0, tpmrm0), the firmware's table (ACPI: TPM2), IMA's words on a TPM, and
	// the names that firmware and drivers give to chips; not "httpmod".
	tpmWord = regexp.MustCompile(`(?i)(?:^|[^a-z])[vf]?tpm|msft0101|smo3324|ifx0102|intc0102|(?:^|[^a-z])(?:st33|slb96|npct[67])|trusted platform module`)
	// commandLine is the line that repeats what the kernel was started with, where
	// passwords have been seen.
	commandLine = regexp.MustCompile(`(?i)command line[^:]*:`)
	tpmSetting  = regexp.MustCompile(`^(?:tpm[a-z0-9_]*\.[a-z_]+|tpm_suspend_pcr|ima_(?:appraise|hash|policy|tcb|template))(?:=[A-Za-z0-9_.:|,-]*)?$`)
)

// aboutTPM returns a message if it is about the TPM, and else nothing. Of the
// kernel's command line only the settings of the TPM's drivers are left.
func aboutTPM(message string) string {
	if strings.HasPrefix(message, "  ") {
		return "" // the arguments and the environment of init
	}
	message = clean(message)
	if at := commandLine.FindStringIndex(message); at != nil {
		var kept []string
		for _, word := range strings.Fields(message[at[1]:]) {
			if tpmSetting.MatchString(word) {
				kept = append(kept, word)
			}
		}
		if len(kept) == 0 {
			return ""
		}
		return "on the kernel's command line: " + strings.Join(kept, " ")
	}
	if !tpmWord.MatchString(message) {
		return ""
	}
	return message
}
