package main

import (
	"slices"
	"strings"
	"testing"
)

// judgedOf judges what a page would have.
func judgedOf(text string) []string {
	all, faults := blocks("page.md", text)
	for _, b := range all {
		faults = append(faults, judge(b)...)
	}
	return faults
}

// TestDocsBlocksRefused: what is wrong with a page is found, and nothing else.
func TestDocsBlocksRefused(t *testing.T) {
	block := func(language, mark, text string) string {
		if mark != "" {
			mark = "<!-- needs: " + mark + " -->\n"
		}
		return "Words.\n\n" + mark + "```" + language + "\n" + text + "\n```\n"
	}
	for name, c := range map[string]struct {
		page, want string // "" is nothing wrong
	}{
		"executable":                     {block("sh", "", "tpmdps verify --offline"), ""},
		"with a comment":                 {block("sh", "", "tpmdps verify --offline   # no az here"), ""},
		"over two lines":                 {block("sh", "", "tpmdps verify \\\n  --offline"), ""},
		"a session":                      {block("console", "", "$ tpmdps version\n1"), ""},
		"data":                           {block("json", "", `{"a": 1}`), ""},
		"in a list":                      {"1. So:\n   ```sh\n   tpmdps version\n   ```\n", ""},
		"of Azure":                       {block("sh", "Azure", "az login\ntpmdps enroll"), ""},
		"of a DPS by name":               {block("sh", "Azure", "tpmdps enroll --dps plant"), ""},
		"of two":                         {block("sh", "root, a release", "sudo apt install ./tpmdps_1_linux_amd64.deb"), ""},
		"of Windows":                     {block("powershell", "Windows", "tpmdps verify --offline"), ""},
		"sudo for the program alone":     {block("sh", "", "sudo tpmdps read-ek"), ""},
		"without a language":             {block("", "", "words"), "names no language"},
		"of an unknown language":         {block("shell", "", "tpmdps version"), "names no language"},
		"a command among data":           {block("text", "", "tpmdps version"), "a command in a block"},
		"a prompt among data":            {block("text", "", "$ ls"), "a command in a block"},
		"sudo among data":                {block("toml", "", "sudo reboot"), "a command in a block"},
		"without a fence":                {"Words.\n\n    tpmdps version\n", "without a fence"},
		"without an end":                 {"```sh\ntpmdps version\n", "has no end"},
		"empty":                          {block("sh", "", "# nothing"), "there is no command"},
		"a session without a prompt":     {block("console", "", "1"), "there is no command"},
		"a mark on air":                  {"<!-- needs: Azure -->\n\n" + block("sh", "", "tpmdps version"), "a mark without a block"},
		"a mark on data":                 {block("json", "Azure", "{}"), "without commands has a mark"},
		"a mark on what can be done":     {block("sh", "Azure", "tpmdps version"), `needs []`},
		"a mark for another need":        {block("sh", "root", "az login"), `needs ["Azure"]`},
		"a mark that is not in the list": {block("sh", "a good day", "tpmdps version"), `needs []`},
		"a mark too many":                {block("sh", "Azure, root", "az login"), `needs ["Azure"]`},
		"no mark for az":                 {block("sh", "", "az login"), `needs ["Azure"]`},
		"no mark for apt":                {block("sh", "", "sudo apt install swtpm"), `needs ["root"]`},
		"no mark for sudo":               {block("sh", "", "sudo install tpmdps /usr/bin"), `needs ["root"]`},
		"no mark for sudo later":         {block("sh", "", "tpmdps version\nsudo reboot"), `needs ["root"]`},
		"no mark for IoT Edge":           {block("console", "", "$ tpmdps verify --config /etc/aziot/config.toml\nok"), `needs ["IoT Edge"]`},
		"no mark for a printer":          {block("sh", "", "tpmdps labels batch.jsonl | lp"), `needs ["a printer"]`},
		"no mark for Windows":            {block("powershell", "", "tpmdps version"), `needs ["Windows"]`},
		"one that could be executed":     {block("sh", "Azure", "tpmdps version\naz login"), "a block of its own"},
		"no shell's":                     {block("sh", "", "if tpmdps version; then"), "sh does not understand"},
		"an open quote":                  {block("sh", "", "tpmdps enroll --reason 'open"), "sh does not understand"},
		"a script of its own":            {block("sh", "", "#!/bin/sh\ntpmdps version"), "a file of docs/examples"},
		"a stick":                        {block("sh", "", "tpmdps bench --append /media/stick/batch.jsonl"), `needs ["a stick"]`},
		"no such command":                {block("sh", "", "tpmdps frobnicate"), "frobnicate"},
		"no such flag":                   {block("sh", "", "tpmdps verify --offlin"), "--offlin"},
		"no such flag, marked":           {block("sh", "Azure", "az login\ntpmdps enroll --al --dps plant"), "--al"},
		"no such flag in a pipe":         {block("sh", "", "echo x | tpmdps explain --bogus -"), "--bogus"},
		"no such flag after a variable":  {block("sh", "", "A=1 tpmdps explain --bogus -"), "--bogus"},
		"no such flag in a condition":    {block("sh", "", "if tpmdps verify --bogus; then echo; fi"), "--bogus"},
		"no such flag on Windows":        {block("bat", "Windows", "tpmdps verify --bogus"), "--bogus"},
		"a value that is missing":        {block("sh", "", "tpmdps enroll --from"), "--from needs a value"},
		"an argument too many":           {block("sh", "", "tpmdps verify now"), "now"},
	} {
		t.Run(name, func(t *testing.T) {
			got := judgedOf(c.page)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("this was refused: %q\n%s", got, c.page)
			case c.want != "" && !slices.ContainsFunc(got, func(f string) bool { return strings.Contains(f, c.want) }):
				t.Errorf("found %q, want %q\n%s", got, c.want, c.page)
			}
		})
	}
}
