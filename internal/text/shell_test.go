package text

import "testing"

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"/etc/aziot/config.toml": "/etc/aziot/config.toml", "swtpm:host=::1,port=2321": "swtpm:host=::1,port=2321",
		"": "''", "my box.toml": "'my box.toml'", "it's": `'it'\''s'`, "$(reboot)": "'$(reboot)'", "a;b": "'a;b'", "~x": "'~x'", "ü": "'ü'",
	} {
		if got := ShellWord(in); got != want {
			t.Errorf("ShellWord(%q) = %s, want %s", in, got, want)
		}
	}
}
