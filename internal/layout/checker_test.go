package layout_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// Each rule finds what it is there for. The packages are made up.
func TestCheckersFindFaults(t *testing.T) {
	tests := []struct {
		name  string
		check func([]pkg) []string
		pkg   pkg
		want  string // "" means no fault
	}{
		{"right direction", checkOurs, pkg{ImportPath: "tpmdps/internal/network", Imports: []string{"fmt", "tpmdps/internal/identity"}}, ""},
		{"wrong direction", checkOurs, pkg{ImportPath: "tpmdps/internal/identity", Imports: []string{"tpmdps/internal/enroll", "tpmdps/internal/text"}},
			"internal/identity imports internal/enroll"},
		{"a command imported", checkOurs, pkg{ImportPath: "tpmdps/internal/audit", Imports: []string{"tpmdps/cmd/tpmdps"}},
			"internal/audit imports cmd/tpmdps"},
		{"a permission that nobody needs", checkOurs, pkg{ImportPath: "tpmdps/internal/network", Imports: []string{"fmt"}},
			"internal/network may import internal/identity, and does not"},
		{"the emulator imports a client", checkOurs, pkg{ImportPath: "tpmdps/internal/emulator", Imports: allowedAnd("internal/emulator", "internal/tpm")},
			"internal/emulator imports internal/tpm"},
		{"the emulator's hub imports the client's", checkOurs, pkg{ImportPath: "tpmdps/internal/emulator/hub", Imports: allowedAnd("internal/emulator/hub", "internal/hub")},
			"internal/emulator/hub imports internal/hub"},
		{"the emulator's Entra ID imports a client", checkOurs, pkg{ImportPath: "tpmdps/internal/emulator/entra", Imports: allowedAnd("internal/emulator/entra", "internal/dps")},
			"internal/emulator/entra imports internal/dps"},
		{"unknown package", checkOurs, pkg{ImportPath: "tpmdps/internal/utils"}, "internal/utils has no place"},

		{"go-tpm where it belongs", checkRestricted, pkg{ImportPath: "tpmdps/internal/tpm", Imports: []string{"github.com/google/go-tpm/tpm2"}}, ""},
		{"go-tpm elsewhere", checkRestricted, pkg{ImportPath: "tpmdps/internal/enroll", Imports: []string{"github.com/google/go-tpm/tpm2"}},
			"internal/enroll imports github.com/google/go-tpm/tpm2 ("},
		{"go-tpm in a test", checkRestricted, pkg{ImportPath: "tpmdps/internal/enroll", XTestImports: []string{"github.com/google/go-tpm/tpm2"}}, ""},
		{"legacy go-tpm in a test", checkRestricted, pkg{ImportPath: "tpmdps/internal/tpm", TestImports: []string{"github.com/google/go-tpm/legacy/tpm2"}},
			"imports github.com/google/go-tpm/legacy/tpm2"},
		{"another module of the same prefix", checkRestricted, pkg{ImportPath: "tpmdps/internal/dps", Imports: []string{"github.com/google/go-tpmless"}}, ""},
		{"the simulator", checkRestricted, pkg{ImportPath: "tpmdps/internal/tpm", Imports: []string{"github.com/google/go-tpm-tools/simulator"}},
			"imports github.com/google/go-tpm-tools/simulator"},
		{"flags in a stage", checkRestricted, pkg{ImportPath: "tpmdps/internal/edge", Imports: []string{"github.com/urfave/cli/v2"}},
			"internal/edge imports github.com/urfave/cli/v2"},
		{"flags in a command", checkRestricted, pkg{ImportPath: "tpmdps/cmd/tpmdps", Imports: []string{"github.com/urfave/cli/v2"}}, ""},
		{"a process in a command", checkRestricted, pkg{ImportPath: "tpmdps/cmd/tpmdps", Imports: []string{"os/exec"}},
			"cmd/tpmdps imports os/exec"},

		{"the simulator linked", checkLinked, pkg{ImportPath: "tpmdps/cmd/tpmdps", Deps: []string{"github.com/google/go-tpm-tools/simulator/internal"}},
			"cmd/tpmdps links github.com/google/go-tpm-tools/simulator/internal"},
		{"the simulator below a test", checkLinked, pkg{ImportPath: "tpmdps/internal/tpm", Deps: []string{"github.com/google/go-tpm-tools/simulator"}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			faults := test.check([]pkg{test.pkg})
			if test.want == "" {
				if len(faults) != 0 {
					t.Errorf("faults = %q, want none", faults)
				}
				return
			}
			if len(faults) != 1 || !strings.Contains(faults[0], test.want) {
				t.Errorf("faults = %q, want one with %q", faults, test.want)
			}
		})
	}
}

// allowedAnd lists what the package may import, and one more.
func allowedAnd(name, more string) (imports []string) {
	for _, imported := range append(slices.Clone(ours[name]), more) {
		imports = append(imports, module+imported)
	}
	return imports
}

func TestScanFindsFaults(t *testing.T) {
	root := fstest.MapFS{
		"internal/good/good.go": {Data: []byte(`package good
import ("fmt"; "io"; "os")
type log struct{}
func (log) Println() {}
func F(w io.Writer, l log) error { l.Println(); fmt.Fprintln(w); _, err := os.Open("f"); return err }
`)},
		"internal/bad/bad.go": {Data: []byte(`package bad
import (f "fmt"; "log/slog"; "os")
func F() {
	f.Printf("x")
	slog.Info("x")
	println("x")
	w := os.Stderr
	defer os.Exit(1)
	_ = w
}
`)},
		"internal/bad/dot.go":          {Data: []byte("package bad\nimport . \"fmt\"\nfunc G() { Println() }\n")},
		"internal/bad/bad_test.go":     {Data: []byte("package bad\nimport \"os\"\nfunc init() { os.Exit(1) }\n")},
		"internal/bad/testdata/no.go":  {Data: []byte("package no\nfunc init() { println() }\n")},
		"internal/bad/main.go":         {Data: []byte("package bad\nfunc init() { println() }\n")},
		"internal/bad/not-go-code.txt": {Data: []byte("println()")},
	}
	got, err := scan(root, "internal", commandsOnly)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"internal/bad/bad.go:4:2: uses f.Printf",
		"internal/bad/bad.go:5:2: uses slog.Info",
		"internal/bad/bad.go:6:2: uses println",
		"internal/bad/bad.go:7:7: uses os.Stderr",
		"internal/bad/bad.go:8:8: uses os.Exit",
		"internal/bad/dot.go:2:8: imports fmt with a dot",
	}
	if !slices.Equal(got, want) {
		t.Errorf("scan() = %q, want %q", got, want)
	}
}
