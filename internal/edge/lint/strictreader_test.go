package lint_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// strictFile is SuperConfig with the tables that say nothing of provisioning, which
// may hold anything.
type strictFile struct {
	edgetest.SuperConfig
	Others
}

// Others are those tables and keys.
type Others struct {
	ParentHostname       any `toml:"parent_hostname"`
	LocalGatewayHostname any `toml:"local_gateway_hostname"`
	TrustBundle          any `toml:"trust_bundle_cert"`
	ManifestTrustBundle  any `toml:"manifest_trust_bundle_cert"`
	Elevated             any `toml:"allow_elevated_docker_permissions"`
	MasterKey            any `toml:"imported_master_encryption_key"`
	Info                 any `toml:"additional_info"`
	Timeout              any `toml:"cloud_timeout_sec"`
	Retries              any `toml:"cloud_retries"`
	Cache                any `toml:"prefer_module_identity_cache"`
	EdgeRequests         any `toml:"iotedge_max_requests"`
	Requests             any `toml:"aziot_max_requests"`
	LocalID              any `toml:"localid"`
	Issuance             any `toml:"cert_issuance"`
	Keys                 any `toml:"aziot_keys"`
	PreloadedKeys        any `toml:"preloaded_keys"`
	PreloadedCerts       any `toml:"preloaded_certs"`
	Agent                any `toml:"agent"`
	Connect              any `toml:"connect"`
	Listen               any `toml:"listen"`
	Watchdog             any `toml:"watchdog"`
	EdgeCA               any `toml:"edge_ca"`
	Moby                 any `toml:"moby_runtime"`
	Garbage              any `toml:"image_garbage_collection"`
}

// readStrictly reads a file as the tests' own reader does: every key of
// provisioning and the TPM has to be known, and of its type.
func readStrictly(file string) (strictFile, error) {
	var c strictFile
	d := toml.NewDecoder(bytes.NewReader(bytes.TrimPrefix([]byte(file), []byte("\xef\xbb\xbf"))))
	d.DisallowUnknownFields()
	return c, d.Decode(&c)
}

// disagreement says where the check and the strict reader see a file differently,
// "" where they agree. What the check lets pass the reader accepts, with the same
// values; where the check finds a key or a type of provisioning wrong, or no TOML,
// the reader refuses.
func disagreement(file string) string {
	report := lint.Check([]byte(file), lint.Options{})
	failures, _ := report.Count()
	read, err := readStrictly(file)
	if failures == 0 {
		switch {
		case err != nil:
			return fmt.Sprintf("the check lets it pass, the reader does not: %v", err)
		case read.Provisioning.IDScope != report.Config.IDScope, read.Provisioning.Attestation.RegistrationID != report.Config.RegistrationID, read.Provisioning.GlobalEndpoint != report.Config.GlobalEndpoint:
			return fmt.Sprintf("the values differ: %+v, %+v", read.Provisioning, report.Config)
		}
		return ""
	}
	i := slices.IndexFunc(report.Findings, func(f lint.Finding) bool {
		top, _, _ := strings.Cut(f.Key, ".")
		ours := top == "provisioning" || top == "tpm" || top == "hostname" || top == "auto_reprovisioning_mode"
		return f.Severity == lint.Error && (slices.Contains([]string{"syntax", "duplicate-key", "duplicate-table", "toml-1.1"}, f.Rule) ||
			ours && slices.Contains([]string{"unknown-key", "misplaced-key", "wrong-type"}, f.Rule))
	})
	if i >= 0 && err == nil && !onlyCase(report.Findings[i]) {
		return fmt.Sprintf("the reader accepts what the check refuses: %+v", report.Findings[i])
	}
	return ""
}

// onlyCase reports whether what is wrong is a name in capitals: the TOML library does
// not tell them from small letters, and IoT Edge does.
func onlyCase(f lint.Finding) bool {
	_, meant, ok := strings.Cut(f.Message, "; did you mean ")
	name := f.Key[strings.LastIndex(f.Key, ".")+1:]
	return ok && strings.EqualFold(name, strings.TrimSuffix(meant, "?"))
}

// The strict reader of the tests and the check agree on every file there is.
func TestStrictReaderOnFixtures(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../testdata/*.toml", "testdata/field/*.toml", "../testdata/edit/*/*.toml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 15 {
		t.Fatalf("only %d fixtures", len(files))
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if why := disagreement(string(data)); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
	t.Logf("%d fixtures", len(files))
}

// They agree on the template with each of its lines, and each of its blocks, in
// force beside the block for the TPM.
func TestStrictReaderOnTemplate(t *testing.T) {
	data, err := os.ReadFile(ownTemplate)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	all := examples(lines)
	var blocks [][]example
	for _, e := range all {
		if e.block == len(blocks) {
			blocks = append(blocks, nil)
		}
		blocks[e.block] = append(blocks[e.block], e)
	}
	tpm := blocks[slices.IndexFunc(blocks, func(b []example) bool {
		return slices.ContainsFunc(b, func(e example) bool { return e.text == `method = "tpm"` })
	})]
	tried := 0
	try := func(active ...example) {
		text := slices.Clone(lines)
		for _, e := range active {
			text[e.line] = strings.TrimLeft(text[e.line], "# ")
		}
		tried++
		if why := disagreement(strings.Join(text, "\n")); why != "" {
			t.Errorf("%s …: %s", active[len(active)-1].text, why)
		}
	}
	for _, e := range all {
		try(e)
		try(append(slices.Clone(tpm), e)...)
	}
	for _, b := range blocks {
		try(b...)
		try(append(slices.Clone(tpm), b...)...)
	}
	t.Logf("%d sections", tried)
}

// They agree on mutated files.
func TestStrictReaderOnMutations(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 8))
	all, slips := bases(t), slices.Concat(slipsOfHands, otherSlips)
	passed, wrong := 0, 0
	const files = 2000
	for range files {
		lines := strings.Split(all[r.IntN(len(all))], "\n")
		for range 1 + r.IntN(2) {
			at := r.IntN(len(lines))
			lines[at] = slips[r.IntN(len(slips))](r, lines[at])
		}
		file := strings.Join(lines, "\n")
		if _, err := readStrictly(file); err == nil {
			passed++
		}
		if why := disagreement(file); why != "" {
			if wrong++; wrong <= 15 {
				t.Errorf("%s\n%s", why, file)
			}
		}
	}
	t.Logf("%d files, of which the strict reader accepts %d, %d disagreements", files, passed, wrong)
	if passed < files/10 {
		t.Errorf("the strict reader accepts only %d of %d", passed, files)
	}
}
