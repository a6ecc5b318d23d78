package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// Names of the emulator and its hub that nothing resolves (RFC 2606) but the
// proxy: what reaches them went through it.
const (
	proxiedDPS = "dps.emulator.example"
	proxiedHub = "hub.emulator.example"
)

// forwardProxy is tinyproxy as this user's process. It is a stock proxy that
// nobody here wrote; its names come from a file, by libnss-wrapper.
type forwardProxy struct {
	address string
	log     *bufio.Reader // of its lines, as it writes them
	checked int           // calls of proxied so far
}

// startForwardProxy: proxy [login NAME PASSWORD | refusing HOST]. Starts a
// forward proxy in place of the one before, and sets the variables with which
// the program goes through it to the emulator.
func startForwardProxy(ts *testscript.TestScript, neg bool, args []string) {
	settings := ""
	switch {
	case len(args) == 3 && args[0] == "login":
		settings = fmt.Sprintf("BasicAuth %s %s\n", args[1], args[2])
	case len(args) == 2 && args[0] == "refusing":
		filter := ts.MkAbs("refused")
		ts.Check(os.WriteFile(filter, []byte("^"+regexp.QuoteMeta(args[1])+"$\n"), 0o600))
		settings = fmt.Sprintf("Filter %q\nFilterExtended On\n", filter)
	case len(args) > 0 || neg:
		ts.Fatalf("usage: proxy [login NAME PASSWORD | refusing HOST]")
	}
	p := runTinyproxy(ts, settings)
	of(ts).proxy = p
	ts.Setenv("PROXY", p.address)
	ts.Setenv("HTTPS_PROXY", "http://"+p.address)

	server := of(ts).server
	dps := net.JoinHostPort(proxiedDPS, portOf(ts, server.Addr()))
	ts.Setenv("DPS", dps)
	ts.Setenv("HUB", net.JoinHostPort(proxiedHub, portOf(ts, server.Hub())))
	ts.Setenv("IOTHUB_DEVICE_DPS_ENDPOINT", "https://"+dps)
	ts.Setenv("PROVISIONING_CONNECTION_STRING", strings.Replace(server.ConnectionString(), server.Host(), dps, 1))
}

func portOf(ts *testscript.TestScript, address string) string {
	_, port, err := net.SplitHostPort(address)
	ts.Check(err)
	return port
}

// runTinyproxy starts a proxy and waits until it listens.
func runTinyproxy(ts *testscript.TestScript, settings string) *forwardProxy {
	const install = "apt-get install tinyproxy-bin libnss-wrapper"
	program, err := exec.LookPath("tinyproxy")
	if err != nil {
		ts.Fatalf("tinyproxy is missing (%s): %v", install, err)
	}
	dir, err := os.MkdirTemp(ts.Getenv("WORK"), "proxy-")
	ts.Check(err)
	hosts, config := dir+"/hosts", dir+"/tinyproxy.conf"
	secretsOf(ts).names = append(secretsOf(ts).names, "tinyproxy.conf")
	p := &forwardProxy{address: freeAddress(ts)}
	host, port, _ := net.SplitHostPort(p.address)
	ts.Check(os.WriteFile(hosts, []byte("127.0.0.1 "+proxiedDPS+" "+proxiedHub+"\n"), 0o600))
	ts.Check(os.WriteFile(config, fmt.Appendf(nil, "Listen %s\nPort %s\nTimeout 60\nLogLevel Info\n%s", host, port, settings), 0o600))
	kept, err := os.Create(dir + "/log") // searched for secrets with all that the script leaves
	ts.Check(err)
	r, w, err := os.Pipe()
	ts.Check(err)

	// -d keeps it in the foreground, where it logs to stdout.
	cmd := exec.Command(program, "-d", "-c", config)
	cmd.Env = []string{"LD_PRELOAD=libnss_wrapper.so", "NSS_WRAPPER_HOSTS=" + hosts}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	ts.Check(err)
	p.log = bufio.NewReader(io.TeeReader(r, kept))
	ts.Defer(func() {
		cmd.Process.Kill()
		io.Copy(io.Discard, p.log)
		cmd.Wait()
		r.Close()
		kept.Close()
	})
	text, listens := p.readTo("Accepting connections")
	if !listens || strings.Contains(text, "libnss_wrapper.so") {
		ts.Fatalf("tinyproxy does not run as it should (%s):\n%s", install, text)
	}
	return p
}

// readTo reads the log up to the line that has the words in it, and waits for
// that. It reports false when the log ends before, because the proxy has ended.
func (p *forwardProxy) readTo(words string) (text string, found bool) {
	var read strings.Builder
	for {
		line, err := p.log.ReadString('\n')
		read.WriteString(line)
		if found = strings.Contains(line, words); found || err != nil {
			return read.String(), found
		}
	}
}

// freeAddress is on a part of loopback where nothing else listens, so that the
// port does not get lost before the proxy has it.
func freeAddress(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}

// proxied: proxied [HOST:PORT...]. The proxy was asked to connect to these since
// the last time, in this order, and to nothing else.
func proxied(ts *testscript.TestScript, neg bool, args []string) {
	p := of(ts).proxy
	if neg || p == nil {
		ts.Fatalf("usage: proxied [HOST:PORT...], after proxy")
	}
	// A request of our own marks where the log is to be read to.
	p.checked++
	mark := fmt.Sprintf("mark-%d.invalid:1", p.checked)
	conn, err := net.Dial("tcp", p.address)
	ts.Check(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\n\r\n", mark)
	ts.Check(err)
	text, found := p.readTo(": CONNECT " + mark)
	var got []string
	for _, m := range connectLine.FindAllStringSubmatch(text, -1) {
		if m[1] != mark {
			got = append(got, m[1])
		}
	}
	if !found || !slices.Equal(got, args) {
		ts.Fatalf("the proxy was asked for %q, want %q", got, args)
	}
}

// connectLine is how tinyproxy logs a request. It writes the line before it
// connects.
var connectLine = regexp.MustCompile(`(?m)^CONNECT .*: CONNECT (\S+) HTTP/1\.[01]$`)
