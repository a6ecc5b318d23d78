package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/commandline"

	"github.com/urfave/cli/v2"
)

// typed runs the program and returns its exit code and what it says.
func typed(args ...string) (int, string) {
	var out, errs bytes.Buffer
	code := run(context.Background(), append([]string{"tpmdps"}, args...), streams{strings.NewReader(""), &out, &errs})
	return code, out.String() + errs.String()
}

// misspellings are four slips, in the middle of a name.
func misspellings(name string) []string {
	i := len(name) / 2
	all := []string{
		name[:i-1] + name[i:i+1] + name[i-1:i] + name[i+1:],
		name[:i] + name[i+1:],
		name[:i] + name[i:i+1] + name[i:],
		strings.ReplaceAll(name, "-", "_"),
		strings.ToUpper(name),
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == name })
}

// Every flag of every command, misspelt, is refused with the flag that was meant;
// with one dash as with two.
func TestMisspeltFlags(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, c := range allCommands() {
		words := strings.Fields(c.Name)
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				if len(name) < 3 {
					continue
				}
				meant := "perhaps " + commandline.Dashed(name)
				if instead := commandline.Refused[name]; instead != "" {
					meant = "perhaps " + commandline.Dashed(instead)
				}
				for i, slip := range misspellings(name) {
					tried++
					dash := "--"[i%2:]
					code, said := typed(append(slices.Clone(words), dash+slip)...)
					if code != 2 || !strings.Contains(said, "there is no flag "+commandline.Dashed(slip)) || !strings.Contains(said, meant+";") {
						t.Errorf("%s %s%s: exit code %d, %q, want %q", c.Name, dash, slip, code, said, meant)
					}
				}
			}
		}
		if code, said := typed(append(slices.Clone(words), "--frobnicate")...); code != 2 || strings.Contains(said, "perhaps") {
			t.Errorf("%s --frobnicate: exit code %d, %q", c.Name, code, said)
		}
	}
	if tried < 900 {
		t.Errorf("only %d were tried", tried)
	}
	t.Logf("%d were tried", tried)
}

// Every command, misspelt, is refused with the one that was meant.
func TestMisspeltCommands(t *testing.T) {
	t.Parallel()
	app := newApp(streams{})
	groups := map[string][]*cli.Command{"": app.Commands}
	for _, c := range app.Commands {
		if len(c.Subcommands) > 0 {
			groups[c.Name+" "] = c.Subcommands
		}
	}
	for group, commands := range groups {
		for _, c := range commands {
			for _, slip := range misspellings(c.Name) {
				code, said := typed(strings.Fields(group + slip)...)
				if code != 2 || !strings.Contains(said, `perhaps "`+group+c.Name+`"`) {
					t.Errorf("%s%s: exit code %d, %q", group, slip, code, said)
				}
			}
		}
		if code, said := typed(strings.Fields(group + "frobnicate")...); code != 2 || strings.Contains(said, "perhaps") {
			t.Errorf("%sfrobnicate: exit code %d, %q", group, code, said)
		}
	}
}

