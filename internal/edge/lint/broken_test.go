package lint_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/mask"
)

// brokenSecrets are the values of withSecrets, of which no piece is to be seen.
var brokenSecrets = []string{
	"canaryOwnerPa55word", "canary of two words 7", "Y2FuYXJ5LXN5bW1ldHJpYy1rZXk9", "canaryAgentToken1=canaryAgentToken2", "canaryOfTheEnvironment",
	"Y2FuYXJ5IG9mIGEgcHJpdmF0ZSBrZXkgIG9m", "MIICanaryOfTheSecondLine/Key=", "IyMjIENhbmFyeSB3aXRoIGEgaGFzaA==", "canary.pin.of.slot",
	"canaryRegistryPassword", "canaryInAComment", "canaryBehindAValue", "canaryInAnArray", "canaryInInline",
}

// withSecrets has a secret in every place where one can be.
const withSecrets = `hostname = "box-7" # canaryBehindAValue
[provisioning]
source = "dps"
id_scope = "0ne0012AB34"
connection_string = "HostName=h;SharedAccessKey=Y2FuYXJ5LXN5bW1ldHJpYy1rZXk9"
[provisioning.attestation]
method = "tpm"
registration_id = "box-7"
symmetric_key = { value = "Y2FuYXJ5LXN5bW1ldHJpYy1rZXk9" }
# password = canaryInAComment
[tpm.hierarchy_authorization]
endorsement = 'canary of two words 7'
owner = "canaryOwnerPa55word"
[preloaded_keys]
k = """
-----BEGIN PRIVATE KEY-----
Y2FuYXJ5IG9mIGEgcHJpdmF0ZSBrZXkgIG9m
MIICanaryOfTheSecondLine/Key=
IyMjIENhbmFyeSB3aXRoIGEgaGFzaA==
-----END PRIVATE KEY-----
"""
[agent.env]
TOKEN = "canaryAgentToken1=canaryAgentToken2"
hostname = "canaryOfTheEnvironment"
[agent.config]
image = "host/image:1.5"
createOptions = { Env = [ "A=canaryInAnArray" ], HostConfig = { x = 'canaryInInline' } }
[agent.config.auth]
serveraddress = "host"
username = "u"
password = '''
canaryRegistryPassword'''
[aziot_keys]
pkcs11_base_slot = "pkcs11:token=k?pin-value=canary.pin.of.slot"
`

// breaks are the ways in which a file is broken, each at every place.
var breaks = map[string]func(file string, at int) string{
	"deleted":   func(f string, at int) string { return f[:at] + f[at+1:] },
	"cut":       func(f string, at int) string { return f[:at] },
	"headless":  func(f string, at int) string { return f[at:] },
	"broken":    func(f string, at int) string { return f[:at] + "\n" + f[at:] },
	"quoted":    func(f string, at int) string { return f[:at] + `"` + f[at:] },
	"swapped":   func(f string, at int) string { return f[:at] + otherQuote(f[at]) + f[at+1:] },
	"equal":     func(f string, at int) string { return f[:at] + "=" + f[at:] },
	"bracket":   func(f string, at int) string { return f[:at] + "[" + f[at:] },
	"commented": func(f string, at int) string { return f[:at] + "#" + f[at:] },
	"yaml":      func(f string, at int) string { return f[:at] + ": " + f[at:] },
	"backslash": func(f string, at int) string { return f[:at] + `\` + f[at:] },
	"curly":     func(f string, at int) string { return f[:at] + "“" + f[at:] },
	"control":   func(f string, at int) string { return f[:at] + "\x01" + f[at:] },
	"latin 1":   func(f string, at int) string { return f[:at] + "\xe9" + f[at:] },
	"joined":    func(f string, at int) string { return f[:at] + strings.Replace(f[at:], "\n", "", 1) },
	"lineless":  func(f string, at int) string { return f[:at] + f[at+strings.IndexByte(f[at:], '\n')+1:] },
}

func otherQuote(c byte) string {
	switch c {
	case '"':
		return "'"
	case '\'':
		return `"`
	}
	return string(c) + `"`
}

// However a file is broken, no piece of a secret is in what is said about it.
func TestBrokenFilesTellNothing(t *testing.T) {
	tried, leaks := 0, 0
	for name, breakAt := range breaks {
		const step = 13 // all places take minutes; each way begins at another one
		for at := len(name) % step; at < len(withSecrets); at += step {
			file := breakAt(withSecrets, at)
			if name == "headless" && at > strings.Index(withSecrets, "[agent.env]") && at <= strings.Index(withSecrets, "canaryOfTheE") {
				continue // without the header, the file says that this is the host's name
			}
			tried++
			if piece, where := leakOf([]byte(file)); piece != "" {
				if leaks++; leaks < 12 {
					t.Errorf("%s at %d (%.40q): %q is in %s", name, at, withSecrets[at:], piece, where)
				}
			}
		}
	}
	t.Logf("%d files, %d of them tell something", tried, leaks)
}

// leakOf finds a piece of a secret in what is said about a file.
func leakOf(file []byte) (piece, where string) {
	report, _ := json.Marshal(lint.Check(file, lint.Options{}).Findings)
	_, parsed := edge.Parse(file)
	config := edge.Config{IDScope: "0ne0012AB35", RegistrationID: "box-8"}
	edit, edited := config.ApplyTo(file, edge.EditOptions{})
	changes, _ := json.Marshal(edit.Changes)
	outputs := map[string]string{
		"the findings": string(report), "the error of reading": fmt.Sprint(parsed), "the error of the edit": fmt.Sprint(edited), "the changes": string(changes),
		"the masked file": string(mask.File(file)),
	}
	if edited == nil {
		a, b := mask.Pair(file, edit.Data)
		outputs["the difference"] = string(a) + string(b)
	}
	for where, text := range outputs {
		for _, secret := range brokenSecrets {
			for i := 0; i+8 <= len(secret); i++ {
				if strings.Contains(text, secret[i:i+8]) {
					return secret[i : i+8], where + ": " + excerptAround(text, secret[i:i+8])
				}
			}
		}
	}
	return "", ""
}

func excerptAround(text, part string) string {
	at := strings.Index(text, part)
	return text[max(0, at-100):min(len(text), at+100)]
}
