package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"tpmdps/internal/chain"
	"tpmdps/internal/disk"
	"tpmdps/internal/filelock"
)

// Schema names the layout of a line of the file of certificates.
const Schema = "tpmdps/certificate/1"

var (
	// ErrKept is for a file that was not written as a file of certificates.
	ErrKept = errors.New("not a file of EK certificates that enroll wrote")
	// ErrInUse is for one that another run writes to.
	ErrInUse = errors.New("another run fetches certificates into it")
)

// maxLine bounds a line, in bytes.
const maxLine = 2 * maxAnswer

// line is a certificate in the file.
type line struct {
	Schema      string    `json:"schema"`
	Time        time.Time `json:"time"`      // UTC
	EK          string    `json:"ek_sha256"` // of the TPM2B_PUBLIC, in hex
	URL         string    `json:"url"`
	Certificate []byte    `json:"certificate"` // DER
}

type place struct {
	offset int64
	length int
}

// Kept are the certificates that were fetched, in a file, and the client that fetches
// more. In memory there are a few bytes for each. It may be used by several goroutines.
type Kept struct {
	client *Client // nil fetches none

	mu   sync.Mutex
	file *os.File // nil where there is none
	end  int64
	at   map[[sha256.Size]byte]place
}

// OpenKept opens the file at path. With a client it is made where there is none, and
// locked, and the begin of a line that a kill left is removed; without one, a file that
// is not there has no certificates. path "" keeps nothing.
func OpenKept(path string, client *Client) (*Kept, error) {
	k := &Kept{client: client, at: map[[sha256.Size]byte]place{}}
	if path == "" {
		return k, nil
	}
	mode := os.O_RDONLY
	if client != nil {
		mode = os.O_RDWR | os.O_CREATE
	}
	f, err := os.OpenFile(path, mode, 0o600)
	if client == nil && errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, disk.At(path, fmt.Errorf("open the certificates that were fetched: %w", err))
	}
	k.file = f
	if err := k.begin(); err != nil {
		return nil, errors.Join(err, filelock.Close(f))
	}
	return k, nil
}

func (k *Kept) begin() error {
	if k.client != nil {
		free, err := filelock.TryLock(k.file)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return disk.At(k.file.Name(), err)
		}
		if err == nil && !free {
			return fmt.Errorf("%w: %s", ErrInUse, k.file.Name())
		}
	}
	in := chain.NewLines(k.file, maxLine)
	for number := 1; ; number++ {
		raw, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, chain.ErrCut):
			return k.repair(raw, number)
		case err == nil:
			err = k.enter(raw)
		}
		if err != nil {
			return fmt.Errorf("%w: %s, line %d", ErrKept, k.file.Name(), number)
		}
	}
}

// enter notes where the next line is.
func (k *Kept) enter(raw []byte) error {
	var l line
	err := json.Unmarshal(raw, &l)
	sum, bad := hex.DecodeString(l.EK)
	if err != nil || bad != nil || len(sum) != sha256.Size || l.Schema != Schema {
		return ErrKept
	}
	k.at[[sha256.Size]byte(sum)] = place{k.end, len(raw)}
	k.end += int64(len(raw)) + 1
	return nil
}

// repair removes what a kill left of a last line, or gives one the line end that it has
// lost; where nothing is to be fetched the file stays as it is.
func (k *Kept) repair(raw []byte, number int) error {
	end := k.end
	whole, ours := chain.Rest(raw, []byte(`{"schema":"`+Schema+`"`))
	if !ours || whole != nil && k.enter(whole) != nil {
		return fmt.Errorf("%w: %s, line %d", ErrKept, k.file.Name(), number)
	}
	if k.client == nil {
		return nil
	}
	if err := chain.Mend(k.file, end, whole); err != nil {
		return disk.At(k.file.Name(), fmt.Errorf("keep certificates: %w", err))
	}
	return nil
}

// Certificate is the one of an EK: the one that is kept, or the maker's at address. It is
// nil without an error where nothing is kept and nobody is to be asked.
func (k *Kept) Certificate(ctx context.Context, address string, ek []byte) ([]byte, error) {
	sum := sha256.Sum256(ek)
	k.mu.Lock()
	at, is := k.at[sum]
	k.mu.Unlock()
	if is {
		raw := make([]byte, at.length)
		var l line
		if _, err := k.file.ReadAt(raw, at.offset); err != nil {
			return nil, disk.At(k.file.Name(), err)
		}
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, fmt.Errorf("%w: %s: it was changed meanwhile", ErrKept, k.file.Name())
		}
		return l.Certificate, nil
	}
	if k.client == nil {
		return nil, nil
	}
	der, err := k.client.Certificate(ctx, address, ek)
	if err != nil {
		return nil, err
	}
	return der, k.keep(sum, address, der)
}

// keep appends a certificate, and returns when it is on the disk.
func (k *Kept) keep(sum [sha256.Size]byte, address string, der []byte) error {
	if k.file == nil {
		return nil
	}
	raw, err := json.Marshal(line{Schema, time.Now().UTC().Truncate(time.Second), hex.EncodeToString(sum[:]), address, der})
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := chain.Append(k.file, k.end, raw); err != nil {
		return disk.At(k.file.Name(), fmt.Errorf("keep a certificate: %w", err))
	}
	k.at[sum] = place{k.end, len(raw)}
	k.end += int64(len(raw)) + 1
	return nil
}

// Close closes the file.
func (k *Kept) Close() error {
	if k == nil || k.file == nil {
		return nil
	}
	return filelock.Close(k.file)
}
