package text

import "testing"

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"/etc/aziot/config.toml": "/etc/aziot/config.toml", "swtpm:host=::1,port=2321": "swtpm:host=::1,port=2321",
		"": "''", "my box.toml": "'my box.toml'", "it's": `'it'\''s'`, "$(reboot)": "'$(reboot)'", "a;b": "'a;b'", "~x": "'~x'", "ü": "'ü'",
	} {
		if got := shellWord(in, false); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		`E:\batch.jsonl`: `E:\batch.jsonl`, "box-7": "box-7", "": `""`, `C:\Prüf stick (1) & x\b.jsonl`: `"C:\Prüf stick (1) & x\b.jsonl"`,
		`my stick\`: `"my stick\\"`, "it's": `"it's"`, "swtpm:host=a,port=1": `"swtpm:host=a,port=1"`, `say "a"`: `"say \"a\""`, "a^b": `"a^b"`,
	} {
		if got := shellWord(in, true); got != want {
			t.Errorf("shellWord(%q) on Windows = %s, want %s", in, got, want)
		}
	}
}
