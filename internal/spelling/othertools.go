package spelling

import "strings"

// Option is what stands here for an option of another tool.
type Option struct {
	// Tool is whose option it is, such as "az".
	Tool string
	// Ours are the flags that do the same, without dashes, of which a command may
	// have one; empty where no flag does.
	Ours []string
	// Instead says what to do where no flag does it, "" otherwise.
	Instead string
}

// otherTools are options that people paste from other tools' documentation. The
// names are those of az iot dps enrollment (azure-iot extension), of tpm2-tools, of
// iotedge and aziotctl, of curl, and of usual command lines.
var otherTools = []struct {
	names string
	Option
}{
	{"dps-name n", Option{Tool: "az", Ours: []string{"dps"}}},
	{"enrollment-id eid", Option{Tool: "az", Ours: []string{"registration-id"}}},
	{"attestation-type at", Option{Tool: "az", Instead: "omit it, the TPM is the only kind of attestation here"}},
	{"endorsement-key ek", Option{Tool: "az", Ours: []string{"endorsement-key"}}},
	{"device-id did", Option{Tool: "az", Ours: []string{"device-id"}}},
	{"iot-hub-host-name hn hubs iot-hubs ih", Option{Tool: "az", Ours: []string{"iot-hubs"}}},
	{"provisioning-status ps", Option{Tool: "az", Ours: []string{"provisioning-status"}}},
	{"allocation-policy ap", Option{Tool: "az", Ours: []string{"allocation-policy"}}},
	{"reprovision-policy rp", Option{Tool: "az", Ours: []string{"reprovision-policy"}}},
	{"webhook-url wh", Option{Tool: "az", Ours: []string{"webhook-url"}}},
	{"initial-twin-tags tags", Option{Tool: "az", Ours: []string{"initial-twin-tags"}}},
	{"initial-twin-properties props", Option{Tool: "az", Ours: []string{"initial-twin-properties"}}},
	{"device-information device-info info", Option{Tool: "az", Ours: []string{"device-information"}}},
	{"edge-enabled ee", Option{Tool: "az", Ours: []string{"edge-enabled"}}},
	{"etag e", Option{Tool: "az", Instead: "omit it, a change is sent only for the version of the enrollment that was read"}},
	{"resource-group g", Option{Tool: "az", Instead: "omit it, the name of the DPS is enough"}},
	{"subscription", Option{Tool: "az", Instead: "omit it, the name of the DPS is enough"}},
	{"api-version av", Option{Tool: "az", Instead: "omit it, the version is fixed"}},
	{"certificate-path cp secondary-certificate-path scp primary-key pk secondary-key sk", Option{Tool: "az", Instead: "it is for another kind of attestation than the TPM's"}},
	{"query", Option{Tool: "az", Instead: "print JSON with -o json and filter it with jq"}},
	{"only-show-errors", Option{Tool: "az", Ours: []string{"quiet"}}},
	{"debug", Option{Tool: "az", Ours: []string{"verbose"}}},

	{"tcti T", Option{Tool: "tpm2-tools", Ours: []string{"tpm"}}},
	{"hierarchy-auth P auth owner-auth", Option{Tool: "tpm2-tools", Ours: []string{"owner-auth-file"}}},
	{"eh-auth endorsement-auth", Option{Tool: "tpm2-tools", Ours: []string{"endorsement-auth-file"}}},

	{"config-file c", Option{Tool: "iotedge", Ours: []string{"config"}}},

	{"cacert ca ca-certificate cafile", Option{Tool: "curl", Ours: []string{"ca-file"}}},
	{"insecure k", Option{Tool: "curl", Instead: "certificates are always checked, --ca-file FILE adds one to trust"}},
	{"max-time m connect-timeout", Option{Tool: "curl", Ours: []string{"timeout"}}},
	{"proxy", Option{Tool: "curl", Instead: "the proxy is named in HTTPS_PROXY"}},
	{"silent s", Option{Tool: "curl", Ours: []string{"quiet"}}},

	{"json", Option{Instead: "write -o json"}},
	{"jsonl", Option{Instead: "write -o jsonl"}},
	{"format", Option{Ours: []string{"output"}}},
	{"what-if whatif dryrun simulate", Option{Ours: []string{"dry-run"}}},
	{"output-file outfile out-file", Option{Ours: []string{"out"}}},
	{"input input-file", Option{Ours: []string{"from"}}},
	{"device tpm-device", Option{Ours: []string{"tpm"}}},
	{"force", Option{Instead: "each flag that overrides something has its own name"}},
}

// OtherTool finds what stands here for an option of another tool, by its name
// without dashes. In a name of one letter capitals count: -T and -t are two.
func OtherTool(name string) (Option, bool) {
	for _, row := range otherTools {
		for other := range strings.FieldsSeq(row.names) {
			if name == other || len(name) > 1 && Same(name, other) {
				return row.Option, true
			}
		}
	}
	return Option{}, false
}
