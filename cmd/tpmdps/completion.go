package main

import (
	"embed"
	"fmt"
	"io"
	"strings"

	"tpmdps/internal/commandline"
	"tpmdps/internal/hub"
	"tpmdps/internal/labels"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
)

func completionCommand() command {
	var shells []string
	for _, c := range completionScripts() {
		shells = append(shells, c.Shell)
	}
	return command{
		name:  "completion",
		usage: "print what makes a shell complete the words of tpmdps",
		description: "Prints a script that makes a shell (" + strings.Join(shells, ", ") + ") complete commands, flags and\n" +
			"their values. How to load it stands in its first lines.\n\n" +
			"The scripts ask for words: what may stand for the last of those that follow, which\n" +
			"may be empty or the begin of one. Nothing is listed where anything may stand, such as\n" +
			"the name of a file.",
		argument: commandline.Command{Argument: "SHELL|words WORD...", Several: true, Dashes: true},
		examples: []string{"tpmdps completion bash", "tpmdps completion words batch v"},
		run:      completion,
	}
}

func completion(s *session, _ flags) error {
	if s.arg == "words" {
		next := commandline.Following(newApp(streams{}), s.args[1:], flagChoices())
		return s.print(followingResult{append([]commandline.Next{}, next...)})
	}
	if len(s.args) > 1 {
		return fmt.Errorf("%w: completion accepts one shell: %q is one too many", commandline.ErrUsage, text.Printable(s.args[1], 40))
	}
	var shells []string
	for _, c := range completionScripts() {
		if c.Shell == s.arg {
			return s.print(c)
		}
		shells = append(shells, c.Shell)
	}
	return fmt.Errorf("%w: completion: there is no script for %q, only for %s", commandline.ErrUsage, text.Printable(s.arg, 40), strings.Join(shells, ", "))
}

// flagChoices are the values of flags that have few.
func flagChoices() map[string][]string {
	return map[string][]string{
		"output":              {"table", "json", "jsonl", "tsv", "none"},
		"id-format":           {"base32", "hex"},
		"auth-type":           {"key", "login"},
		"ek-policy":           {"off", "warn", "require"},
		"allocation-policy":   {"hashed", "geoLatency", "static", "custom"},
		"reprovision-policy":  {"reprovisionandmigratedata", "reprovisionandresetdata", "never"},
		"provisioning-status": {"enabled", "disabled"},
		"until":               {string(provision.UntilChallenge), string(provision.UntilAssigned), string(provision.UntilConnected), string(provision.UntilTwin)},
		"hub-transport":       {hub.MQTT, hub.MQTTWebSocket},
		"format":              {labels.HTML, labels.SVG, labels.ZPL},
		"code":                {labels.DataMatrix, labels.QR},
		"sheet":               labels.Names(),
	}
}

// followingResult are words that may come next.
type followingResult struct {
	Words []commandline.Next `json:"words"`
}

func (r followingResult) lines() []any { return asLines(r.Words) }

func (r followingResult) fields() [][]string {
	var rows [][]string
	for _, n := range r.Words {
		rows = append(rows, []string{n.Word, n.About})
	}
	return rows
}

func (r followingResult) show(w io.Writer) error {
	var b strings.Builder
	for _, n := range r.Words {
		b.WriteString(n.Word + "\t" + n.About + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// completionResult is a script for a shell.
type completionResult struct {
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

//go:embed completion
var completionFiles embed.FS

// completionScripts are those of all shells that there is one for.
func completionScripts() []completionResult {
	list := []completionResult{{Shell: "bash"}, {Shell: "zsh"}, {Shell: "fish"}, {Shell: "powershell"}}
	for i, file := range []string{"tpmdps.bash", "tpmdps.zsh", "tpmdps.fish", "tpmdps.ps1"} {
		script, err := completionFiles.ReadFile("completion/" + file)
		if err != nil {
			panic(err) // it is in the program
		}
		list[i].Script = string(script)
	}
	return list
}

func (r completionResult) lines() []any       { return []any{r} }
func (r completionResult) fields() [][]string { return [][]string{{r.Shell, r.Script}} }

func (r completionResult) show(w io.Writer) error {
	_, err := io.WriteString(w, r.Script)
	return err
}