// What is pasted from az, and from other tools, is told what does the same here; a
// value behind what has none, how it is written.
func TestOptionsOfOtherTools(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"enroll --dps-name plant":                       "az's --dps-name is --dps here;",
		"enroll -n plant":                               "az's -n is --dps here;",
		"enroll --enrollment-id box-7":                  "az's --enrollment-id is --registration-id here;",
		"enroll --eid box-7":                            "az's --eid is --registration-id here;",
		"enroll --attestation-type tpm":                 "az's --attestation-type: omit it",
		"enroll --at tpm":                               "az's --at: omit it",
		"enroll --did box-7":                            "az's --did is --device-id here;",
		"enroll --iot-hub-host-name h":                  "az's --iot-hub-host-name is --iot-hubs here;",
		"enroll --hn h":                                 "az's --hn is --iot-hubs here;",
		"enroll --hubs h":                               "az's --hubs is --iot-hubs here;",
		"enroll --ih h":                                 "az's --ih is --iot-hubs here;",
		"enroll --ps enabled":                           "az's --ps is --provisioning-status here;",
		"enroll --ap static":                            "az's --ap is --allocation-policy here;",
		"enroll --rp never":                             "az's --rp is --reprovision-policy here;",
		"enroll --wh https://a":                         "az's --wh is --webhook-url here;",
		"enroll --tags {}":                              "az's --tags is --initial-twin-tags here;",
		"enroll --props {}":                             "az's --props is --initial-twin-properties here;",
		"enroll --info {}":                              "az's --info is --device-information here;",
		"enroll --etag x":                               "az's --etag: omit it",
		"enroll -e x":                                   "az's -e: omit it",
		"enroll --resource-group rg":                    "az's --resource-group: omit it",
		"enroll -g rg":                                  "az's -g: omit it",
		"enroll --DpsName plant":                        "az's --DpsName is --dps here;",
		"enroll --ee true":                              "az's --ee is --edge-enabled here, without a value;",
		"enroll --ee=true":                              "az's --ee is --edge-enabled here, without a value;",
		"enroll --edge-enabled true":                    `--edge-enabled is on by being there: write it without "true"`,
		"enroll --edge-enabled True --dps plant":        `--edge-enabled is on by being there: write it without "True"`,
		"enroll --dps plant --edge-enabled false":       "--edge-enabled=false",
		"enroll --edge-enabled=yes":                     "write --edge-enabled alone, or --edge-enabled=false",
		"enroll --iot-hubs a b":                         "--iot-hubs a --iot-hubs b",
		"enroll --login x":                              "a command line is seen by every user",
		"enroll -l x":                                   "a command line is seen by every user",
		"enroll --api-version 2021-06-01":               "az's --api-version: omit it",
		"enroll --subscription s":                       "az's --subscription: omit it",
		"enroll --pk k":                                 "another kind of attestation",
		"verify --debug":                                "az's --debug is --verbose here, without a value;",
		"verify -T device:/dev/tpmrm0":                  "tpm2-tools's -T is --tpm here;",
		"read-ek --tcti device:/dev/tpmrm0":             "tpm2-tools's --tcti is --tpm here;",
		"read-ek -P secret":                             "is --owner-auth-file here;",
		"verify -c /etc/aziot/config.toml":              "iotedge's -c is --config here;",
		"verify -k":                                     "curl's -k: certificates are always checked",
		"verify --cacert ca.pem":                        "curl's --cacert is --ca-file here;",
		"verify --json":                                 "write -o json;",
		"verify --format json":                          "perhaps --output;",
		"enroll --what-if":                              "perhaps --dry-run;",
		"support-bundle --output-file a.zip":            "perhaps --out;",
		"enroll --input batch.jsonl":                    "perhaps --from;",
		"enroll --force":                                "has its own name;",
		"token mint --dps-name plant":                   "there is no flag --dps-name; tpmdps token mint --help",
		"verify --no-persist":                           "there is no flag --no-persist; tpmdps verify --help",
		"enroll ---dps plant":                           "a flag is written with two dashes",
		"token --otu":                                   "perhaps --out after the command;",
		"--otput json verify":                           "perhaps --output after the command;",
		"verify --help nothing":                         "No help topic for 'nothing'",
		"enroll --auth-type key --edge-enabled=True x":  `only flags: "x"`,
		"emulator --fault tls-interecpt":                `fault "tls-interecpt": perhaps tls-intercept; choose of dns-less, tcp-refuse, `,
		"emulator --fault trottle=3":                    `fault "trottle=3": perhaps throttle=N; choose of `,
		"emulator --fault TLS_INTERCEPT":                "perhaps tls-intercept;",
		"emulator --limit 5 --limit-counts bytes":       `limit counts "bytes": want calls or items`,
		"emulator --limit-counts items":                 "--limit-counts requires --limit",
		"emulator --fault chaos":                        "write chaos=SEED",
		"emulator --fault frobnicate":                   `fault "frobnicate": choose of dns-less, `,
		"emulator --listen 8443":                        "hint: name another address",
		"emulator --listen 127.0.0.1:0 --mqtt nowhere":  "hint: name another address",
		"emulator --fault html --role owner":            "want contributor, reader or none",
		"emulator --listen 127.0.0.1:0 --fault x -o no": "output",
	} {
		code, said := typed(strings.Fields(line)...)
		if code != 2 || !strings.Contains(said, want) {
			t.Errorf("%s: exit code %d, %q, want %q", line, code, said, want)
		}
		if strings.Contains(line, "--fault") && strings.Contains(said, "--listen") {
			t.Errorf("%s: the hint is about another flag: %q", line, said)
		}
	}
}
