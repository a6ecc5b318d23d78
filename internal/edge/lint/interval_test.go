package lint_test

import (
	"testing"

	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
)

// checkValues checks each value in a file that has it in the place of %s.
func checkValues(t *testing.T, before, after string, values map[string]string) {
	t.Helper()
	for value, want := range values {
		checkOne(t, value, lint.Check([]byte(edgetest.TPMFile+before+value+after), lint.Options{}).Findings, want)
	}
}

// A certificate's renewal, as cert-renewal reads it.
func TestRenewals(t *testing.T) {
	values := map[string]string{
		"80%": "", "1%": "", "99%": "", "+5%": "", "090min": "", "90min": "", "10day": "", "106751991167300day": "",
		"": "form", "80": "form", "80 %": "form", "-5%": "form", "10days": "form", "1h": "form", "day": "form", "%": "form", "1.5day": "form", "90 min": "form", "90Min": "form", "10d": "form", "3600s": "form",
		"0%": "above zero", "0day": "above zero", "00min": "above zero", "100%": "below 100%", "99999999999999999999min": "too large", "106751991167301day": "too large",
	}
	for _, at := range []string{"edge_ca]\nauto_generated_edge_ca_expiry_days = 30\n[edge_ca.auto_renew", "cert_issuance.est.identity_auto_renew"} {
		checkValues(t, "["+at+"]\nrotate_key = true\nthreshold = \"", "\"\nretry = \"4%\"\n", values)
		checkValues(t, "["+at+"]\nrotate_key = true\nthreshold = \"80%\"\nretry = \"", "\"\n", values)
	}
}

// How old an image may grow, as humantime reads it.
func TestDurations(t *testing.T) {
	checkValues(t, "[image_garbage_collection]\nimage_age_cleanup_threshold = \"", "\"\n", map[string]string{
		"7d": "", "7days": "", "1d 12h": "", "1d12h": "", "  7 days  ": "", "1 0 days": "", "90min": "", "1500ms": "", "3wks": "", "1M": "", "2yr": "", "5us": "", "5µs": "", "17nanos": "", "0s": "", "584542046090years": "",
		"0": "~only IoT Edge 1.6", "1.5h": "~only IoT Edge 1.6", "0.25days": "~only IoT Edge 1.6",
		"": "form", "7": "form", "d": "form", "7 D": "form", "7Days": "form", "-1d": "form", "1d, 12h": "form", "7 d a y s": "form", "1h 2": "form", "P7D": "form", "12:00": "form", "1,5h": "form", "1.h": "form", ".5h": "form",
		"0.3ns": "finer", "0.0001h": "finer", "1000000000000years": "too long", "99999999999999999999s": "too long",
	})
	checkValues(t, "[image_garbage_collection]\ncleanup_recurrence = \"", "\"\n", map[string]string{
		"1d": "", "48h": "", "2880min": "", "86400000ms": "", "1w": "", "0s": "", "12h": "whole days", "36h": "whole days", "1d 1ns": "whole days", "1M": "whole days", "1.5d": "whole days", "2.0d": "~only IoT Edge 1.6", "daily": "form",
	})
	checkValues(t, "[image_garbage_collection]\ncleanup_time = \"", "\"\n", map[string]string{
		"00:00": "", "23:59": "", "9:05": "", "9:5": "", " 7: 30": "", "24:00": "above 23", "12:60": "above 59", "12": "form", "12:00:00": "form", "12.30": "form", "": "form", "noon": "form", "-1:30": "form", "7:30 ": "form", "123:00": "form",
	})
}

// Ports are numbers that exist, and texts.
func TestPorts(t *testing.T) {
	agent := "[agent]\nname = \"edgeAgent\"\ntype = \"docker\"\n[agent.config]\nimage = \"i\"\n[agent.config.createOptions.HostConfig.PortBindings]\n"
	checkValues(t, agent+"\"", "\" = [{ HostPort = \"8883\" }]\n", map[string]string{
		"8883/tcp": "", "5671": "", "53/udp": "", "9/sctp": "", "8000-8010/tcp": "", "443/TCP": "",
		"0/tcp": "1 to 65535", "65536/tcp": "1 to 65535", "8883/http": "1 to 65535", "https": "1 to 65535", "8883:8883": "1 to 65535", "8010-8000/tcp": "1 to 65535", "-1": "1 to 65535", " 8883/tcp": "1 to 65535", "8883/": "1 to 65535",
	})
	checkValues(t, agent+"\"8883/tcp\" = [{ HostPort = ", " }]\n", map[string]string{
		`"8883"`: "", `""`: "", `"8000-8010"`: "", `"0"`: "", `"65536"`: "up to 65535", `"8883/tcp"`: "up to 65535", `"a"`: "up to 65535", `"-1"`: "up to 65535", `8883`: "a string in quotes", `true`: "a string in quotes",
	})
	checkValues(t, agent, "\n", map[string]string{
		`"8883/tcp" = [{ HostIp = "127.0.0.1", HostPort = "8883" }, { HostPort = "8884" }]`: "", `"8883/tcp" = []`: "", `"8883/tcp" = "8883"`: "a list in brackets", `"8883/tcp" = { HostPort = "8883" }`: "a list in brackets",
	})
}

// A key as the base64 crate reads it.
func TestBase64Keys(t *testing.T) {
	for value, want := range map[string]string{
		"AAAA": "", "AAA=": "", "AAA": "", "AA==": "", "AA": "", "+/+/": "",
		"": "not base64", "A": "not base64", "AA=": "not base64", "AAA==": "not base64", "AAB": "not base64", "AB==": "not base64", "-_-_": "not base64", "AAA A": "not base64", `AAAA\nAAAA`: "not base64",
	} {
		text := "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://h\"\nid_scope = \"0ne0012AB34\"\n[provisioning.attestation]\nmethod = \"symmetric_key\"\nregistration_id = \"box-7\"\nsymmetric_key = { value = \"" + value + "\" }\n"
		found := lint.Check([]byte(text), lint.Options{}).Findings
		for i := range found {
			if found[i].Rule == "not-tpm" {
				found = append(found[:i:i], found[i+1:]...)
				break
			}
		}
		checkOne(t, value, found, want)
	}
}
