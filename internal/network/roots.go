package network

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tpmdps/internal/environment"
)

// RootFiles are where the certificates to trust are read from.
type RootFiles struct {
	// CAFile is a file that the user named; "" means none.
	CAFile string
	// Trust is what the environment names.
	Trust environment.Trust
	// System reads the system's certificates: x509.SystemCertPool.
	System func() (*x509.CertPool, error)
	// Read reads a file whole, up to [MaxCertificates].
	Read func(path string) ([]byte, error)
}

// Load returns the certificates to trust: the system's, and those of the files that
// are named. nil means the system's alone.
//
// SSL_CERT_FILE and SSL_CERT_DIR replace the system's files only where Go's
// crypto/x509 has it so, on Unix. It ignores a file that is missing or that it
// cannot read, and trusts less or more than was said; here such a variable is an
// [environment.Error]. What is wrong with CAFile is a [certificateError], or what Read
// returned.
func (f RootFiles) Load() (*x509.CertPool, error) {
	certificates, err := f.ofEnvironment()
	if err != nil {
		return nil, err
	}
	if f.CAFile != "" {
		data, err := f.Read(f.CAFile)
		if err != nil {
			return nil, err
		}
		found, err := parseCertificates(data)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: there is no certificate in it: %w", f.CAFile, err)
		}
		certificates = append(certificates, found...)
	}
	if len(certificates) == 0 {
		return nil, nil
	}
	roots, err := f.System()
	switch {
	case isContextError(err):
		return nil, err
	case err != nil:
		roots = x509.NewCertPool() // this machine has none, or Go cannot read them
	}
	for _, c := range certificates {
		roots.AddCert(c)
	}
	return roots, nil
}

// ofEnvironment reads what SSL_CERT_FILE and SSL_CERT_DIR name.
func (f RootFiles) ofEnvironment() ([]*x509.Certificate, error) {
	const removeHint = "name a file with the CA's certificate, or unset the variable: then the system's certificates are used"
	var all []*x509.Certificate
	if file := f.Trust.File; file.Value != "" {
		data, err := f.Read(file.Value)
		switch {
		case isContextError(err):
			return nil, fmt.Errorf("%s: %w", file.Variable, err)
		case err != nil:
			return nil, file.Invalid(fileReason(file, err), removeHint, nil)
		}
		found, err := parseCertificates(data)
		if wrong := (*certificateError)(nil); errors.As(err, &wrong) {
			return nil, file.Invalid("the file cannot be used: "+wrong.what, wrong.advice, nil)
		}
		all = found
	}
	folders := f.Trust.Folders
	for i, folder := range folders.List() {
		found, reason := inFolder(folder)
		if reason != "" {
			return nil, folders.Invalid("its folder "+strconv.Itoa(i+1)+" "+reason,
				"name folders with certificates in PEM, or unset the variable: then the system's certificates are used", nil)
		}
		all = append(all, found...)
	}
	return all, nil
}

// isContextError tells whether the run ended before the file came, which is nobody's setting.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// fileReason says why a file could not be read, without its name.
func fileReason(file environment.Setting, err error) string {
	info, statErr := os.Stat(file.Value)
	switch {
	case strings.Contains(file.Value, "-----BEGIN"):
		return "it holds a certificate's text, not the name of a file"
	case errors.Is(statErr, fs.ErrNotExist) && file.Dressed() != "":
		return "there is no such file: " + file.Dressed()
	case statErr == nil && info.IsDir():
		return "it names a folder, not a file"
	case statErr == nil && info.Size() > MaxCertificates:
		return "the file is larger than " + strconv.Itoa(MaxCertificates>>20) + " MiB"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "the file may not be read"
	}
	return "the file cannot be read"
}

// inFolder reads the certificates of a folder. As in crypto/x509, a file in it that
// holds none is skipped.
func inFolder(folder string) (all []*x509.Certificate, reason string) {
	entries, err := os.ReadDir(folder)
	if info, statErr := os.Stat(folder); statErr == nil && !info.IsDir() {
		return nil, "is a file"
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "does not exist"
	case err != nil:
		return nil, "cannot be read"
	}
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > MaxCertificates {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if found, err := parseCertificates(data); err == nil {
			all = append(all, found...)
		}
	}
	if len(all) == 0 {
		return nil, "has no certificate in it"
	}
	return all, ""
}
