package emulator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/disk"
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
		return disk.At(dir, fmt.Errorf("emulator: %w", err))
	}
	ca := filepath.Join(dir, caFile)
	if err := atomicfile.Put(ca, s.CAPEM(), 0o644); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	login, err := s.entra.WriteFiles(dir)
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
		{"SSL_CERT_DIR", dir}, // or the folder of another one, or the system's, would be trusted, too
	}, login...) {
		fmt.Fprintf(&env, "%s=%s\n", v[0], shellQuote(v[1]))
	}
	if err := atomicfile.Put(filepath.Join(dir, envFile), []byte(env.String()), 0o600); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	return nil
}

// shellQuote makes one word of text for a POSIX shell.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
