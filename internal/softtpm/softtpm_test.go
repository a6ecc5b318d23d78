package softtpm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

const (
	ekHandle  = tpm2.TPMHandle(0x81010001)
	ekECC     = tpm2.TPMHandle(0x81010016)
	srkHandle = tpm2.TPMHandle(0x81000001)
)

func TestStartAnswersOnEveryTransport(t *testing.T) {
	tests := []struct {
		name    string
		fixture string
		options softtpm.Options
		address string
		want    []tpm2.TPMHandle
	}{
		{"blank on a unix socket", "", softtpm.Options{}, "swtpm:path=/", nil},
		{"fixture on a unix socket", "persisted", softtpm.Options{}, "swtpm:path=/", []tpm2.TPMHandle{ekHandle, ekECC}},
		{"fixture on TCP", "persisted", softtpm.Options{TCP: true}, "swtpm:host=127.0.0.1,port=", []tpm2.TPMHandle{ekHandle, ekECC}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := softtpmtest.StartWith(t, test.fixture, test.options)
			if got := p.Address(); !strings.HasPrefix(got, test.address) {
				t.Errorf("Address() = %q, want %q…", got, test.address)
			}
			got, err := softtpmtest.Persistent(p)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("Persistent() = %#x, %v, want %#x", got, err, test.want)
			}
		})
	}
}

// hangLimit is when a test that waits for an answer gives up: it only ends a hang.
const hangLimit = 2 * time.Minute

// tpm2-tools look for the control channel one port above the command channel.
func TestControlChannelIsTheNextPort(t *testing.T) {
	p := softtpmtest.StartWith(t, "", softtpm.Options{TCP: true})
	_, port, _ := strings.Cut(p.Address(), "port=")
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n+1)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(hangLimit))
	conn.Write([]byte{0, 0, 0, 1}) // CMD_GET_CAPABILITY
	answer := make([]byte, 8)
	if _, err := io.ReadFull(conn, answer); err != nil || binary.BigEndian.Uint32(answer) != 0 {
		t.Errorf("control channel answered %x, %v, want success", answer, err)
	}
}

func TestStateSurvivesStopAndPowerCycle(t *testing.T) {
	// A comma and a space: both mean something in swtpm's option syntax.
	dir := filepath.Join(t.TempDir(), "a chip, used")
	first := start(t, softtpm.Options{Dir: dir})
	if err := softtpmtest.PersistSRK(first); err != nil {
		t.Fatal(err)
	}
	want := []tpm2.TPMHandle{srkHandle}
	if err := first.PowerCycle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := softtpmtest.Persistent(first); err != nil || !slices.Equal(got, want) {
		t.Errorf("after a power cycle: %#x, %v, want %#x", got, err, want)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	if got, err := softtpmtest.Persistent(start(t, softtpm.Options{Dir: dir})); err != nil || !slices.Equal(got, want) {
		t.Errorf("after a restart: %#x, %v, want %#x", got, err, want)
	}
}

func TestPowerCycleClearsWhatIsVolatile(t *testing.T) {
	p := softtpmtest.StartWith(t, "", softtpm.Options{TCP: true})
	leaveTransientKey(t, p)
	if got, err := softtpmtest.Leftovers(p); err != nil || len(got) != 1 {
		t.Fatalf("Leftovers() = %#x, %v, want one transient object", got, err)
	}
	if err := p.PowerCycle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := softtpmtest.Leftovers(p); err != nil || len(got) != 0 {
		t.Errorf("Leftovers() after a power cycle = %#x, %v, want none", got, err)
	}
}

func TestManufacture(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new, chip")
	p := start(t, softtpm.Options{Dir: dir, Manufacture: true})
	want := []tpm2.TPMHandle{ekHandle, ekECC}
	if got, err := softtpmtest.Persistent(p); err != nil || !slices.Equal(got, want) {
		t.Errorf("Persistent() = %#x, %v, want %#x", got, err, want)
	}
	made := readEK(t, p)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if again := readEK(t, start(t, softtpm.Options{Dir: dir, Manufacture: true})); !bytes.Equal(again, made) {
		t.Error("Manufacture replaced a chip that had state")
	}
}

func TestTPM12(t *testing.T) {
	p := softtpmtest.StartWith(t, "", softtpm.Options{TPM12: true})
	// To TPM2_Startup a TPM 1.2 answers an error in its own format: TPM_TAG_RSP_COMMAND.
	answer := send(t, p, "\x80\x01\x00\x00\x00\x0c\x00\x00\x01\x44\x00\x00")
	if tag := binary.BigEndian.Uint16(answer); tag != 0x00c4 {
		t.Errorf("TPM2_Startup answered %x, want tag 00c4", answer)
	}
	if err := p.PowerCycle(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := softtpm.Start(t.Context(), softtpm.Options{TPM12: true, Manufacture: true}); err == nil {
		t.Error("Start manufactured a TPM 1.2, want an error")
	}
}

func TestStopRemovesEverythingTemporary(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	p := start(t, softtpm.Options{})
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("temporary directory holds %v, %v, want nothing", left, err)
	}
}

func TestDeepTemporaryDirectory(t *testing.T) {
	deep := filepath.Join(t.TempDir(), strings.Repeat("deep/", 25))
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", deep)
	if _, err := softtpmtest.Persistent(start(t, softtpm.Options{})); err != nil {
		t.Error(err)
	}
}

func TestContextEndsTheProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := softtpm.Start(ctx, softtpm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := p.Stop(); err != nil {
		t.Errorf("Stop() after the context ended = %v, want nil", err)
	}
	if _, err := softtpmtest.Persistent(p); err == nil {
		t.Error("the chip answers after its context ended")
	}
}

func TestStartReportsWhatSwtpmSays(t *testing.T) {
	tests := []struct {
		name string
		dir  func(t *testing.T) string
		want string
	}{
		{"state in use", func(t *testing.T) string {
			return start(t, softtpm.Options{}).Dir()
		}, "swtpm says: "},
		{"state damaged", func(t *testing.T) string {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "tpm2-00.permall"), []byte("no state"), 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "swtpm says: "},
		{"directory is a file", func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}, "make a directory for the software TPM"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := softtpm.Start(t.Context(), softtpm.Options{Dir: test.dir(t)})
			if err == nil {
				p.Stop()
				t.Fatal("Start() = nil, want an error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start() = %v, want it to contain %q", err, test.want)
			}
		})
	}
}

func TestNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := softtpm.Start(t.Context(), softtpm.Options{})
	if !errors.Is(err, softtpm.ErrNotInstalled) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("Start() = %v, want ErrNotInstalled and its cause", err)
	}
	if want := "apt-get install swtpm swtpm-tools"; !strings.Contains(err.Error(), want) {
		t.Errorf("Start() = %v, want the command %q in it", err, want)
	}
	err = softtpm.Manufacture(t.Context(), t.TempDir())
	if !errors.Is(err, softtpm.ErrNotInstalled) {
		t.Errorf("Manufacture() = %v, want ErrNotInstalled", err)
	}
}

func start(t *testing.T, o softtpm.Options) *softtpm.Process {
	t.Helper()
	p, err := softtpm.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop() })
	return p
}

// readEK returns the public area of the RSA endorsement key.
func readEK(t *testing.T, p *softtpm.Process) []byte {
	t.Helper()
	answer, err := tpm2.ReadPublic{ObjectHandle: ekHandle}.Execute(rawTPM{t, p})
	if err != nil {
		t.Fatal(err)
	}
	return answer.OutPublic.Bytes()
}

// leaveTransientKey makes a primary key and forgets to flush it.
func leaveTransientKey(t *testing.T, p *softtpm.Process) {
	t.Helper()
	command := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}
	if _, err := command.Execute(rawTPM{t, p}); err != nil {
		t.Fatal(err)
	}
}

// rawTPM sends each command on a connection of its own.
type rawTPM struct {
	t *testing.T
	p *softtpm.Process
}

func (r rawTPM) Send(command []byte) ([]byte, error) { return send(r.t, r.p, string(command)), nil }

func send(t *testing.T, p *softtpm.Process, command string) []byte {
	t.Helper()
	network, address := "unix", strings.TrimPrefix(p.Address(), "swtpm:path=")
	if host, port, ok := strings.Cut(strings.TrimPrefix(address, "swtpm:host="), ",port="); ok {
		network, address = "tcp", net.JoinHostPort(host, port)
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(hangLimit))
	if _, err := io.WriteString(conn, command); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 10)
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, binary.BigEndian.Uint32(answer[2:])-10)
	if _, err := io.ReadFull(conn, rest); err != nil {
		t.Fatal(err)
	}
	return append(answer, rest...)
}
