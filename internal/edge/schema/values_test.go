package schema_test

import (
	"strings"
	"testing"

	"tpmdps/internal/edge/schema"
)

// judge checks what the key at a path says of each value: "" for nothing, words of its
// error, or of its doubt after a "~".
func judge(t *testing.T, path string, values map[string]string) {
	t.Helper()
	k, ok := schema.Lookup(strings.Split(path, "/"))
	if !ok || k.Check == nil {
		t.Fatalf("%s checks nothing", path)
	}
	for value, want := range values {
		got := ""
		if err := k.Check(value); err != nil {
			got = err.Error()
		} else if k.Doubt != nil {
			if why := k.Doubt(value); why != "" {
				got = "~" + why
			}
		}
		words, doubt := strings.CutPrefix(want, "~")
		if (got == "") != (want == "") || strings.HasPrefix(got, "~") != doubt || !strings.Contains(got, words) {
			t.Errorf("%s: %q: %q, want %q", path, value, got, want)
		}
	}
}

func TestRenewals(t *testing.T) {
	for _, path := range []string{"edge_ca/auto_renew/threshold", "edge_ca/auto_renew/retry", "cert_issuance/est/identity_auto_renew/threshold"} {
		judge(t, path, map[string]string{
			"80%": "", "+99%": "", "1min": "", "0010day": "", "106751991167300day": "",
			"": "form", "80": "form", "0.5%": "form", "10 day": "form", "-1min": "form", "1d": "form",
			"0%": "above zero", "00day": "above zero", "100%": "below 100%", "400%": "below 100%", "106751991167301day": "too large", "9223372036854775808%": "too large",
		})
	}
}

func TestTimes(t *testing.T) {
	judge(t, "image_garbage_collection/cleanup_time", map[string]string{
		"00:00": "", "23:59": "", "9:5": "", " 7 : 30": "", "24:00": "hour is above", "99:99": "hour is above", "23:60": "minute is above", "": "form", "7.30": "form", "7:30pm": "form", "7:30 ": "form", "::": "form",
	})
	judge(t, "image_garbage_collection/image_age_cleanup_threshold", map[string]string{
		"7d": "", "1d 12h": "", "1d12h": "", "1 0 days": "", "5µs": "", "1M 1m": "", "0ns": "", "584542046090years": "",
		"0": "~only IoT Edge 1.6", "1.5h": "~only IoT Edge 1.6", "0.5d 1h": "~only IoT Edge 1.6",
		"": "form", "7": "form", "00": "form", "7 D": "form", "-1d": "form", "1h,": "form", "1h x": "form",
		"0.1ns": "finer", "0.00001h": "finer", "99999999999999999999s": "too long", "584542046090years 584542046090years": "too long",
	})
	judge(t, "image_garbage_collection/cleanup_recurrence", map[string]string{
		"1d": "", "24h": "", "1440min": "", "12h 12h": "", "0d": "", "1h": "whole days", "1d 1ns": "whole days", "": "form", "weekly": "form", "0.5w": "whole days", "1.0d": "~only IoT Edge 1.6",
	})
}

// The units of time in all their names come to the same length.
func TestUnitsOfTime(t *testing.T) {
	k, _ := schema.Lookup([]string{"image_garbage_collection", "cleanup_recurrence"})
	for day, names := range map[string]string{
		"86400": "seconds second secs sec s", "1440": "minutes minute mins min m", "24": "hours hour hrs hr h", "1": "days day d weeks week wks wk w",
		"86400000": "millis msec ms", "86400000000": "usec us µs", "86400000000000": "nanos nsec ns", "600": "months month M", "4": "years year yrs yr y",
	} {
		for name := range strings.FieldsSeq(names) {
			if err := k.Check(day + name); err != nil {
				t.Errorf("%s%s: %v, want whole days", day, name, err)
			}
			if err := k.Check(day + name + " 1ns"); err == nil {
				t.Errorf("%s%s and a nanosecond pass for whole days", day, name)
			}
		}
	}
}

func TestPorts(t *testing.T) {
	bindings, _ := schema.Lookup([]string{"agent", "config", "createOptions", "HostConfig", "PortBindings"})
	for name, ok := range map[string]bool{
		"8883/tcp": true, "1": true, "65535/UDP": true, "80-80": true, "8000-8010/sctp": true,
		"": false, "0": false, "65536": false, "8883/": false, "8883/icmp": false, "tcp/8883": false, "8010-8000": false, "1-65536": false, "0-1": false, "+1": false, "127.0.0.1:80": false,
	} {
		if err := bindings.Names(name); (err == nil) != ok {
			t.Errorf("the port %q of a container: %v", name, err)
		}
	}
	host, ok := bindings.Each.Named("HostPort")
	if !ok {
		t.Fatal("there is no HostPort")
	}
	for value, ok := range map[string]bool{"": true, "0": true, "65535": true, "8000-8010": true, "65536": false, "8883/tcp": false, "a": false, "-1": false, "9-8": false} {
		if err := host.Check(value); (err == nil) != ok {
			t.Errorf("the port %q of the host: %v", value, err)
		}
	}
}

