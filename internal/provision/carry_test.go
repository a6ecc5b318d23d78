package provision

import "testing"

// A command in a hint acts on what the run was about, and is changed no further.
func TestCarry(t *testing.T) {
	n := Names{RegistrationID: "line7-0815", File: "/etc/my edge/config.toml"}
	const id, file = " --registration-id line7-0815", " --config '/etc/my edge/config.toml'"
	for _, test := range []struct{ hint, want string }{
		{"enroll the machine first: tpmdps enroll; and compare the ID", "enroll the machine first: tpmdps enroll" + id + "; and compare the ID"},
		{"enable it: tpmdps enroll --provisioning-status enabled --update", "enable it: tpmdps enroll --provisioning-status enabled --update" + id},
		{"only then: tpmdps enroll --replace-ek", "only then: tpmdps enroll --replace-ek" + id},
		{"tpmdps enroll --registration-id other --update", "tpmdps enroll --registration-id other --update"},
		{"tpmdps enroll --iot-hubs HUB --update, or not", "tpmdps enroll --iot-hubs HUB --update" + id + ", or not"},
		{"tpmdps config --auth-key-index 0x000101", "tpmdps config --auth-key-index 0x000101" + file},
		{"tpmdps config --tcti 'a b' --config other.toml", "tpmdps config --tcti 'a b' --config other.toml"},
		{"tpmdps config --check --config FILE says where", "tpmdps config --check" + file + " says where"},
		{"tpmdps config --config - prints one", "tpmdps config --config - prints one"},
		{"compare it with tpmdps read-ek --compare, tpmdps verify", "compare it with tpmdps read-ek --compare, tpmdps verify"},
		{"", ""},
	} {
		got := n.Carry(test.hint)
		if got != test.want {
			t.Errorf("%q becomes %q, want %q", test.hint, got, test.want)
		}
		if again := n.Carry(got); again != got {
			t.Errorf("%q is changed twice: %q", got, again)
		}
		if bare := (Names{}).Carry(test.hint); bare != test.hint {
			t.Errorf("without names %q becomes %q", test.hint, bare)
		}
	}
}
