package hint_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/hint"
	"tpmdps/internal/tpm"
)

// grammar is a program with some of the commands and flags that hints name.
func grammar() []hint.Command {
	command := func(name, flags string, below ...hint.Command) hint.Command {
		c := hint.Command{Name: name, Flags: map[string]hint.Flag{}, Subcommands: below}
		for names := range strings.FieldsSeq(flags) {
			bare := strings.TrimRight(names, "=?")
			f := hint.Flag{NeedsValue: strings.Contains(names, "="), Hidden: strings.Contains(names, "?")}
			for name := range strings.SplitSeq(bare, ",") {
				if f.Name == "" {
					f.Name = name
				}
				c.Flags[name] = f
			}
		}
		return c
	}
	const chip, service = " tpm= plain-bus endorsement-auth-file= owner-auth-file=", " dps= auth-type= credential= connection-string-file= sas-token-file= ca-file= connection-string=?"
	const all = " output,o= quiet,q verbose,v timeout= config="
	return []hint.Command{
		command("read-ek", "compare persist registration-id="+chip+all),
		command("enroll", "update,u replace-ek device-id= registration-id= from= endorsement-key,ek= provisioning-status= iot-hubs= edge-enabled dry-run old=?"+chip+service+all),
		command("verify", "offline until= registration-id= id-scope="+chip+service+all),
		command("config", "check udev apply id-scope= registration-id= for= replace-provisioning force="+chip+" ca-file= dps="+all),
		command("token", "", command("mint", "out= dps= lifetime="+all)),
		command("chip", "", command("flush", chip+all)),
	}
}

// line parses a command line, parted at blanks.
func line(words string) hint.Line {
	return hint.Parse(strings.Fields("tpmdps "+words), grammar())
}

// A command line is understood by the names of commands and flags alone.
func TestParse(t *testing.T) {
	for words, want := range map[string]struct {
		command string
		flags   map[string]string
	}{
		"":                                   {},
		"enroll":                             {"enroll", nil},
		"enroll -u --ek KEY --dps=plant":     {"enroll", map[string]string{"update": "", "endorsement-key": "KEY", "dps": "plant"}},
		"verify -o json -q":                  {"verify", map[string]string{"output": "json", "quiet": ""}},
		"verify --until --offline":           {"verify", map[string]string{"until": "--offline"}}, // its value
		"verify --until=challenge x":         {"verify", map[string]string{"until": "challenge"}},
		"verify --quiet=false --offline":     {"verify", map[string]string{"quiet": "false", "offline": ""}},
		"verify --tpm":                       {"verify", map[string]string{"tpm": ""}},
		"verify --no-such --offline":         {"verify", map[string]string{"offline": ""}},
		"verify --no-such verify":            {"verify", nil},
		"token mint --out FILE":              {"token mint", map[string]string{"out": "FILE"}},
		"token mint --offline":               {"token mint", nil}, // another command's
		"token other":                        {"token", nil},
		"nonsense":                           {},
		"--quiet enroll":                     {"enroll", nil}, // which stands before it
		"enroll -- --update":                 {"enroll", nil},
		"enroll --registration-id verify -u": {"enroll", map[string]string{"registration-id": "verify", "update": ""}},
		"config --config - --check":          {"config", map[string]string{"config": "-", "check": ""}},
		"config --config=a=b":                {"config", map[string]string{"config": "a=b"}},
		"config - --check":                   {"config", map[string]string{"check": ""}},
		"enroll --dps one --dps two":         {"enroll", map[string]string{"dps": "two"}},
	} {
		got := line(words)
		if got.Command != want.command || !maps.Equal(got.Flags, want.flags) {
			t.Errorf("%q is understood as %q with %v, want %q with %v", words, got.Command, got.Flags, want.command, want.flags)
		}
	}
	if got := hint.Parse(nil, grammar()); got.Command != "" || got.Flags == nil {
		t.Errorf("no line at all is %+v", got)
	}
}

