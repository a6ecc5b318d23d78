package lint_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/tomledit"
)

// typist does with a text file what a fix says, as a person does who reads it: by
// lines, without knowing how the check came to it. ok is false for a fix in words
// that leave something to decide. moved says on which line of the old file a line
// of the new one stood.
func typist(file string, f lint.Finding, fix string) (fixed string, moved func(int) int, ok bool) {
	same := func(n int) int { return n }
	lines := strings.SplitAfter(file, "\n")
	if f.Line == 0 || f.Line > len(lines) || strings.Contains(fix, "…") {
		return "", nil, false
	}
	if i := strings.LastIndex(fix, "put # before"); i >= 0 {
		first, last, ok := linesToComment(lines, f.Line, fix[i:])
		if !ok || last > len(lines) {
			return "", nil, false
		}
		for n := first; n <= last; n++ {
			lines[n-1] = "# " + lines[n-1]
		}
		return strings.Join(lines, ""), same, true
	}
	first, last := valueLines(file, f.Line)
	switch m := instruction.FindStringSubmatch(fix); {
	case m == nil:
	case m[1] == "move it above the first line that begins with [":
		blank(lines, first, last)
		return m[3] + "\n" + strings.TrimPrefix(strings.Join(lines, ""), "\xef\xbb\xbf"), inserted(1, f.Line), true
	case m[1] == "move it to the end of the file, below ":
		blank(lines, first, last)
		n := len(lines)
		return strings.Join(lines, "") + "\n" + m[2] + "\n" + m[3] + "\n", func(k int) int { return map[bool]int{true: f.Line, false: k}[k > n] }, true
	default:
		at := slices.IndexFunc(lines, func(l string) bool {
			l = strings.NewReplacer(" ", "", "\t", "", "\u00a0", "", "\ufeff", "", "\u200b", "").Replace(strings.TrimSpace(l))
			return strings.HasPrefix(l, m[2]) || l+"]" == m[2] // what is missing or too many is another finding
		})
		if at < 0 {
			return "\x00 there is no " + m[2], same, true // then the fix is not right
		}
		if strings.HasPrefix(m[1], "move") {
			blank(lines, first, last)
		}
		if !strings.HasSuffix(lines[at], "\n") {
			lines[at] += "\n"
		}
		lines = slices.Insert(lines, at+1, m[3]+"\n")
		return strings.Join(lines, ""), inserted(at+2, f.Line), true
	}
	if !wholeLine.MatchString(fix) {
		return "", nil, false
	}
	if start, end, inline := memberAt(file, f); inline {
		return file[:start] + fix + file[end:], same, true
	}
	end := lines[f.Line-1][len(strings.TrimRight(lines[f.Line-1], "\r\n")):]
	blank(lines, first, last)
	lines[f.Line-1] = fix + end
	return strings.Join(lines, ""), same, true
}

var (
	instruction = regexp.MustCompile(`^(move it above the first line that begins with \[|move it to the end of the file, below |move it below |add to )(\[[^\[\]]+\])?: (.*)$`)
	wholeLine   = regexp.MustCompile(`^(\[\[?[^\[\]]+\]\]?|[A-Za-z0-9_."'-]+ = .+)$`)
	lineNumbers = regexp.MustCompile(`^put # before lines (\d+) to (\d+)$`)
)

// linesToComment are the lines before which a # belongs.
func linesToComment(lines []string, at int, words string) (first, last int, ok bool) {
	switch words {
	case "put # before the line", "put # before it", "put # before the other":
		return at, at, true
	case "put # before the header and before all lines below it", "put # before all lines of the other":
		last = at
		for last < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[last]), "[") {
			last++
		}
		return at, last, true
	}
	m := lineNumbers.FindStringSubmatch(words)
	if m == nil {
		return 0, 0, false
	}
	first, _ = strconv.Atoi(m[1])
	last, _ = strconv.Atoi(m[2])
	return first, last, true
}

// valueLines are the lines of a setting whose value may go over several.
func valueLines(file string, line int) (first, last int) {
	if doc, err := tomledit.Parse([]byte(file)); err == nil {
		for _, e := range doc.Entries() {
			if e.Line == line && !e.Inline {
				return line, line + strings.Count(file[e.Key.Start:max(e.Key.End, e.Value.End)], "\n")
			}
		}
	}
	lines := strings.Split(file, "\n") // in a file that is not TOML, to the quotes at the end
	if last = line; strings.HasSuffix(lines[line-1], ` = """`) {
		for last++; last < len(lines) && !strings.HasPrefix(lines[last-1], `"""`); last++ {
		}
	}
	return line, last
}

