package mask_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"tpmdps/internal/edge/mask"
)

func TestMask(t *testing.T) {
	const text = `# Written by Anna, password is swordfish
# ----------
# hostname = "box" # in the hall
# connection_string = "HostName=h;DeviceId=d;SharedAccessKey=canary"
hostname = "box-7" # in the hall
cloud_retries = 2
unheard_of = "canary"

[provisioning]
source = "dps"
global_endpoint = "https://user:canary@host/" # swordfish
id_scope = "0ne0012AB34"

[provisioning.attestation]
method = "symmetric_key"
registration_id = "box-7"
symmetric_key = { value = "canary" }

[tpm.hierarchy_authorization]
owner = """
canary
canary"""
endorsement = ""

[agent.env]
A = "canary"
# B = "canary"
# hostname = "canary"

[agent.config]
image = "host/image:1.5"
createOptions = { HostConfig = { Binds = [ "canary" ] } }

[cert_issuance.est]
trusted_certs = [ "file:///a.pem",
  "file:///b.pem" ]

[preloaded_keys]
a = "pkcs11:x?pin-value=canary"
`
	const want = `# (not shown)
# ----------
# hostname = "box"
# (not shown)
hostname = "box-7" # (not shown)
cloud_retries = 2
unheard_of = "(not shown)"

[provisioning]
source = "dps"
global_endpoint = "(not shown)" # (not shown)
id_scope = "0ne0012AB34"

[provisioning.attestation]
method = "symmetric_key"
registration_id = "box-7"
symmetric_key = { value = "(not shown)" }

[tpm.hierarchy_authorization]
owner = """(not shown)

"""
endorsement = "(not shown)"

[agent.env]
A = "(not shown)"
# (not shown)
# (not shown)

[agent.config]
image = "host/image:1.5"
createOptions = "(not shown)"

[cert_issuance.est]
trusted_certs = [ "file:///a.pem",
  "file:///b.pem" ]

[preloaded_keys]
a = "(not shown)"
`
	if got := string(mask.File([]byte(text))); got != want {
		t.Errorf("Mask() =\n%s", got)
	}
	// A file that is not TOML shows no more than that, and keeps its lines.
	broken := "x = = \n" + text
	got := string(mask.File([]byte(broken)))
	for _, secret := range []string{"canary", "swordfish", "in the hall"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s is shown in\n%s", secret, got)
		}
	}
	if strings.Count(got, "\n") != strings.Count(broken, "\n") || !strings.Contains(got, `id_scope = "0ne0012AB34"`) {
		t.Errorf("Mask() of a broken file =\n%s", got)
	}
}

// A secret that changes is seen to change, one that stays to stay.
func TestMaskPair(t *testing.T) {
	old := "[tpm.hierarchy_authorization]\nowner = \"canary-1\"\nendorsement = \"canary\"\n"
	updated := "[tpm.hierarchy_authorization]\nowner = \"canary-2\"\nendorsement = \"canary\"\n[agent.env]\nA = \"canary\"\n"
	a, b := mask.Pair([]byte(old), []byte(updated))
	if !bytes.Equal(a, mask.File([]byte(old))) {
		t.Errorf("old side = %s", a)
	}
	want := "[tpm.hierarchy_authorization]\nowner = \"(not shown, another one)\"\nendorsement = \"(not shown)\"\n[agent.env]\nA = \"(not shown)\"\n"
	if string(b) != want {
		t.Errorf("new side = %s", b)
	}
}

// Mask keeps the number of lines, and what it masked once stays as it is.
func FuzzMask(f *testing.F) {
	f.Add([]byte("a = \"\"\"\r\nx\r\n\"\"\" # c\n[b]\nc = [ # d\n1 ]\ne = { f = {\n g = 1 } }"))
	for _, name := range []string{"full.toml", "template-settings.toml"} {
		data, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		masked := mask.File(data)
		if bytes.Count(masked, []byte("\n")) != bytes.Count(data, []byte("\n")) {
			t.Errorf("Mask(%q) = %q", data, masked)
		}
		if a, b := mask.Pair(data, data); !bytes.Equal(a, b) || !bytes.Equal(a, masked) {
			t.Errorf("MaskPair(%q) = %q, %q", data, a, b)
		}
	})
}