// A hint fits who reads it: of each sentence the first form that does not name what
// was given, and root is not sent to sudo.
func TestFit(t *testing.T) {
	for _, row := range []struct{ words, hint, want string }{
		{"verify", "", ""},
		{"verify", "look at the log", "look at the log"},
		// A flag that was given.
		{"verify", "try it with --plain-bus", "try it with --plain-bus"},
		{"verify --plain-bus", "try it with --plain-bus", hint.Nothing},
		{"verify --plain-bus", "try it with --plain-bus; look at the log", "look at the log"},
		{"verify --plain-bus", "leave --plain-bus away; omit --plain-bus; drop --plain-bus", "leave --plain-bus away; omit --plain-bus"}, // named because it was given
		{"verify --plain-bus", "--plain-bus works without encryption", "it was tried without encryption already"},
		{"verify", "--plain-bus works without encryption", "--plain-bus works without encryption"},
		{"verify --plain-bus", "look at --plain-bus-x", "look at --plain-bus-x"},
		// One with a choice: another word is not given yet.
		{"verify --until register", "take --until challenge", "take --until challenge"},
		{"verify --until challenge", "take --until challenge", hint.Nothing},
		{"verify --until challenge", "take --until then", hint.Nothing},

		{"config --config -", "print it with --config - instead", hint.Nothing},
		{"config --config /f", "print it with --config - instead", "print it with --config - instead"},
		{"config --config - --check", "print it with --config - instead", "print it with --config - instead"}, // there it reads it
		// The command itself.
		{"read-ek", "see the key: tpmdps read-ek", hint.Nothing},
		{"verify", "see the key: tpmdps read-ek", "see the key: tpmdps read-ek"},
		{"read-ek", "list the key each tool would derive: tpmdps read-ek --compare", "list the key each tool would derive: tpmdps read-ek --compare"},
		{"read-ek --compare", "list the key each tool would derive: tpmdps read-ek --compare", "compare it with the enrollment's"},
		{"token mint", "make one: tpmdps token mint", hint.Nothing},
		{"enroll", "write it: tpmdps enroll --update", "write it: the same command with --update"},
		{"enroll -u", "write it: tpmdps enroll --update", hint.Nothing},
		{"enroll -u --provisioning-status disabled", "enable it: tpmdps enroll --provisioning-status enabled --update", "it was disabled again meanwhile: find out which other program or person writes it"},
		{"read-ek", "write it: tpmdps enroll --update", "write it: tpmdps enroll --update"},
		// Sentences that become the same are said once.
		{"verify", "see whether it can connect: tpmdps verify; the step that failed says which: tpmdps verify", "the step that failed names the layer"},
	} {
		if got := line(row.words).Fit(row.hint); got != row.want {
			t.Errorf("%q: %q becomes %q, want %q", row.words, row.hint, got, row.want)
		}
	}
}

func TestFitForRoot(t *testing.T) {
	for text, want := range map[string][2]string{ // for others, for root
		"stop it: sudo systemctl stop aziot-tpmd": {"stop it: sudo systemctl stop aziot-tpmd", "stop it: systemctl stop aziot-tpmd"},
		"run it again with sudo":                  {"run it again with sudo", "a container or a security module keeps root from it"},
		"run as root, or join the group: sudo usermod -aG tss $USER, and log in again": {"run as root, or join the group: sudo usermod -aG tss $USER, and log in again",
			"root may use a TPM: a container, a sandbox or a security module keeps this one away"},
		"do it as root":                 {"do it as root", hint.Nothing},
		"do it as root; look at pseudo": {"do it as root; look at pseudo", "look at pseudo"},
	} {
		c := line("verify")
		if got := c.Fit(text); got != want[0] {
			t.Errorf("%q becomes %q, want %q", text, got, want[0])
		}
		c.Root = true
		if got := c.Fit(text); got != want[1] {
			t.Errorf("%q becomes %q for root, want %q", text, got, want[1])
		}
	}
}

func TestFitForASoftwareTPM(t *testing.T) {
	const text = "restart the machine; look at the log"
	for address, want := range map[string]string{"device:/dev/tpmrm0": text, "swtpm:port=2321": "start the software TPM again and look at its log (swtpm --log file=FILE); look at the log"} {
		c := line("verify")
		a, err := tpm.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		c.Chip = &a
		if got := c.Fit(text); got != want {
			t.Errorf("for %s %q becomes %q, want %q", address, text, got, want)
		}
		if got := c.Fit(""); got != "" {
			t.Errorf("for %s no hint becomes %q", address, got)
		}
	}
}

func TestProxyVariable(t *testing.T) {
	for name, want := range map[string]string{"": "is HTTPS_PROXY right? NOHTTPS_PROXY", "https_proxy": "is https_proxy right? NOHTTPS_PROXY", "$1": "is $1 right? NOHTTPS_PROXY"} {
		c := line("verify")
		c.ProxyVariable = name
		if got := c.Fit("is HTTPS_PROXY right? NOHTTPS_PROXY"); got != want {
			t.Errorf("with %q set: %q, want %q", name, got, want)
		}
	}
}