// memberAt is where the member of braces stands that a finding is about.
func memberAt(file string, f lint.Finding) (start, end int, ok bool) {
	if doc, err := tomledit.Parse([]byte(file)); err == nil {
		for _, e := range doc.Entries() {
			if e.Line == f.Line && e.Column == f.Column && e.Inline {
				return e.Key.Start, e.Value.End, true
			}
		}
	}
	lines := strings.SplitAfter(file, "\n") // of a file that is not TOML, simple members
	at := len(strings.Join(lines[:f.Line-1], "")) + len(string([]rune(lines[f.Line-1])[:f.Column-1]))
	if m := member.FindString(file[at:]); m != "" && strings.TrimSpace(file[len(strings.Join(lines[:f.Line-1], "")):at]) != "" {
		return at, at + len(m), true
	}
	return 0, 0, false
}

var member = regexp.MustCompile(`^[A-Za-z0-9_]+ = ("[^"]*"|[0-9a-z]+)`)

func blank(lines []string, first, last int) {
	for n := first; n <= last; n++ {
		lines[n-1] = lines[n-1][len(strings.TrimRight(lines[n-1], "\r\n")):]
	}
}

// inserted is for a file with one line more.
func inserted(at, from int) func(int) int {
	return func(n int) int {
		switch {
		case n == at:
			return from
		case n > at:
			return n - 1
		}
		return n
	}
}

// wrongFix says what is wrong with the fix of a finding, "" if nothing is. typed is
// false for one that leaves something to decide.
func wrongFix(file string, before []lint.Finding, i int) (problem string, typed bool) {
	f := before[i]
	fixed, moved, ok := typist(file, f, f.Fix)
	if !ok {
		return "", false
	}
	type spot struct {
		rule string
		line int
	}
	left := map[spot]int{}
	for k, g := range before {
		if k != i {
			left[spot{g.Rule, g.Line}]++
		}
	}
	for _, g := range lint.Check([]byte(fixed), lint.Options{}).Findings {
		at := spot{g.Rule, moved(g.Line)}
		if left[at]--; left[at] < 0 {
			return fmt.Sprintf("after the fix there is %s in line %d: %s", g.Rule, g.Line, g.Message), true
		}
	}
	return "", true
}

// bases are the files that are mutated: ours, and one with every sort of setting.
func bases(t testing.TB) []string {
	t.Helper()
	all := []string{edgetest.TPMFile, fullFile}
	for _, name := range []string{"full.toml", "owner-password.toml"} {
		data, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(data))
	}
	return all
}

const fullFile = `hostname = "box-7"
trust_bundle_cert = "file:///etc/aziot/root.pem"
auto_reprovisioning_mode = "Dynamic"
cloud_timeout_sec = 90
prefer_module_identity_cache = true

[provisioning]
source = "dps"
global_endpoint = "https://global.azure-devices-provisioning.net/"
id_scope = "0ne0012AB34"
payload = { uri = "file:///etc/aziot/payload.json" }

[provisioning.attestation]
method = "tpm"
registration_id = "box-7"

[tpm]
tcti = "device:/dev/tpmrm0"
auth_key_index = 0x00_01_01

[tpm.hierarchy_authorization]
owner = "of the owner"

[aziot_max_requests]
keyd = 5
certd = 5
tpmd = 5
identityd = 5

[agent]
name = "edgeAgent"
type = "docker"
imagePullPolicy = "on-create"

[agent.config]
image = "mcr.microsoft.com/azureiotedge-agent:1.5"
createOptions = { HostConfig = { Binds = [
  "/var/lib/aziot/storage:/iotedge/storage",
] } }

[agent.env]
UpstreamProtocol = "AmqpWs"

[watchdog]
max_retries = "infinite"

[edge_ca]
cert = "file:///etc/aziot/edge-ca.pem"
pk = "file:///etc/aziot/edge-ca.key.pem"

[connect]
workload_uri = "unix:///var/run/iotedge/workload.sock"
management_uri = "unix:///var/run/iotedge/mgmt.sock"

[image_garbage_collection]
enabled = true
cleanup_recurrence = "1d"
cleanup_time = "23:30"
`