func TestTexts(t *testing.T) {
	judge(t, "watchdog/max_retries", map[string]string{"infinite": "", "Infinite": "", "INFINITE": "", "": "infinite", "10": "without quotes", "never": "infinite"})
	judge(t, "agent/name", map[string]string{"edgeAgent": "", " a": "", "": "empty", " \t": "empty"})
	judge(t, "provisioning/id_scope", map[string]string{
		"0ne0012AB34": "", "0cn00000001": "", "": "it is empty", " 0ne0012AB34": "space at its start", "h.azure-devices.net": "host name",
		"one0012AB34": "~letter O", "0ne0012AB3": "~10 characters", "scope": "~5 characters", `"0ne0012AB"`: "~quotes",
	})
	judge(t, "provisioning/attestation/registration_id", map[string]string{
		"box-7": "", "a": "", strings.Repeat("a", 128): "", "Box-7": "~capital letters", "": "empty", strings.Repeat("a", 129): "129 characters", "a b": " ", "-a": "start with", "{serial}": "template", "a.": "end with",
	})
	judge(t, "provisioning/connection_string", map[string]string{
		"HostName=h;DeviceId=d;SharedAccessKey=AAAA": "", "DeviceId=d;SharedAccessKey=AAA=;HostName=h;x": "",
		"": "no HostName=", "HostName=;DeviceId=d;SharedAccessKey=AAAA": "no HostName=", "HostName=h;SharedAccessKey=AAAA": "no DeviceId=", "HostName=h;DeviceId=d": "no SharedAccessKey=",
		"hostname=h;DeviceId=d;SharedAccessKey=AAAA": "no HostName=", "HostName=h;DeviceId=d;SharedAccessKey=a b": "not base64",
	})
	judge(t, "provisioning/attestation/symmetric_key/value", map[string]string{
		"AAAA": "", "AAA=": "", "AAA": "", "AA==": "", "AA": "", "+/+/": "", "": "not base64", "A": "not base64", "AB": "not base64", "-_-_": "not base64", "AAAA\n": "not base64", "AAAA\r\nAAAA": "not base64", "AA=": "not base64",
	})
}

func TestHostnames(t *testing.T) {
	label := strings.Repeat("a", 63)
	for name, ok := range map[string]bool{
		"box-7": true, "h_1": true, "a": true, "9": true, "192.0.2.7": true, "::1": true, "a.b.example": true, label: true, label + "." + label + "." + label + "." + label[:61]: true,
		"": false, "a..b": false, "-a": false, "a-": false, "a b": false, label + "a": false, label + "." + label + "." + label + "." + label[:62]: false, "a.": false, "ä": false, "a:1": false,
	} {
		if err := schema.CheckHostname(name); (err == nil) != ok {
			t.Errorf("CheckHostname(%q) = %v", name, err)
		}
	}
}

func TestPasswords(t *testing.T) {
	for text, words := range map[string]string{
		"": "", "a b": "", strings.Repeat("a", 64): "", strings.Repeat("ä", 32): "", strings.Repeat("a", 65): "65 bytes", strings.Repeat("ä", 33): "66 bytes", "a\x00b": "zero byte", "\xff": "not UTF-8",
	} {
		err := schema.CheckPassword(text)
		if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("CheckPassword(%q) = %v, want %q", text, err, words)
		}
	}
}

func TestTCTI(t *testing.T) {
	judge(t, "tpm/tcti", map[string]string{
		"": "", "device": "", "device:": "", "device:/dev/tpmrm0": "", "swtpm": "", "swtpm:host=::1,port=2321": "", "mssim:path=/run/s": "", "tabrmd:bus_name=x": "", "cmd:ssh box": "", "pcap:swtpm:port=1": "", "pcap:": "",
		"libtss2-tcti-device.so.0:/dev/tpm0": "", "/usr/lib/libtss2-tcti-swtpm.so:path=/s": "", "libmine.so.1": "", "/opt/libmine.so:a=b": "",
		"a\x00": "zero byte", "\xff": "not UTF-8", " device": "blank", "swtpm:port=1 ": "blank", "/dev/tpm0": "device: before", "swtpm://h:1": "not a URL", "/run/sock": "bare path", "run/sock:1": "bare path", "banana": "no module", "Device": "no module",
		"device:path=/dev/tpm0": "only the path belongs", "swtpm:/s": "path= before it: swtpm:path=", "mssim:/s": "mssim:path=", "swtpm:2321": "comes host=", "swtpm:prot=1": "comes host=", "swtpm:path=": "nothing after path=",
		"swtpm:port=0": "1 to 65535", "swtpm:port=65536": "1 to 65535", "mssim:host=h,port=x": "1 to 65535", "pcap:banana": "no module", "libtss2-tcti-swtpm.so:x=1": "comes host=",
		"device:tpmrm0": "~relative", "swtpm:path=s": "~relative", "mssim:path=./s": "~relative", "libtss2-tcti-device.so:tpm0": "~relative",
	})
	for _, module := range schema.TCTIModules {
		if err := schema.CheckTCTI(module); err != nil {
			t.Errorf("the module %s alone: %v", module, err)
		}
		if err := schema.CheckTCTI("libtss2-tcti-" + module + ".so.0"); err != nil {
			t.Errorf("the library of %s: %v", module, err)
		}
		if err := schema.CheckTCTI(module + "x"); err == nil {
			t.Errorf("%sx passes for a module", module)
		}
	}
}