// A command in a sentence keeps what it needs for the same chip, service and file.
func TestKeepFlags(t *testing.T) {
	for _, row := range []struct{ words, sentence, want string }{
		{"verify", "do it: tpmdps enroll", "do it: tpmdps enroll"},
		{"verify --tpm swtpm:port=1 --dps plant -q --timeout 5s", "do it: tpmdps enroll", "do it: tpmdps enroll --tpm swtpm:port=1 --dps plant"},
		{"verify --plain-bus", "do it: tpmdps enroll, then wait", "do it: tpmdps enroll --plain-bus, then wait"},
		{"verify --plain-bus", "see (tpmdps enroll --update)", "see (tpmdps enroll --update --plain-bus)"},
		{"verify --tpm swtpm:port=1", "tpmdps enroll --tpm ADDR", "tpmdps enroll --tpm ADDR"}, // is named
		{"verify --tpm swtpm:port=1", "tpmdps enroll --update does it", "tpmdps enroll --update --tpm swtpm:port=1 does it"},
		{"verify --tpm swtpm:port=1", "tpmdps enroll -u", "tpmdps enroll -u --tpm swtpm:port=1"},
		{"verify --tpm swtpm:port=1", "tpmdps chip flush", "tpmdps chip flush --tpm swtpm:port=1"},
		{"verify --tpm swtpm:port=1 --dps plant", "tpmdps token mint", "tpmdps token mint --dps plant"}, // asks no chip
		{"verify --tpm swtpm:port=1", "tpmdps no-such", "tpmdps no-such"},
		{"verify --tpm swtpm:port=1", "tpmdps chip no-such", "tpmdps chip no-such"},
		{"verify --tpm swtpm:port=1", "tpmdps config.toml", "tpmdps config.toml"},
		{"verify --tpm swtpm:port=1", "tpmdps read-ek and tpmdps enroll", "tpmdps read-ek --tpm swtpm:port=1 and tpmdps enroll --tpm swtpm:port=1"},
		{"verify --tpm swtpm:port=1", "on the machine: tpmdps read-ek", "on the machine: tpmdps read-ek"}, // another chip
		{"verify --tpm swtpm:port=1", "tpmdps enroll --from FILE", "tpmdps enroll --from FILE"},
		{"verify --tpm swtpm:port=1", "tpmdps enroll --ek KEY", "tpmdps enroll --ek KEY"},
		// A value as a shell reads it.
		{"verify --tpm a;b", "tpmdps enroll", "tpmdps enroll --tpm 'a;b'"},
		{"verify --ca-file it's", "tpmdps enroll", `tpmdps enroll --ca-file 'it'\''s'`},
		{"verify --tpm=", "tpmdps enroll", "tpmdps enroll"},
		{"verify --config -", "tpmdps enroll", "tpmdps enroll"},
		{"verify --config /c", "tpmdps enroll", "tpmdps enroll --config /c"},
		// A credential that is named is meant.
		{"verify --dps plant --credential cli", "tpmdps enroll", "tpmdps enroll --dps plant --credential cli"},
		{"verify --dps plant --credential cli", "tpmdps enroll --auth-type login", "tpmdps enroll --auth-type login --dps plant"},
		{"verify --sas-token-file f", "tpmdps enroll --connection-string-file FILE", "tpmdps enroll --connection-string-file FILE"},
		{"verify --connection-string s3cret", "tpmdps enroll", "tpmdps enroll"}, // hidden
		// The network.
		{"verify --ca-file c", "tpmdps verify --offline", "tpmdps verify --offline"},
		{"verify --ca-file c", "tpmdps config", "tpmdps config"},
		{"verify --ca-file c", "tpmdps config --check", "tpmdps config --check --ca-file c"},
		{"verify --ca-file c", "tpmdps read-ek", "tpmdps read-ek"},
		// Passwords do not get into a file because of a hint.
		{"verify --owner-auth-file p --tpm t", "tpmdps config", "tpmdps config --tpm t"},
		{"config --owner-auth-file p --tpm t", "tpmdps config", "tpmdps config --tpm t --owner-auth-file p"},
		{"verify --owner-auth-file p", "tpmdps config --check", "tpmdps config --check --owner-auth-file p"},
		// config.toml belongs to no 1.1.
		{"config --for 1.1 --config c", "tpmdps verify", "tpmdps verify"},
		{"config --for 1.5 --config c", "tpmdps verify", "tpmdps verify --config c"},
		{"config --for 1.1 --config c", "tpmdps config", "tpmdps config --config c --for 1.1"},
		// The ID goes from one command to the other.
		{"enroll --registration-id box-7", "tpmdps verify", "tpmdps verify --registration-id box-7"},
		{"enroll --registration-id {serial}", "tpmdps verify", "tpmdps verify"},
		{"verify --registration-id box-7", "tpmdps enroll", "tpmdps enroll --registration-id box-7"},
		{"verify --registration-id box-7", "tpmdps enroll --from FILE", "tpmdps enroll --from FILE"},
		{"verify --registration-id box-7", "tpmdps read-ek", "tpmdps read-ek"},
		// The same command keeps its own settings, in order; a mode is another command.
		{"verify --id-scope s --until challenge --tpm t", "tpmdps verify --plain-bus", "tpmdps verify --plain-bus --tpm t --id-scope s --until challenge"},
		{"verify --id-scope s", "tpmdps verify --offline", "tpmdps verify --offline"},
		{"config --check --id-scope s", "tpmdps config", "tpmdps config"},
		{"config --id-scope s --replace-provisioning", "tpmdps config", "tpmdps config --id-scope s --replace-provisioning"},
		{"config --id-scope s", "tpmdps config --check", "tpmdps config --check"},
		{"enroll --dry-run --update", "tpmdps enroll", "tpmdps enroll --update"}, // nor what only tries
		// Flags that stand in the sentence, with and without a value.
		{"verify --dps d", "tpmdps enroll --edge-enabled then", "tpmdps enroll --edge-enabled --dps d then"},
		{"verify --dps d", "tpmdps enroll --device-id 'a b' --update: x", "tpmdps enroll --device-id 'a b' --update --dps d: x"},
		{"verify --dps d", "tpmdps config --config - x", "tpmdps config --config - x"},
		{"verify --tpm t", "tpmdps config --config - now", "tpmdps config --config - --tpm t now"},
		{"verify --dps d", "tpmdps enroll --no-such x", "tpmdps enroll --dps d --no-such x"},
	} {
		if got := line(row.words).KeepFlags(row.sentence); got != row.want {
			t.Errorf("%q: %q becomes %q, want %q", row.words, row.sentence, got, row.want)
		}
	}
}