// slipsOfHands change one line as hands, editors and programs do. They return the
// line anew, and may add others.
var slipsOfHands = []func(r *rand.Rand, line string) string{
	func(r *rand.Rand, l string) string { return strings.Replace(l, " = ", " ", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, " = ", ": ", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, `"`, "", 1) },
	func(r *rand.Rand, l string) string { return strings.ReplaceAll(l, `"`, "") },
	func(r *rand.Rand, l string) string { return strings.Replace(l, `"`, "“", 1) },
	func(r *rand.Rand, l string) string { return l + `\n` },
	func(r *rand.Rand, l string) string { return l + "," },
	func(r *rand.Rand, l string) string { return l + ";" },
	func(r *rand.Rand, l string) string { return l + ` \` },
	func(r *rand.Rand, l string) string { return l + " (see the manual)" },
	func(r *rand.Rand, l string) string { return l + " // mine" },
	func(r *rand.Rand, l string) string { return l + "\n" + l },
	func(r *rand.Rand, l string) string { return "" },
	func(r *rand.Rand, l string) string { return "<<<<<<< HEAD\n" + l },
	func(r *rand.Rand, l string) string {
		return "<<<<<<< HEAD\n" + l + "\n=======\n" + l + "x\n>>>>>>> theirs"
	},
	func(r *rand.Rand, l string) string { return "{% if x %}\n" + l + "\n{% endif %}" },
	func(r *rand.Rand, l string) string { return "%{ if x ~}\n" + l },
	func(r *rand.Rand, l string) string { return "runcmd:\n  - iotedge config apply\n" + l },
	func(r *rand.Rand, l string) string { return "$ cat config.toml\n" + l },
	func(r *rand.Rand, l string) string { return "```toml\n" + l + "\n```" },
	func(r *rand.Rand, l string) string { return "-----BEGIN X-----\nMIIB/Q==\nAA+b\n-----END X-----\n" + l },
	func(r *rand.Rand, l string) string { return strings.ToUpper(l) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "_", "-", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "_", "", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "i", "", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "[", "[[", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "]", "", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "://", ":/", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "file://", "", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "device:", "", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "true", "True", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "id_scope", "scope_id", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "[", "[aziot.", 1) },
	func(r *rand.Rand, l string) string { return l + " # kept" },
	func(r *rand.Rand, l string) string { return "\t" + l + "\u00a0" },
	func(r *rand.Rand, l string) string { return "[frobnicate]\nx = 1\n[frobnicate.more]\ny = 2\n" + l },
	func(r *rand.Rand, l string) string { return "frobnicate.x = 1\nfrobnicate.y = 2\n" + l },
	func(r *rand.Rand, l string) string { return "frobnicate = [\n 1,\n 2 ]\n" + l },
	func(r *rand.Rand, l string) string { return "frobnicate = \"\"\"\na = 1\n" + l },
	func(r *rand.Rand, l string) string { return "[[provisioning.more]]\nx = 1\n" + l },
	func(r *rand.Rand, l string) string { return pick(r, misplacedLines) + "\n" + l },
	func(r *rand.Rand, l string) string { return l + "\n" + pick(r, misplacedLines) },
	func(r *rand.Rand, l string) string { return revalued(l, pick(r, otherValues)) },
	func(r *rand.Rand, l string) string { return revalued(l, pick(r, otherValues)) },
	func(r *rand.Rand, l string) string { return revalued(l, pick(r, otherValues)) },
}

var misplacedLines = []string{
	`auto_reprovisioning_mode = "Dynamic"`, `registration_id = "box-8"`, `id_scope = 0ne0012AB34`, `auth_key_index = "0x00_01_02"`, `tcti = "/dev/tpm0"`,
	`parent_hostname = "up"`, `local_gateway_hostname = "up"`, `payload = "/p.json"`, `payload = { uri = "/p.json", more = 1 }`, `dynamic_reprovisioning = true`, `homedir = "/var/lib/aziot"`,
	`provisioning.id_scope = "0ne0012AB34"`, `username = "u"`, `rotate_key = true`, `[edge_ca.auto_renew]`, `[certificates]`, `[provisioning]`, `[provisoning.attestation]`,
	`min_tls_version = "tls1.2"`, `symmetric_key = { value = "c2VjcmV0" }`, `image_pull_policy = "never"`, `"" = 1`, `createOptions = "{}"`, `hostname = true`,
	`[moby_runtime]` + "\n" + `uri = "unix:///d"` + "\n" + `network = { name = 5 }`,
}

var otherValues = []string{
	`"REGISTRATION_ID_HERE"`, `"@REGID@"`, `"SCOPE_ID_HERE"`, `"<your value>"`, `"{{ x }}"`, `"${x}"`, `"your-value-here"`, `"$VALUE"`, `""`, `" "`, `"x"`, `5`, `-1`, `99999999999`, `0x7f`, `1.5`, `true`, `"true"`, `yes`,
	`[ "a" ]`, `[]`, `{}`, `{ a = 1 }`, `"/etc/p.json"`, `/etc/p.json`, `"https://plant.azure-devices.net"`, `"http://h"`, `"LINE 7"`, `"Box-7"`, `'x"`, `“x”`, `"a\b"`, `007`, `1979-05-27`, `"""` + "\nx\n" + `"""`, `"0ab1234C5D6"`, `"none"`, `"manual"`, `"x509"`, `"symmetric_key"`,
	`"TPM"`, `"dynamic"`, `"90"`, `[ 1, "a" ]`, `"file://etc/x"`, `"pkcs11:object=a"`,
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// revalued gives a setting another value.
func revalued(line, value string) string {
	if name, _, ok := strings.Cut(line, " = "); ok && !strings.HasSuffix(line, "[") {
		return name + " = " + value
	}
	return line
}

// Every fix that says what to type is right: typed where it belongs, what was found
// is gone, and nothing new is there. The files are mutated at one to three lines.
func TestFixesAreRight(t *testing.T) { fixesAreRight(t, 7, 13, 2400, slipsOfHands) }

// The same with slips that the fixes were not made with: lines that wander, blocks
// that are pasted twice, names of other formats, and files cut short.
func TestFixesOfOtherSlips(t *testing.T) { fixesAreRight(t, 11, 26, 2000, otherSlips) }

// The long run takes seeds of its own: go test -fuzz FuzzFixesAreRight.
func FuzzFixesAreRight(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		fixesAreRight(t, seed, 1, 20, slices.Concat(slipsOfHands, otherSlips))
	})
}

