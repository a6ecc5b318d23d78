package emulator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteFiles writes ca.pem and emulator.env into dir, which is made if it is
// missing. emulator.env (mode 0600, it holds the connection string) can be
// sourced by a shell: set -a; . emulator.env. The server must be started.
func (s *Server) WriteFiles(dir string) error {
	dir, err := filepath.Abs(dir) // SSL_CERT_FILE is used from anywhere
	if err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	ca := filepath.Join(dir, caFile)
	if err := writeFile(ca, s.CAPEM(), 0o644); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	login, err := s.writeLogin(dir)
	if err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	var env strings.Builder
	for _, v := range append([][2]string{
		{"PROVISIONING_CONNECTION_STRING", s.ConnectionString()},
		{"IOTHUB_DEVICE_DPS_ENDPOINT", s.Host()}, // Microsoft's samples hold a host here, no URL
		{"IOTHUB_DEVICE_DPS_ID_SCOPE", s.opts.IDScope},
		{"TPMDPS_DPS", s.Endpoint()},
		{"SSL_CERT_FILE", ca},
	}, login...) {
		fmt.Fprintf(&env, "%s=%s\n", v[0], shellQuote(v[1]))
	}
	if err := writeFile(filepath.Join(dir, envFile), []byte(env.String()), 0o600); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	return nil
}

// shellQuote makes one word of text for a POSIX shell.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// writeFile replaces the file at path in one step: whoever reads it, or is left
// with it after a crash, has the old content or the new.
func writeFile(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // made with 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
