package aziot

import (
	"cmp"
	"path"
	"regexp"
	"runtime"
	"strings"
)

// DefaultTCTI is what aziot-tpmd uses where the file says nothing.
const DefaultTCTI = "device"

// tctiTarget is what a TCTI string leads to: nodes that are tried in turn, or
// something else.
type tctiTarget struct {
	nodes []string
	other string // what it is instead of a node
}

// deviceNodes are what the device module of tpm2-tss tries, in its order, where
// no node is named. It goes on to the next one for whatever reason it cannot
// open the one before.
var deviceNodes = []string{"/dev/tpmrm0", "/dev/tpm0"}

var moduleFile = regexp.MustCompile(`^libtss2-tcti-(.+?)\.so(\.[0-9]+)*$`)

// parseTCTI reads a string as the loader of tpm2-tss does: a module, and after
// the first colon its settings. The module may be named by its file. No module
// means the loader's own list, which has the daemon tpm2-abrmd, where its module
// is installed, before the nodes.
func parseTCTI(tcti string) tctiTarget {
	module, conf, _ := strings.Cut(tcti, ":")
	if m := moduleFile.FindStringSubmatch(path.Base(module)); m != nil {
		module = m[1]
	}
	switch module {
	case "device":
		if conf != "" {
			return tctiTarget{nodes: []string{conf}}
		}
		return tctiTarget{nodes: deviceNodes}
	case "":
		return tctiTarget{nodes: deviceNodes}
	case "tabrmd", "abrmd":
		return tctiTarget{other: "it asks the daemon tpm2-abrmd, which opens the chip itself"}
	case "swtpm", "mssim":
		return tctiTarget{other: "it speaks with a software TPM over a socket"}
	}
	return tctiTarget{other: "it uses a module of its own"}
}

var chipNode = regexp.MustCompile(`^/dev/tpm(?:rm)?([0-9]+)$`)

// number is the number of the chip whose nodes are opened.
func (w tctiTarget) number() (string, bool) {
	if len(w.nodes) == 0 {
		return "", false
	}
	m := chipNode.FindStringSubmatch(path.Clean(w.nodes[0]))
	if m == nil {
		return "", false
	}
	return m[1], true
}

// sameChip says whether a TCTI string leads to the chip at an address, which is
// spelt as one, too. A machine's two nodes are one chip, and the daemon tpm2-abrmd
// is a way to the first one. Where a module of its own leads cannot be said: to
// another one. A bare path is an address, but not a TCTI: it leads nowhere.
func sameChip(tcti, address string) bool {
	if module, _, _ := strings.Cut(tcti, ":"); strings.Contains(module, "/") && !strings.Contains(path.Base(module), ".so") {
		return false
	}
	return destination(tcti) == destination(address)
}

// destination is where a string leads, spelt in one way.
func destination(tcti string) string {
	w := parseTCTI(tcti)
	if len(w.nodes) > 0 {
		return node(w.nodes[0])
	}
	module, conf, _ := strings.Cut(tcti, ":")
	if m := moduleFile.FindStringSubmatch(path.Base(module)); m != nil {
		module = m[1]
	} else if strings.HasPrefix(tcti, "/") || strings.HasPrefix(tcti, "./") {
		return node(tcti) // a bare path, as this program accepts it
	}
	switch module {
	case "tabrmd", "abrmd":
		return node(deviceNodes[0])
	case "swtpm", "mssim":
	default:
		return tcti
	}
	settings := map[string]string{"host": "127.0.0.1", "port": "2321"}
	for part := range strings.SplitSeq(conf, ",") {
		if name, value, found := strings.Cut(part, "="); found {
			settings[name] = value
		}
	}
	if settings["path"] != "" {
		return node(settings["path"])
	}
	if settings["host"] == "localhost" {
		settings["host"] = "127.0.0.1"
	}
	return module + ":" + settings["host"] + ":" + settings["port"]
}

// node is a node of a chip by the chip's number, and any other by its path.
func node(name string) string {
	if number, ok := (tctiTarget{nodes: []string{name}}).number(); ok {
		return "chip " + number
	}
	return path.Clean(name)
}

// OtherTCTI is how IoT Edge opens its chip with the TCTI of its configuration, in
// words, if that is another one than at an address; else "". Windows has no IoT Edge
// of its own.
func OtherTCTI(tcti, address string) string {
	used := cmp.Or(tcti, DefaultTCTI)
	switch {
	case runtime.GOOS == "windows" || sameChip(used, address):
		return ""
	case tcti == "":
		return used + " (its default, as the file has no tcti)"
	}
	return used
}
