package rootfile

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"

	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/text"
)

// LoadCRLs reads all lists of revoked certificates below a folder, DER or PEM. What is
// not one, or is one that cannot be used, is ignored by name.
func LoadCRLs(folder string) ([]*chain.CRL, []Ignored, error) {
	shown := text.Printable(folder, maxName)
	if info, err := os.Stat(folder); err != nil {
		return nil, nil, err
	} else if !info.IsDir() { // opening a pipe would wait for its writer
		return nil, nil, fmt.Errorf("%s: it is not a folder", shown)
	}
	r := newReader()
	var lists []*chain.CRL
	err := r.folder(folder, func(file string, data []byte) error {
		if r.files, r.left = r.files+1, r.left-len(data); r.files > maxFiles || r.left < 0 {
			return fmt.Errorf("%w: %d files, %d MB together", errBounds, maxFiles, maxContent>>20)
		}
		list, err := ParseCRL(data)
		if err != nil {
			r.ignore(file, err.Error())
			return nil
		}
		list.Name = text.Printable(file, maxName)
		lists = append(lists, list)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", shown, err)
	}
	return lists, r.bundle.Ignored, nil
}

// ParseCRL reads one list, DER or PEM.
func ParseCRL(data []byte) (*chain.CRL, error) {
	if !bytes.HasPrefix(data, []byte{0x30}) {
		if block, _ := pem.Decode(data); block != nil && block.Type == "X509 CRL" {
			data = block.Bytes
		}
	}
	return chain.ParseCRL(data)
}
