package stick

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/check"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/redact"
	"tpmdps/internal/text"
)

// The limits of the search.
const (
	maxSearched = 64 << 20 // of one file, in bytes
	maxFiles    = 20_000
	maxDER      = 64 << 10
)

// ofSystem are folders that systems make on every stick. What is in them is searched,
// but is not worth a word by itself.
var ofSystem = []string{"System Volume Information", "$RECYCLE.BIN", "lost+found", ".Trashes", ".Spotlight-V100", ".fseventsd"}

// secrets searches all files but those that are as they were made, and names the others
// that lie beside them.
func (c *checker) secrets() error {
	searched, secrets := 0, 0
	err := fs.WalkDir(c.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		switch {
		case err != nil:
			c.warn(name, Unreadable, reason(err))
			return nil
		case entry.IsDir():
			return nil
		case c.intact[name]:
			return nil
		case searched == maxFiles:
			c.warn(name, Unsearched, fmt.Sprintf("there are more than %d files: neither this one nor the others were searched", maxFiles))
			return fs.SkipAll
		}
		searched++
		if c.isExtra(name) {
			c.warn(name, Unlisted, "it was not put there by tpmdps stick init")
		}
		if !entry.Type().IsRegular() {
			return nil // a link leads to what is searched by itself, or off the stick
		}
		secrets += c.search(name)
		return nil
	})
	switch {
	case err != nil:
		return err
	case secrets > 0:
		i := slices.IndexFunc(c.report.Findings, func(f Finding) bool { return f.What == Secret })
		f := c.report.Findings[i]
		c.step(StepSecrets, check.Fail, text.Count(secrets, "place")+" with what looks like one")
		return fmt.Errorf("%w: %s: %s%s", ErrSecret, placeOf(f), f.Detail, andMore(secrets-1))
	}
	c.step(StepSecrets, check.OK, "nothing that looks like one")
	return nil
}

func placeOf(f Finding) string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s, line %d", f.File, f.Line)
}

func (c *checker) warn(name, what, detail string) {
	c.found(Finding{File: name, What: what, Status: check.Warn, Detail: detail})
}

// isExtra tells whether a file is neither of the list, nor a batch or list of results,
// nor one that systems make.
func (c *checker) isExtra(name string) bool {
	_, listed := c.list.Of(name)
	top, _, _ := strings.Cut(name, "/")
	batch := !strings.Contains(name, "/") && strings.HasSuffix(strings.ToLower(name), ".jsonl")
	system := slices.Contains(ofSystem, top) || strings.HasPrefix(top, ".Trash-")
	inPrograms := top == programs // named by its sum already
	return !listed && !batch && !system && !inPrograms && name != "SHA256SUMS"
}

// search names the secrets in a file by their lines, and returns how many there are.
func (c *checker) search(name string) int {
	f, err := openPlain(c.root, name)
	if err != nil {
		c.warn(name, Unreadable, reason(err))
		return 0
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSearched+1))
	if err != nil {
		c.warn(name, Unreadable, reason(err))
		return 0
	}
	if len(data) > maxSearched {
		c.warn(name, Unsearched, fmt.Sprintf("it is larger than %d MiB: only its begin was searched", maxSearched>>20))
	}
	found := 0
	for _, s := range secretsIn(name, data) {
		found++
		c.found(Finding{File: name, Line: s.line, What: Secret, Status: check.Fail, Detail: s.kind})
	}
	return found
}

// secret is where one is, and what it looks like. It never has the secret itself.
type secret struct {
	line int // 0 for the whole file
	kind string
}

// secretsIn finds what looks like a secret in a file.
func secretsIn(name string, data []byte) []secret {
	decoded, err := text.Decode(data)
	if err != nil || bytes.IndexByte(decoded.UTF8, 0) >= 0 {
		return inBinary(name, data)
	}
	content := string(decoded.UTF8)
	if loneKey(content) {
		return []secret{{1, "it looks like a shared access key"}}
	}
	found, number := inConfig(name, content), 0
	for line := range strings.Lines(content) {
		number++
		known := slices.ContainsFunc(found, func(s secret) bool { return s.line == number })
		if !known && redact.Patterns(line) != line {
			found = append(found, secret{number, kindOf(line)})
		}
	}
	return found
}

// kindOf says what kind of secret a line has, by the words around it.
func kindOf(line string) string {
	line = strings.ToLower(line)
	for _, kind := range []struct{ word, name string }{
		{"private key", "it looks like a private key"},
		{"sharedaccesskey", "it looks like a connection string"},
		{"accountkey", "it looks like a connection string"},
		{"sharedaccesssignature", "it looks like a SAS token"},
		{"sig=", "it looks like a SAS token"},
		{"client_secret", "it looks like a client secret"},
		{"clientsecret", "it looks like a client secret"},
		{"passw", "it looks like a password"},
		{"bearer", "it looks like an access token"},
		{"eyj", "it looks like an access token"},
	} {
		if strings.Contains(line, kind.word) {
			return kind.name
		}
	}
	return "it looks like a key, a password or a token"
}

// base64Key is a key of 32 or 64 bytes, as Azure makes them.
var base64Key = regexp.MustCompile(`^(?:[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==)$`)

// loneKey tells whether a text is a key and nothing else.
func loneKey(content string) bool {
	content = strings.TrimSpace(content)
	_, err := base64.StdEncoding.DecodeString(content)
	return err == nil && base64Key.MatchString(content)
}

// configTable is a table of IoT Edge's configuration.
var configTable = regexp.MustCompile(`(?m)^\s*\[\s*(?:provisioning|tpm|agent|cert_issuance|edge_ca)\b`)

// inConfig finds the keys and passwords of a config.toml, which stand under names that
// mean nothing elsewhere.
func inConfig(name, content string) []secret {
	if !strings.Contains(strings.ToLower(path.Base(name)), ".toml") && !configTable.MatchString(content) {
		return nil
	}
	var found []secret
	for _, value := range mask.Secrets([]byte(content)) {
		at := strings.Index(content, value)
		if value == "" || at < 0 {
			at = 0 // written with escapes: the file is named, at its begin
		}
		s := secret{1 + strings.Count(content[:at], "\n"), "it looks like a key or a password of a config.toml"}
		if !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	return found
}

// inBinary finds private keys that are not text.
func inBinary(name string, data []byte) []secret {
	switch strings.ToLower(path.Ext(name)) {
	case ".pfx", ".p12":
		return []secret{{0, "a PKCS #12 file, in which there usually is a private key"}}
	}
	if len(data) > maxDER {
		return nil
	}
	_, pkcs8 := x509.ParsePKCS8PrivateKey(data)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(data)
	_, sec1 := x509.ParseECPrivateKey(data)
	if pkcs8 == nil || pkcs1 == nil || sec1 == nil {
		return []secret{{0, "it is a private key (DER)"}}
	}
	return nil
}
