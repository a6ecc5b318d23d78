package schema_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/edge/schema"
)

func TestPKCS11(t *testing.T) {
	uris := map[string]string{
		"pkcs11:token=t;object=k": "", "pkcs11:slot-id=+7;object=k?pin-value=1": "", "pkcs11:%74oken=t;object=a%3Bb": "", "pkcs11:token=100%;object=k": "", "pkcs11:token=t;object=k?pin-value=a%26b": "",
		"pkcs11:type=private;token=;object=k": "", "pkcs11:token=t;object=k?pin-source=file:/p&pin-value=1": "", "pkcs11:;token=t;;object=k?&": "",
		"pkcs11:": "neither a token nor a slot; it must have the form", "pkcs11:object=k": "neither a token nor a slot", "pkcs11:object=k?token=t": "token=, in this spelling", "pkcs11:tokn=t": "token=, in this spelling", "pkcs11:SLOT-ID=1": "slot-id=, in this spelling", "pkcs11:slot=0": "slot-id=, in this spelling",
		"pkcs11:slot-id=": "decimal", "pkcs11:slot-id=++1": "decimal", "pkcs11:slot-id=1_0": "decimal", "pkcs11:slot-id=18446744073709551616": "decimal",
		"pkcs11:token=%ff": "token is not UTF-8", "pkcs11:token=t;object=%ff": "object is not UTF-8", "pkcs11:token=t?pin-value=%ff": "pin-value is not UTF-8", "pkcs11:token=t;other=%ff;object=k": "",
		"pkcs11:token=t;object=k;pin-value=1": "drops the PIN", "pkcs11:token=t;object=k?Pin-Value=1": "drops the PIN", "pkcs11:token=t;object=k?pin-source=/p": "pin-source", "pkcs11:token=t;object=k;PIN-SOURCE=/p": "pin-source",
		"pkcs11:token=t;slot-id=0;object=k": "~ignores the token", "pkcs11:token=t&object=k": "~separated by ;", "pkcs11:token=t;object=k?pin-value=1;x=y": "~separated by &", "pkcs11:token=tpin-value=1;object=k": "~separated by ;",
	}
	judge(t, "aziot_keys/pkcs11_base_slot", uris)
	judge(t, "preloaded_keys/k", uris)
	judge(t, "preloaded_keys/k", map[string]string{
		"pkcs11:token=t": "~names no object=", "file:///k": "", "file:/k": "", "file://h/k": "three slashes",
		"FILE:///k": "lower case", " pkcs11:token=t": "lower case", "PKCS11:token=t": "lower case", "/etc/k": "must start with", "": "must start with", "https://h": "must start with",
	})
	judge(t, "aziot_keys/pkcs11_base_slot", map[string]string{"pkcs11:token=t": "", "file:///k": schema.PKCS11Form, "PKCS11:token=t": schema.PKCS11Form, "": schema.PKCS11Form})

	// The key of the edge CA is read as a URL, so that the scheme's letters do not count.
	judge(t, "edge_ca/pk", uris)
	other := map[string]string{}
	for uri, want := range uris {
		other[" PKCS11"+strings.TrimPrefix(uri, "pkcs11")] = want
	}
	judge(t, "edge_ca/pk", other)
	judge(t, "edge_ca/pk", map[string]string{"FILE:///k": "", " file:///k ": "", "k": "must start with", "PKCS11:token=t": "~names no object="})
}

func TestFileURLs(t *testing.T) {
	paths := map[string]string{
		"file:///etc/a.pem": "/etc/a.pem", "FILE:///a": "/a", "file:/a": "/a", "file:a": "/a", "file://localhost/a": "/a", "file://LocalHost/a": "/a", " file:///a\t": "/a", "fi\nle:///a": "/a",
		"file:///a%20b": "/a b", "file:///100%": "/100%", "file:///%zz": "/%zz", `file:\\\a\b`: "/a/b", "file://C:/a": "/C:/a", "file://c|/a": "/c|/a", "file:///ä": "/ä", "file://": "/", "file:///": "/", "file:": "/",
	}
	for url, want := range paths {
		if got, err := schema.FilePath(url); err != nil || got != want {
			t.Errorf("FilePath(%q) = %q, %v, want %q", url, got, err, want)
		}
	}
	wrong := map[string]string{
		"": "form file:///", "/etc/a": "form file:///", "a": "form file:///", "https://h/a": "form file:///", "unix:///a": "form file:///", "file:///a%00": "form file:///", "file//a": "form file:///",
		"file://etc/a": "three slashes", "file://server": "three slashes", "file:///a?b": "%3F and %23", "file:///a#b": "%3F and %23",
	}
	for url, words := range wrong {
		if got, err := schema.FilePath(url); err == nil || got != "" || !strings.Contains(err.Error(), words) {
			t.Errorf("FilePath(%q) = %q, %v, want an error with %q", url, got, err, words)
		}
	}
	all := map[string]string{}
	maps.Copy(all, wrong)
	for url := range paths {
		all[url] = ""
	}
	judge(t, "additional_info", all)
	judge(t, "trust_bundle_cert", withWords(all, "/path/to/"))
	judge(t, "trust_bundle_cert", map[string]string{"a": "file:///path/to/certificate.pem"})
	judge(t, "provisioning/payload/uri", map[string]string{"a": "file:///path/to/file.json", "file:///a.json": ""})
	if schema.CheckDocumentURL("file:///a") != nil || schema.CheckDocumentURL("a") == nil {
		t.Error("CheckDocumentURL is not the check of a file URL")
	}
}

