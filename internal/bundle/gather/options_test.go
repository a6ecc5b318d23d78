package gather

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tpmdps/internal/bundle"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/host"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/redact"
	"tpmdps/internal/tpm"
)

// bare are the options for a machine that has nothing.
func bare(t *testing.T) Options {
	t.Helper()
	root := t.TempDir()
	addr, err := tpm.ParseAddress("device:" + filepath.Join(root, "tpm0"))
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Name: "tpmdps-support-x", Created: time.Unix(1_700_000_000, 0).UTC(), Tool: "tpmdps test", Build: struct{}{},
		Machine: host.Machine{Root: root}, ConfigFile: edge.DefaultFile,
		ReadConfig: func() ([]byte, lint.Options, error) { return nil, lint.Options{}, fs.ErrNotExist },
		Chip:       Chip{Address: addr, Options: tpm.Options{Log: slog.New(slog.DiscardHandler)}},
		FromFile: func(addr tpm.Address, opts tpm.Options, _ edge.Config) (tpm.Address, tpm.Options, error) {
			return addr, opts, nil
		},
		Record: func(d *tpm.Device) (identity.Record, error) { return d.Record() },
		Device: func(context.Context) (*drift.DeviceInfo, string) { return nil, "none" },
		Trip: Trip{
			Until: provision.UntilChallenge, IDFrom: func(string) string { return "" },
			InProcess: func(req provision.Request) (provision.Request, error) { return req, nil },
			Run: func(ctx context.Context, req provision.Request) (provision.Result, error) {
				return provision.Run(ctx, req)
			},
			First: func(err error) error { return err },
		},
		Verdict: func(error) (int, string) { return 10, "look for the chip" },
		Fix:     func(error) string { return "look for the chip" },
		Amend:   func(checkup.Result) {},
		Learn:   func(...string) {}, Known: &redact.Set{},
		Gathered: func(string, bundle.Status, time.Duration) {}, Log: slog.New(slog.DiscardHandler),
	}
}

// A machine on which nothing works has a bundle, with every part or the reason why it
// is missing, in the order in which they are had, and says what comes first.
func TestBundleOfABareMachine(t *testing.T) {
	o := bare(t)
	var order []string
	o.Gathered = func(name string, _ bundle.Status, _ time.Duration) { order = append(order, name) }
	data, m, err := Bundle(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(z.File) < 3 {
		t.Fatalf("the zip has %d files, %v", len(z.File), err)
	}
	want := []string{"versions.json", "access.json", "clock.json", "environment.json", "kernel.txt", "config.toml", "properties.json", "handles.json", "record.json", "check.json", "verify.json"}
	if !slices.Equal(order, want) {
		t.Errorf("the parts are had as %q, want %q", order, want)
	}
	if len(m.Parts) != len(want) {
		t.Errorf("the manifest has %d parts, want %d", len(m.Parts), len(want))
	}
	for _, p := range m.Parts {
		chip := slices.Contains([]string{"properties.json", "handles.json", "record.json"}, p.Name)
		if missing := p.Status != bundle.OK; missing != (p.Reason != "") || chip && p.Status != bundle.Absent {
			t.Errorf("%+v", p)
		}
	}
	if v := m.Verdict; v.Result != bundle.ResultFault || v.Findings[0].Layer != bundle.Chip || v.Findings[0].Step != "tpm.open" || v.Findings[0].Code != 10 {
		t.Errorf("the verdict is %+v", v)
	}
}

// A run that is called off has no bundle, one whose time is over has what there was.
func TestBundleThatIsCutShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := bare(t)
	o.Gathered = func(name string, _ bundle.Status, _ time.Duration) {
		if name == "clock.json" {
			cancel()
		}
	}
	if data, _, err := Bundle(ctx, o); !errors.Is(err, context.Canceled) || data != nil {
		t.Errorf("called off: %d bytes, %v", len(data), err)
	}
	over, end := context.WithTimeout(t.Context(), 0)
	defer end()
	data, m, err := Bundle(over, bare(t))
	if err != nil || len(data) == 0 {
		t.Fatalf("out of time: %d bytes, %v", len(data), err)
	}
	for _, p := range m.Parts {
		if p.Status == bundle.OK || p.Reason != "the time of the whole run was over" {
			t.Errorf("out of time: %+v", p)
		}
	}
}