// What a hint for a line says to type is understood as it stands, and keeps the chip
// that was given, for every command that asks one; once is enough.
func TestKeptFlagsParse(t *testing.T) {
	for _, value := range []string{"swtpm:port=1", "/dev/tpm0", "device:/dev/tpmrm0", "ab;c", "$(x)", "a&b", "ü"} {
		for _, from := range []string{"verify", "enroll", "read-ek", "config", "chip flush"} {
			given := line(from + " --tpm " + value)
			for _, to := range []string{"read-ek", "enroll", "verify", "config", "chip flush"} {
				said := given.KeepFlags("tpmdps " + to)
				again := line(strings.ReplaceAll(strings.TrimPrefix(said, "tpmdps "), "'", ""))
				if again.Command != to || again.Flags["tpm"] != value {
					t.Errorf("from %q with %q: %q", from, value, said)
				}
				if twice := given.KeepFlags(said); twice != said {
					t.Errorf("%q gets more: %q", said, twice)
				}
			}
		}
	}
}

// The flags of a hint stand in the same order each time.
func TestKeptFlagsAreInOrder(t *testing.T) {
	given := line("config --replace-provisioning --registration-id i --id-scope s --for 1.5 --force f")
	for range 50 {
		if got, want := given.KeepFlags("tpmdps config"), "tpmdps config --for 1.5 --force f --id-scope s --registration-id i --replace-provisioning"; got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

// Whatever was given, no hint is empty, and none says to root to use sudo.
func TestNoHintIsEmpty(t *testing.T) {
	hints := []string{"tpmdps enroll --update", "run it with sudo; tpmdps verify", "--plain-bus", "tpmdps read-ek --compare; tpmdps read-ek", "leave --tpm out", "sudo tpmdps chip flush"}
	for _, c := range grammar() {
		for _, words := range append([]string{""}, slices.Collect(maps.Keys(c.Flags))...) {
			given := line(c.Name)
			if f, ok := c.Flags[words]; ok {
				given.Flags[f.Name] = "x"
			}
			for _, given.Root = range []bool{false, true} {
				for _, text := range hints {
					got := given.Fit(text)
					if got == "" || given.Root && strings.Contains(got, "sudo") {
						t.Errorf("%s --%s, root %v: %q becomes %q", c.Name, words, given.Root, text, got)
					}
					if f, ok := given.Flags["plain-bus"]; ok && text == "--plain-bus" && got != hint.Nothing {
						t.Errorf("%s with it (%q): %q", c.Name, f, got)
					}
				}
			}
		}
	}
}

// Of a hint's flags only those that are missing are named, and the sentence stays.
func TestHintNamesWhatIsMissing(t *testing.T) {
	commands := []hint.Command{{Name: "enroll", Flags: map[string]hint.Flag{
		"update": {Name: "update"}, "provisioning-status": {Name: "provisioning-status", NeedsValue: true},
	}}}
	const advice = "enable it: tpmdps enroll --provisioning-status enabled --update"
	for typed, want := range map[string]string{
		"enroll":                                "enable it: the same command with --provisioning-status enabled --update",
		"enroll --update":                       "enable it: the same command with --provisioning-status enabled",
		"enroll --provisioning-status disabled": "enable it: the same command with --update",
	} {
		if got := hint.Parse(append([]string{"tpmdps"}, strings.Fields(typed)...), commands).Fit(advice); got != want {
			t.Errorf("%s: %q, want %q", typed, got, want)
		}
	}
}