// withWords gives errors of a form the words that are in all of them.
func withWords(values map[string]string, words string) map[string]string {
	same := map[string]string{}
	for value, want := range values {
		if strings.Contains(want, "form file:///") || strings.Contains(want, "three slashes") {
			want = words
		}
		same[value] = want
	}
	return same
}

func TestWebURLs(t *testing.T) {
	judge(t, "cert_issuance/est/urls/default", map[string]string{
		"https://est.example": "", "HTTPS:est/x?y#z": "", "https:///est": "", `https:\\est\x`: "", "https://u:p@est:8443/": "", "https://est:": "", "https://[::1]:443": "", "https://[::1]": "", "https://192.0.2.7": "", "https://192.0.2.7.": "", "https://0x7f.1": "", "https://2130706433": "", "https://1.65535": "", "https://e%61st": "", "http://est": "",
		"est": "no scheme", "": "no scheme", "//est": "no scheme", "1https://est": "no scheme", "ftp://est": "start with https://", "est:443": "start with https://", "unix:///est": "start with https://",
		"https://": "names no host", "https://:1": "names no host", "https://u@": "names no host", "https://est:0": "port", "https://est:65536": "port", "https://est:1:2": "port", "https://est:a": "port",
		"https://[::1": "neither a name nor", "https://[fe80::1%25eth0]": "neither a name nor", "https://[1.2.3.4]": "neither a name nor", "https://[::1]x": "neither a name nor", "https://e st": "neither a name nor", "https://e%20st": "neither a name nor", "https://a|b": "neither a name nor", "https://a%25b": "neither a name nor", "https://e\x7fst": "neither a name nor",
		"https://192.0.2.256": "neither a name nor", "https://1.2.3.4.5": "neither a name nor", "https://256.1": "neither a name nor", "https://1.65536.1": "neither a name nor", "https://4294967296": "neither a name nor", "https://a.7": "neither a name nor",
	})
	for url, want := range map[string]bool{"http://h": true, "HTTP:h": true, " http://h ": true, "https://h": false, "h": false, "": false, "http://": false, "ftp://h": false} {
		if got := schema.IsCleartext(url); got != want {
			t.Errorf("IsCleartext(%q) = %v", url, got)
		}
	}
}

func TestSocketURLs(t *testing.T) {
	for _, path := range []string{"moby_runtime/uri", "connect/workload_uri", "listen/management_uri"} {
		judge(t, path, map[string]string{
			"unix:///s": "", "UNIX:/s": "", "unix://localhost/s": "", "fd://name": "", "FD://3": "", "http://192.0.2.7:2375": "",
			"unix://run/s": "three slashes", "unix:s": "form unix:///", "fd://": "form fd://", "fd:3": "form fd://", "http://": "no host", "unix://a b/s": "neither a name nor", "tcp://h:1": "all that IoT Edge can open", "https://h": "all that IoT Edge can open", "/s": "no scheme", "": "no scheme",
		})
	}
}

func TestEndpoints(t *testing.T) {
	judge(t, "provisioning/global_endpoint", map[string]string{
		schema.DefaultGlobalEndpoint: "", "HTTPS://H": "", "https://h:8443/": "", "https://[::1]:8443": "", "https://192.0.2.7": "",
		"": "start with https://", "h": "start with https://", "http://h": "start with https://", "https://": "no host", "https://h:0": "port", "https://u@h": "user name", "https://u:p@h/x": "user name", "https://h/x": "end after", "https://h?x": "end after", "https://h#": "end after",
		"https://a.azure-devices.net": "IoT Hub", "https://A.Azure-Devices.cn/": "IoT Hub", "https://a..b": "host name", "https://-a": "host name",
	})
}

// No error about a URL contains it, whichever key it stands at.
func TestURLsAreNotShown(t *testing.T) {
	k := []schema.Key{}
	eachKey(func(_ []string, one schema.Key) {
		if one.Check != nil && one.Check("https://u:canary@h:x/canary?canary") != nil {
			k = append(k, one)
		}
	})
	if len(k) < 20 {
		t.Fatalf("only %d keys refuse it", len(k))
	}
	for _, url := range []string{"https://u:canary@h:x/canary", "file://h/canary", "pkcs11:token=canary;slot-id=canary", "unix:canary", "https://u:canary@", "canary://canary", "ftp://u:canary@h"} {
		for _, one := range k {
			if err := one.Check(url); err != nil && strings.Contains(err.Error(), "canary") && !slices.Contains([]string{"hostname", "parent_hostname", "iothub_hostname"}, one.Name) {
				t.Errorf("%s: %v", one.Name, err)
			}
		}
	}
}
