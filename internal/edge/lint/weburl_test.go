package lint_test

import (
	"slices"
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// fileURLs are the places of files, with what is to be said of each.
var fileURLs = map[string]string{
	"file:///etc/a.pem": "", "FILE:///etc/a.pem": "", "File:///a": "", "file:/etc/a.pem": "", "file://localhost/etc/a.pem": "", "file://LOCALHOST/a": "",
	" file:///etc/a.pem ": "", "file:///etc/a b.pem": "", "file:///etc/a%20b.pem": "", "file:///etc/100%.pem": "", "file:///etc/ä.pem": "", `file:\\\etc\a.pem`: "",

	"/etc/a.pem": "form file:///", "etc/a.pem": "form file:///", "a.pem": "form file:///", "": "form file:///", "https://h/a.pem": "form file:///", "unix:///a": "form file:///",
	"file//etc/a.pem": "form file:///", "~/a.pem": "form file:///", "pkcs11:token=t": "form file:///", "file:///a%00b": "form file:///", `C:\a.pem`: "form file:///",
	"file://etc/aziot/a.pem": "three slashes", "file://server/share/a": "three slashes", "file:///etc/a#1.pem": "%3F and %23", "file:///etc/a.pem?x": "%3F and %23",
}

func TestFileURLsEverywhere(t *testing.T) {
	for url, want := range fileURLs {
		for place, text := range map[string]string{
			"trust_bundle_cert": "trust_bundle_cert = '" + url + "'\n" + edgetest.TPMFile,
			"additional_info":   "additional_info = '" + url + "'\n" + edgetest.TPMFile,
			"edge_ca.cert":      edgetest.TPMFile + "[edge_ca]\ncert = '" + url + "'\npk = \"file:///k\"\n",
			"local_ca.cert":     edgetest.TPMFile + "[cert_issuance.local_ca]\ncert = '" + url + "'\npk = \"file:///k\"\n",
			"est.auth":          edgetest.TPMFile + "[cert_issuance.est.auth]\nidentity_cert = '" + url + "'\nidentity_pk = \"file:///k\"\n",
			"trusted_certs":     edgetest.TPMFile + "[cert_issuance.est]\ntrusted_certs = ['" + url + "']\n",
			"preloaded_certs":   edgetest.TPMFile + "[preloaded_certs]\nc = '" + url + "'\n",
			"ca_certs":          edgetest.TPMFile + "[moby_runtime]\nuri = \"unix:///s\"\nnetwork = \"n\"\n[moby_runtime.content_trust.ca_certs]\nc = '" + url + "'\n",
		} {
			checkOne(t, place+": "+url, lint.Check([]byte(text), lint.Options{}).Findings, want)
		}
	}
}

// Where a key may be, IoT Edge compares the scheme as it is written, but for the
// key of the edge CA.
func TestFileURLsOfKeys(t *testing.T) {
	strict := map[string]string{"FILE:///k": "lower case", "File:/k": "lower case", " file:///k": "lower case", "PKCS11:token=t;object=k": "lower case"}
	for url, want := range strict {
		for place, text := range everyKeyPlace(url) {
			found := slices.DeleteFunc(lint.Check([]byte(text), lint.Options{}).Findings, func(f lint.Finding) bool { return f.Rule == "not-tpm" })
			if place == "edge_ca.pk" {
				want = ""
			}
			checkOne(t, place+": "+url, found, want)
			want = strict[url]
		}
	}
	for url, want := range map[string]string{"file:///k": "", "file:/k": "", "file://localhost/k": "", "file://etc/k": "three slashes", "/etc/k": "must start with", "file:///k#1": "%23"} {
		for place, text := range everyKeyPlace(url) {
			found := slices.DeleteFunc(lint.Check([]byte(text), lint.Options{}).Findings, func(f lint.Finding) bool { return f.Rule == "not-tpm" })
			checkOne(t, place+": "+url, found, want)
		}
	}
}

func TestWebURLsEverywhere(t *testing.T) {
	for url, want := range map[string]string{
		"https://est.plant.example": "", "HTTPS://est.plant.example/x?y#z": "", "Https://est:8443": "", "https:est": "", "https:/est": "", "https:///est": "", " https://est ": "", "https://est:": "",
		"https://[::1]:443/": "", "https://192.0.2.7": "", "https://u:p@est/": "", `https:\\est\x`: "", "https://2130706433": "", "https://0x7f.1": "",
		"http://est": "~unencrypted", "HTTP://est": "~unencrypted", "hTTp:est": "~unencrypted",
		"est": "not a URL", "//est": "not a URL", "": "not a URL", "est.plant.example/x": "not a URL", "://est": "not a URL", "1https://est": "not a URL",
		"est:443": "start with https://", "ftp://est": "start with https://", "unix:///est": "start with https://", "httpss://est": "start with https://",
		"https://": "no host", "https://:443": "no host", "https://u@": "no host", "https:": "no host",
		"https://est:99999": "port", "https://est:65536": "port", "https://est:0": "port", "https://est:abc": "port", "https://est:-1": "port", "https://est:44 3": "port", "https://est:443:443": "port",
		"https://[::1": "neither a name nor an IP", "https://[::g]": "neither a name nor an IP", "https://e st": "neither a name nor an IP", "https://e%20st": "neither a name nor an IP", "https://e<st": "neither a name nor an IP",
		"https://192.0.2.256": "neither a name nor an IP", "https://1.2.3.4.5": "neither a name nor an IP", "https://a|b": "neither a name nor an IP",
	} {
		for place, text := range map[string]string{
			"est.urls": edgetest.TPMFile + "[cert_issuance.est.urls]\ndefault = '" + url + "'\n",
			"edge_ca":  edgetest.TPMFile + "[edge_ca]\nmethod = \"est\"\nurl = '" + url + "'\n",
		} {
			checkOne(t, place+": "+url, lint.Check([]byte(text), lint.Options{}).Findings, want)
		}
	}
}

// Connector of http-common opens three schemes.
func TestSocketURLsEverywhere(t *testing.T) {
	for url, want := range map[string]string{
		"unix:///var/run/docker.sock": "", "UNIX:///var/run/x": "", "unix:/var/run/x": "", "unix://localhost/x": "", " unix:///x": "", "fd://aziot-edged.mgmt.socket": "", "FD://3": "", "http://192.0.2.7:2375": "", "HTTP://edge": "",
		"unix://var/run/docker.sock": "three slashes", "unix:var/run/x": "form unix:///", "fd://": "form fd://", "fd:3": "form fd://", "http://": "no host", "http://edge:99999": "port",
		"tcp://192.0.2.7:2375": "all that IoT Edge can open", "https://edge": "all that IoT Edge can open", "npipe:////./pipe/docker": "all that IoT Edge can open", "file:///x": "all that IoT Edge can open", "localhost:2375": "all that IoT Edge can open",
		"/var/run/docker.sock": "not a URL", "": "not a URL", "docker": "not a URL",
	} {
		for place, text := range map[string]string{
			"moby_runtime.uri":       edgetest.TPMFile + "[moby_runtime]\nuri = '" + url + "'\nnetwork = \"n\"\n",
			"connect.workload_uri":   edgetest.TPMFile + "[connect]\nworkload_uri = '" + url + "'\nmanagement_uri = \"unix:///m\"\n",
			"listen.management_uri":  edgetest.TPMFile + "[listen]\nworkload_uri = \"fd://w\"\nmanagement_uri = '" + url + "'\n",
			"connect.management_uri": edgetest.TPMFile + "[connect]\nworkload_uri = \"unix:///w\"\nmanagement_uri = '" + url + "'\n",
		} {
			checkOne(t, place+": "+url, lint.Check([]byte(text), lint.Options{}).Findings, want)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for url, want := range map[string]string{
		"https://global.azure-devices-provisioning.net": "", "HTTPS://Global.Azure-Devices-Provisioning.NET/": "", " https://global.azure-devices-provisioning.net/ ": "", "https://h:8443": "", "https://[::1]:8443/": "", "https://192.0.2.7/": "",
		"http://h": "https://", "h": "https://", "": "https://", "https://h:99999": "port", "https://h:0/": "port", "https://h:x": "port", "https://": "no host", "https://h/x": "end after", "https://h/?a": "end after", "https://h#a": "end after",
		"https://u:p@h": "user name", "https://Plant.Azure-Devices.net": "IoT Hub", "https://h_1/": "", "https://a..b": "host name",
	} {
		text := "[provisioning]\nsource = \"dps\"\nglobal_endpoint = '" + url + "'\nid_scope = \"0ne0012AB34\"\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"box-7\"\n"
		checkOne(t, url, lint.Check([]byte(text), lint.Options{}).Findings, want)
	}
}
