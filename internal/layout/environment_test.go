package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// environmentOnly names what only internal/environment may use: other readers of the
// proxies' variables go around a proxy whose address they cannot read.
var environmentOnly = map[string][]string{
	"net/http":                        {"ProxyFromEnvironment", "DefaultTransport", "DefaultClient", "Get", "Head", "Post", "PostForm"},
	"golang.org/x/net/http/httpproxy": {"FromEnvironment"},
	"golang.org/x/net/proxy":          {"FromEnvironment", "FromEnvironmentUsing", "Dial"},
	"github.com/gorilla/websocket":    {"DefaultDialer"},
}

// settingName is a variable that internal/environment reads.
var settingName = regexp.MustCompile(`(?i)^(?:(?:https?|all|no)_proxy|ssl_cert_(?:file|dir)|azure_(?:tenant_id|client_id|authority_host|client_certificate_path|federated_token_file))$`)

// mayName may have such a name in a text, since they set, show or hide it, or hand on
// what it holds without looking.
var mayName = map[string]string{
	"internal/environment/":             "the one reader",
	"internal/bundle/gather/secrets.go": "lists what a bundle shows",
	"cmd/tpmdps/demo.go":                "takes it out",
	"cmd/tpmdps/children.go":            "takes it out",
	"internal/emulator/":                "writes emulator.env",
}

// Each setting of the environment is read at one place.
func TestEnvironmentIsReadAtOnePlace(t *testing.T) {
	root := os.DirFS("../..")
	for _, dir := range []string{"cmd", "internal"} {
		faults, err := scan(root, dir, environmentOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults {
			t.Error(fault)
		}
		if err := fs.WalkDir(root, dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || namesSettings(name) {
				return err
			}
			source, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			found, err := settingsIn(name, source)
			for _, fault := range found {
				t.Error(fault)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func namesSettings(name string) bool {
	for begin := range mayName {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

// settingsIn lists the texts in a file that are the name of a setting.
func settingsIn(name string, source []byte) (faults []string, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil && settingName.MatchString(text) {
				faults = append(faults, fset.Position(literal.Pos()).String()+": "+text+" is read by internal/environment alone")
			}
		}
		return true
	})
	return faults, nil
}

func TestEnvironmentCheckerFindsFaults(t *testing.T) {
	for source, want := range map[string]int{
		`package p; import "os"; var _ = os.Getenv("https_proxy")`:            1,
		`package p; var names = []string{"HTTPS_PROXY", "ALL_PROXY", "TERM"}`: 2,
		"package p; const name = `SSL_CERT_FILE`":                             1,
		`package p; const hint = "check HTTPS_PROXY"`:                         0,
	} {
		if faults, err := settingsIn("a.go", []byte(source)); err != nil || len(faults) != want {
			t.Errorf("%s: %q, %v, want %d", source, faults, err, want)
		}
	}
	source := `package p; import "net/http"; var t = http.Transport{Proxy: http.ProxyFromEnvironment}`
	if faults, err := uses("a.go", []byte(source), environmentOnly); err != nil || len(faults) != 1 {
		t.Errorf("%s: %q, %v", source, faults, err)
	}
}
