package commandline_test

import (
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/commandline"
)

func TestFollowing(t *testing.T) {
	choices := map[string][]string{"output": {"table", "json", "jsonl"}}
	for _, test := range []struct {
		words string // separated by single blanks
		want  string
	}{
		{"", "work explain check bare token"},
		{"t", "token"},
		{"x", ""},
		{"token ", "mint"},
		{"token m", "mint"},
		{"token mint ", ""},
		{"token mint --", "--out --lifetime"},
		{"bare --q", "--quiet"},
		{"bare --quiet --q", "--quiet"},
		{"bare -q --q", "--quiet"},
		{"work --output ", "table json jsonl"},
		{"work --output j", "json jsonl"},
		{"work -o j", "json jsonl"},
		{"work --output=j", "--output=json --output=jsonl"},
		{"work --output=", "--output=table --output=json --output=jsonl"},
		{"work --output = j", "json jsonl"},
		{"work --output =", "table json jsonl"},
		{"work --output \"\"", "table json jsonl"},
		{"work --output json --outp", ""},
		{"work --output=json --outp", ""},
		{"work --config ", ""},
		{"work --config token ", ""},
		{"work --config --output ", ""},
		{"work --config x --tp", "--tpm"},
		{"work --label a=b --lab", "--label"},
		{"work --iot-hubs a --iot", "--iot-hubs"},
		{"work --verbose --verb", "--verbose"},
		{"work --older", ""},
		{"work --connection-string", "--connection-string-file"},
		{"work --nonsense ", ""},
		{"-", "--version"},
		{"- - -", "--version"},
		{"$(reboot) `reboot` work --output j", "json jsonl"},
		{"work \x00\xff --output j", "json jsonl"},
	} {
		var last ran
		var got []string
		for _, n := range commandline.Following(program(&last), strings.Split(test.words, " "), choices) {
			got = append(got, n.Word)
		}
		if want := strings.Fields(test.want); !slices.Equal(got, want) {
			t.Errorf("Following(%q) = %q, want %q", test.words, got, want)
		}
	}
	var last ran
	if got := commandline.Following(program(&last), nil, choices); len(got) != 5 || got[0].Word != "work" {
		t.Errorf("Following() of nothing = %q", got)
	}
}
