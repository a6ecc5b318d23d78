package main

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tpmdps/internal/verdict"
)

const pipeline = "docs/pipeline.md"

// actions are what the page says to do with each exit code.
func actions(t *testing.T) map[string]string {
	t.Helper()
	of := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9]+) \\| `([a-z-]+)` \\| ([a-z ]+) \\|").FindAllStringSubmatch(section(t, pipeline, "## What to do with an exit code"), -1) {
		of[row[1]] = row[3]
		if code := exitCode(t, row[1]); verdict.Names[code] != row[2] {
			t.Errorf("%s calls %d %s, the program %s", pipeline, code, row[2], verdict.Names[code])
		}
	}
	if len(of) != len(verdict.Names) {
		t.Errorf("%s has %d codes, the program %d", pipeline, len(of), len(verdict.Names))
	}
	return of
}

// exitCode is a code of the table.
func exitCode(t *testing.T, text string) int {
	t.Helper()
	code, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// examplePage is a file of docs/examples.
func examplePage(t *testing.T, name string) string {
	t.Helper()
	return page(t, "docs/examples/"+name)
}

// TestPipelineScript: the script that is shown is the file, and its branches are the table.
func TestPipelineScript(t *testing.T) {
	script := examplePage(t, "image.sh")
	if _, shown, _ := strings.Cut(page(t, pipeline), "The whole script:\n\n```sh\n"); !strings.HasPrefix(shown, script+"```\n") {
		t.Errorf("%s does not show examples/image.sh as it is", pipeline)
	}
	exits := map[string]string{"75": "again later", "2": "a person", "3": "machine aside"}
	branch := regexp.MustCompile(`(?m)^  ([0-9 |]+)\) end ([0-9]+) `)
	does := map[string]string{}
	for _, m := range branch.FindAllStringSubmatch(script, -1) {
		for code := range strings.SplitSeq(m[1], " | ") {
			does[code] = exits[m[2]]
		}
	}
	for code, action := range actions(t) {
		want := does[code]
		switch {
		case code == "0":
			want = "go on"
		case want == "":
			want = "stop the line" // the branch for all others
		}
		if action != want {
			t.Errorf("%s: %s is %q, and the script does %q", pipeline, code, action, want)
		}
	}
	for _, shell := range []string{"dash", "sh"} {
		if out, err := exec.Command(shell, "-n", filepath.Join("..", "..", "docs", "examples", "image.sh")).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	if checker, err := exec.LookPath("shellcheck"); err == nil {
		if out, err := exec.Command(checker, filepath.Join("..", "..", "docs", "examples", "image.sh")).CombinedOutput(); err != nil {
			t.Errorf("shellcheck: %v\n%s", err, out)
		}
	}
	for _, command := range regexp.MustCompile(`(?m)^ *step [a-z]+ ([a-z].*)$|set -- (read-ek)$`).FindAllStringSubmatch(script, -1) {
		line := strings.NewReplacer(` "$@"`, "", `"`, "").Replace("tpmdps " + command[1] + command[2])
		commandParses(t, "image.sh", strings.Fields(line))
	}
}

// commandParses has the program read the words of a command line, as they stand there.
func commandParses(t *testing.T, where string, words []string) {
	t.Helper()
	if err := parses("tpmdps '" + strings.Join(words[1:], "' '") + "'"); err != nil {
		t.Errorf("%s: %q: %v", where, words, err)
	}
}

// secretless finds what must not stand on a command line.
var secretless = regexp.MustCompile(`SharedAccess|sig=|PASSWORD=|--password`)

// TestPipelineUnit reads the unit as systemd does, and asks systemd too where it is there.
func TestPipelineUnit(t *testing.T) {
	unit := examplePage(t, "tpmdps-enroll.service")
	settings := map[string][]string{}
	for line := range strings.Lines(unit) {
		if name, value, is := strings.Cut(strings.TrimSpace(line), "="); is && !strings.HasPrefix(name, "#") {
			settings[name] = append(settings[name], value)
		}
	}
	for name, want := range map[string]string{
		"Type": "oneshot", "DeviceAllow": "/dev/tpmrm0 rw", "DevicePolicy": "closed", "ProtectSystem": "strict", "After": "network-online.target time-sync.target",
		"Wants": "network-online.target", "Restart": "on-failure", "StateDirectory": "tpmdps", "ConditionPathExists": "!/var/lib/tpmdps/enrolled",
	} {
		if !slices.Contains(settings[name], want) {
			t.Errorf("%s is %q, want %s", name, settings[name], want)
		}
	}
	if settings["PrivateDevices"] != nil {
		t.Error("PrivateDevices= hides the chip")
	}
	var stops []string
	for code, action := range actions(t) {
		if action != "go on" && action != "again later" {
			stops = append(stops, code)
		}
	}
	slices.SortFunc(stops, func(a, b string) int { return exitCode(t, a) - exitCode(t, b) })
	if got := strings.Join(settings["RestartPreventExitStatus"], " "); got != strings.Join(stops, " ") {
		t.Errorf("the unit does not restart after %s, the table says %s", got, strings.Join(stops, " "))
	}
	commands := 0
	for _, line := range settings["ExecStart"] {
		if words := strings.Fields(line); words[0] == "/usr/bin/tpmdps" {
			commands++
			commandParses(t, "the unit", words)
		}
		if secretless.MatchString(line) {
			t.Errorf("a secret is on a command line: %s", line)
		}
	}
	if commands != 3 {
		t.Errorf("the unit has %d command lines", commands)
	}
	systemdAccepts(t, unit)
}

// systemdAccepts has systemd-analyze look at a unit, where there is one. It wants the
// programs to be there.
func systemdAccepts(t *testing.T, unit string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("there is no systemd-analyze here")
		return
	}
	dir := t.TempDir()
	program, file := filepath.Join(dir, "tpmdps"), filepath.Join(dir, "tpmdps-enroll.service")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(unit, "/usr/bin/tpmdps", program)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput()
	if err != nil || strings.Contains(string(out), "tpmdps-enroll") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestPipelineCloudInit reads the fragment as cloud-init does.
func TestPipelineCloudInit(t *testing.T) {
	text := examplePage(t, "cloud-init.yaml")
	if !strings.HasPrefix(text, "#cloud-config\n") {
		t.Error("cloud-init reads only what begins with #cloud-config")
	}
	var fragment struct {
		WriteFiles []struct{ Path, Owner, Permissions, Content string } `yaml:"write_files"`
		RunCmd     [][]string                                           `yaml:"runcmd"`
	}
	dec := yaml.NewDecoder(strings.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&fragment); err != nil {
		t.Fatal(err)
	}
	if len(fragment.WriteFiles) != 1 || fragment.WriteFiles[0].Permissions != "0600" || secretless.MatchString(fragment.WriteFiles[0].Content) {
		t.Errorf("%+v", fragment.WriteFiles)
	}
	if len(fragment.RunCmd) != 1 || len(fragment.RunCmd[0]) != 3 || !slices.Equal(fragment.RunCmd[0][:2], []string{"sh", "-c"}) {
		t.Fatalf("%q", fragment.RunCmd)
	}
	script, commands := fragment.RunCmd[0][2], 0
	for part := range strings.SplitSeq(script, " && ") {
		words := strings.Fields(strings.ReplaceAll(part, `"`, ""))
		if words[0] == "tpmdps" {
			commands++
			commandParses(t, "cloud-init.yaml", words)
		}
	}
	if commands != 3 || strings.ContainsAny(script, "\n;") {
		t.Errorf("%d commands in %q", commands, script)
	}
	if out, err := exec.Command("dash", "-n", "-c", script).CombinedOutput(); err != nil {
		t.Errorf("dash: %v\n%s", err, out)
	}
}

// TestPipelineUnattend reads the answer file as Windows Setup does: its namespace, the
// component, and what Microsoft's documentation says of a command.
func TestPipelineUnattend(t *testing.T) {
	type runCommand struct {
		Action      string `xml:"http://schemas.microsoft.com/WMIConfig/2002/State action,attr"`
		Order       int    `xml:"urn:schemas-microsoft-com:unattend Order"`
		Description string `xml:"urn:schemas-microsoft-com:unattend Description"`
		Path        string `xml:"urn:schemas-microsoft-com:unattend Path"`
		WillReboot  string `xml:"urn:schemas-microsoft-com:unattend WillReboot"`
	}
	var file struct {
		XMLName  xml.Name `xml:"urn:schemas-microsoft-com:unattend unattend"`
		Settings []struct {
			Pass      string `xml:"pass,attr"`
			Component struct {
				Name     string       `xml:"name,attr"`
				Token    string       `xml:"publicKeyToken,attr"`
				Commands []runCommand `xml:"RunSynchronous>RunSynchronousCommand"`
			} `xml:"component"`
		} `xml:"settings"`
	}
	if err := xml.Unmarshal([]byte(examplePage(t, "unattend.xml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Settings) != 1 || file.Settings[0].Pass != "specialize" || file.Settings[0].Component.Name != "Microsoft-Windows-Deployment" || file.Settings[0].Component.Token != "31bf3856ad364e35" {
		t.Fatalf("%+v", file.Settings)
	}
	commands := file.Settings[0].Component.Commands
	if len(commands) != 3 {
		t.Errorf("%d commands", len(commands))
	}
	for i, c := range commands {
		// Exit code 1 of a command with OnRequest restarts Windows, 2 does so for ever.
		if c.Action != "add" || c.Order != i+1 || c.Description == "" || c.WillReboot != "Never" || len(c.Path) > 259 || secretless.MatchString(c.Path) {
			t.Errorf("%+v", c)
		}
		words := strings.Fields(c.Path)
		if words[0] != `C:\tpmdps\tpmdps.exe` {
			t.Errorf("it runs %s", words[0])
		}
		commandParses(t, "unattend.xml", words)
	}
}

// TestPipelineShipped: archives and packages have the examples and the schemas, and the
// page names each of them that exists.
func TestPipelineShipped(t *testing.T) {
	release := page(t, ".goreleaser.yaml")
	for _, want := range []string{
		"- { src: docs/examples/*, info: *plain }", "- { src: docs/schema/*.json, info: *plain }",
		"- { src: docs/examples/*, dst: /usr/share/doc/tpmdps/examples/, file_info: *file }", "- { src: docs/schema/*.json, dst: /usr/share/doc/tpmdps/schema/, file_info: *file }",
	} {
		if !strings.Contains(release, want) {
			t.Errorf(".goreleaser.yaml lacks %s", want)
		}
	}
	files, err := os.ReadDir(filepath.Join("..", "..", "docs", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.Contains(page(t, pipeline), "(examples/"+file.Name()+")") {
			t.Errorf("%s does not say what %s is for", pipeline, file.Name())
		}
	}
}
