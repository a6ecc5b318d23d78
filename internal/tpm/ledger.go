package tpm

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// Nothing on a chip tells whose a session is. So a run that uses a chip without a
// resource manager keeps a ledger of what it makes there: a small file in a
// directory for the time of one start of the machine. It is removed when the run
// ends with the chip clean. One that is left belongs to a run that was killed, and
// says what that run left. It holds handles and codes of commands, no secrets.

// ledger is that file, held open and locked for as long as its run lives.
type ledger struct{ f *os.File }

// beginning is the first line of a ledger: the state of the chip before the run
// made anything.
type beginning struct {
	// Began is when that was, by this machine's clock.
	Began time.Time `json:"began"`
	// Before are the objects and sessions that were there already.
	Before []tpm2.TPMHandle `json:"before"`
}

// leftover is what a ledger says that its run left behind.
type leftover struct {
	beginning
	handles    map[tpm2.TPMHandle]bool
	unanswered tpm2.TPMCC // a command whose answer did not arrive any more
}

const (
	ledgerSuffix = ".chip"
	maxLedger    = 1 << 20 // of a run of hours
)

// ledgerPrefix names the ledgers of one chip.
func ledgerPrefix(addr Address) string {
	if path, err := filepath.Abs(addr.path); err == nil && addr.path != "" {
		addr.path = path
	}
	sum := sha256.Sum256([]byte(addr.String()))
	return hex.EncodeToString(sum[:8]) + "-"
}

// newLedger begins a ledger. What is wrong with the directory is an error: others
// must not be able to write there.
func newLedger(dir string, addr Address, b beginning) (*ledger, error) {
	if err := privateDirectory(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(ledgerPrefix(addr), os.Getpid(), ledgerSuffix)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	l := &ledger{f}
	if err := lockLedger(f); err != nil {
		return nil, errJoinClose(err, f)
	}
	line, err := json.Marshal(b)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if err != nil {
		return nil, errJoinClose(err, f)
	}
	return l, nil
}

func errJoinClose(err error, c io.Closer) error {
	c.Close()
	return err
}

// The lines after the first: a command that makes something is about to be sent;
// what it made; it made nothing; something was flushed.
const (
	lineSent    = "sent %#x\n"
	lineMade    = "made %#x\n"
	lineRefused = "refused 0\n"
	lineFlushed = "flushed %#x\n"
)

// write adds a line. It counts when it is in the system's memory: a ledger is not
// for the time after the machine lost its power, and the chip its memory with it.
func (l *ledger) write(format string, args ...any) {
	if l != nil {
		fmt.Fprintf(l.f, format, args...)
	}
}

// close ends a ledger: removed where the chip is clean, left for the next run
// otherwise.
func (l *ledger) close(clean bool) {
	if l == nil {
		return
	}
	if clean {
		os.Remove(l.f.Name())
	}
	l.f.Close()
}

// leftLedgers opens the ledgers of a chip whose runs live no more.
func leftLedgers(dir string, addr Address) []*os.File {
	if privateDirectory(dir) != nil {
		return nil
	}
	paths, _ := filepath.Glob(filepath.Join(dir, ledgerPrefix(addr)+"*"+ledgerSuffix))
	var left []*os.File
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if lockLedger(f) != nil { // its run lives
			f.Close()
			continue
		}
		left = append(left, f)
	}
	return left
}

// readLedger adds up what a run made and did not flush. A ledger without a whole
// first line is of a run that had made nothing.
func readLedger(r io.Reader) (leftover, bool) {
	e := leftover{handles: map[tpm2.TPMHandle]bool{}}
	lines := bufio.NewReader(io.LimitReader(r, maxLedger))
	first, err := lines.ReadBytes('\n')
	if err != nil || json.Unmarshal(first, &e.beginning) != nil {
		return e, false
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // after the last line, or in one that was cut, whose number may be another one
			break
		}
		var word string
		var number uint32
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), "%s %v", &word, &number); n != 2 {
			continue
		}
		switch word {
		case "sent":
			e.unanswered = tpm2.TPMCC(number)
		case "made":
			e.handles[tpm2.TPMHandle(number)], e.unanswered = true, 0
		case "refused":
			e.unanswered = 0
		case "flushed":
			delete(e.handles, tpm2.TPMHandle(number))
		}
	}
	return e, true
}