// otherSlips are more of them, of another hand.
var otherSlips = []func(r *rand.Rand, line string) string{
	func(r *rand.Rand, l string) string { return "# " + l },
	func(r *rand.Rand, l string) string { return strings.TrimPrefix(l, "# ") },
	func(r *rand.Rand, l string) string { return "export " + l },
	func(r *rand.Rand, l string) string { return "- " + l },
	func(r *rand.Rand, l string) string { return "> " + l },
	func(r *rand.Rand, l string) string { return "  12 | " + l },
	func(r *rand.Rand, l string) string { return "+" + l },
	func(r *rand.Rand, l string) string { return "<!-- " + l + " -->" },
	func(r *rand.Rand, l string) string { return strings.Replace(l, " = ", " := ", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, " = ", " == ", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, " = ", " => ", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, " = ", "", 1) },
	func(r *rand.Rand, l string) string { return strings.ReplaceAll(l, `"`, "'") },
	func(r *rand.Rand, l string) string { return strings.ReplaceAll(l, `"`, "`") },
	func(r *rand.Rand, l string) string { return strings.ReplaceAll(l, `"`, `\"`) },
	func(r *rand.Rand, l string) string { return strings.ReplaceAll(l, `"`, "&quot;") },
	func(r *rand.Rand, l string) string { return strings.Replace(l, `"`, `""`, 1) },
	func(r *rand.Rand, l string) string { return strings.ReplaceAll(l, " ", "\u00a0") },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "o", "\u043e", 1) },
	func(r *rand.Rand, l string) string { return "\ufeff" + l },
	func(r *rand.Rand, l string) string { return "\u200b" + l },
	func(r *rand.Rand, l string) string { return l + "\r" },
	func(r *rand.Rand, l string) string { return l[:len(l)/2] },
	func(r *rand.Rand, l string) string { return l[len(l)/2:] },
	func(r *rand.Rand, l string) string { return strings.Replace(l, ".", "-", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "[", "[ ", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "[", "(", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "]", "]]", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "https", "http", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "/", `\`, 3) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "a", "A", 1) },
	func(r *rand.Rand, l string) string { return strings.Replace(l, "id", "ID", 1) },
	func(r *rand.Rand, l string) string { return "[tpm]\n" + l },
	func(r *rand.Rand, l string) string { return l + "\n[provisioning.attestation]" },
	func(r *rand.Rand, l string) string { return "[provisioning.attestation.tpm]\n" + l },
	func(r *rand.Rand, l string) string {
		return `provisioning = { source = "dps", scope_id = "0ne0012AB34" }` + "\n" + l
	},
	func(r *rand.Rand, l string) string { return `tpm.tcti = "device:/dev/tpm0"` + "\n" + l },
	func(r *rand.Rand, l string) string {
		return `attestation = { method = "tpm", registration_id = "box-8" }` + "\n" + l
	},
	func(r *rand.Rand, l string) string { return l + "\n" + `device_id = "box-7"` },
	func(r *rand.Rand, l string) string { return l + "\n" + `provisioning:` + "\n" + `  source: "dps"` },
	func(r *rand.Rand, l string) string { return l + "\n" + `{ "source": "dps" }` },
	func(r *rand.Rand, l string) string { return revalued(l, pick(r, strangeValues)) },
	func(r *rand.Rand, l string) string { return revalued(l, pick(r, strangeValues)) },
	func(r *rand.Rand, l string) string { return revalued(l, pick(r, strangeValues)) },
}

var strangeValues = []string{
	`"/run/tpm.sock"`, `"tpm.sock"`, `"/dev/tpmrm0"`, `"tabrmd"`, `"device:"`, `"swtpm:port=x"`, `"mssim"`, `"DEVICE:/dev/tpm0"`, `" device:/dev/tpm0"`, `0x1_00_00_00`, `"0x000100"`, `"256"`, `+5`, `1e3`, `0o17`, `inf`, `nan`, `null`, `None`, `"null"`,
	`"AlwaysOnStartUp"`, `"On error only"`, `"dps "`, `"Tpm"`, `"0ne0012AB3"`, `"ONE0012AB34"`, `"0ne0012AB34 "`, `"plant.azure-devices-provisioning.net"`, `"https://global.azure-devices-provisioning.net:443/"`, `"global.azure-devices-provisioning.net"`, `"HTTPS://global.azure-devices-provisioning.net"`,
	`"box_7"`, `"box 7"`, `"-box"`, `"box-"`, `"box/7"`, `"bóx"`, `"file:/p.json"`, `"file://p.json"`, `"C:\\p.json"`, `"~/p.json"`, `"http://p/p.json"`, `"99 days"`, `"1 d"`, `"24:00"`, `"never"`, `[[1], ["a"]]`, `{ uri = "/p" }`, `'''x'''`, `"\u0000"`, `"a\tb"`, `""""`, `'a`, `12:30:00`,
}

func fixesAreRight(t *testing.T, seed, stream uint64, most int, slips []func(*rand.Rand, string) string) {
	r := rand.New(rand.NewPCG(seed, stream))
	all := bases(t)
	files, fixes, inWords, wrong := 0, 0, 0, 0
	for files < most {
		lines := strings.Split(all[r.IntN(len(all))], "\n")
		for range 1 + r.IntN(3) {
			at := r.IntN(len(lines))
			lines[at] = slips[r.IntN(len(slips))](r, lines[at])
		}
		file := strings.Join(lines, "\n")
		files++
		before := lint.Check([]byte(file), lint.Options{}).Findings
		for i, f := range before {
			problem, typed := wrongFix(file, before, i)
			if !typed {
				inWords++
				continue
			}
			fixes++
			if problem != "" {
				if wrong++; wrong <= 15 {
					t.Errorf("%s in line %d (%s), fix %q: %s\n%s", f.Rule, f.Line, f.Message, f.Fix, problem, excerpt(file, f.Line))
				}
			}
		}
	}
	t.Logf("%d files, %d fixes typed, %d in words, %d wrong", files, fixes, inWords, wrong)
	if most > 100 && fixes < files {
		t.Errorf("only %d fixes were typed in %d files", fixes, files)
	}
}

// excerpt shows the lines around one.
func excerpt(file string, line int) string {
	lines := strings.Split(file, "\n")
	var b strings.Builder
	for n := max(1, line-4); n <= min(len(lines), line+4); n++ {
		fmt.Fprintf(&b, "%4d %s\n", n, lines[n-1])
	}
	return b.String()
}
