package lint_test

import (
	"errors"
	"strings"
	"testing"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/lint"
)

// What tpm2-tss cannot load is an error, with a line to type where one is sure; what
// depends on where it is started is a warning; what is right passes. A file and a
// flag are judged alike.
func TestTCTIThatLeadsNowhere(t *testing.T) {
	for _, test := range []struct{ tcti, severity, fix string }{
		{"banana", "error", "such as device:/dev/tpmrm0"},
		{"telepathy:/dev/tpm0", "error", "such as device:/dev/tpmrm0"},
		{"./b/sock", "error", "write the whole path"},
		{"b/sock", "error", "write the whole path"},
		{"../b/sock:1", "error", "write the whole path"},
		{"/x/sock", "error", `tcti = "swtpm:path=/x/sock"`},
		{"/dev/tpmrm1", "error", `tcti = "device:/dev/tpmrm1"`},
		{"dev/tpm0", "error", "write the whole path"},
		{"tpmrm0", "error", `tcti = "device:/dev/tpmrm0"`},
		{"swtpm:/run/sock", "error", `tcti = "swtpm:path=/run/sock"`},
		{"swtpm:sock", "error", "such as"},
		{"swtpm:path", "error", "such as"},
		{"swtpm:path=", "error", "such as"},
		{"swtpm:prot=2321", "error", "such as"},
		{"swtpm:host=h,port=http", "error", "such as"},
		{"mssim:port=0", "error", "such as"},
		{"mssim:port=65536", "error", "such as"},
		{"Device:/dev/tpm0", "error", `tcti = "device:/dev/tpm0"`},
		{"devise:/dev/tpm0", "error", `tcti = "device:/dev/tpm0"`},
		{"SWTPM", "error", `tcti = "swtpm"`},
		{"device:path=/dev/tpm0", "error", `tcti = "device:/dev/tpm0"`},
		{" device:/dev/tpm0", "error", `tcti = "device:/dev/tpm0"`},
		{"device ", "error", `tcti = "device"`},
		{"pcap:banana", "error", "such as"},
		{"device://dev/tpm0", "error", "correct"},

		{"swtpm:path=a/sock", "warning", "write the whole path"},
		{"swtpm:path=./a/sock", "warning", "write the whole path"},
		{"device:tpmrm0", "warning", "write the whole path"},
		{"mssim:path=sock", "warning", "write the whole path"},
		{"libtss2-tcti-swtpm.so.0:path=a", "warning", "write the whole path"},

		{"device", "", ""}, {"device:", "", ""}, {"device:/dev/tpm7", "", ""}, {"swtpm", "", ""}, {"swtpm:", "", ""}, {"swtpm:host=::1,port=2321", "", ""},
		{"tabrmd:bus_name=com.intel.tss2.Tabrmd", "", ""}, {"abrmd", "", ""}, {"cmd:ssh box tpm2_send", "", ""}, {"pcap:device:/dev/tpm0", "", ""},
		{"libtss2-tcti-device.so.0:/dev/tpmrm0", "", ""}, {"/usr/lib/libtss2-tcti-device.so:/dev/tpmrm0", "", ""}, {"/opt/maker/libmine.so:x=1", "", ""}, {"libmine.so.1.2", "", ""},
		{"spi-helper:spi-ftdi", "", ""},
	} {
		file := strings.Replace(fullFile, `tcti = "device:/dev/tpmrm0"`, `tcti = "`+test.tcti+`"`, 1)
		found := lint.Check([]byte(file), lint.Options{}).Findings
		switch {
		case test.severity == "" && len(found) > 0:
			t.Errorf("%q: %+v", test.tcti, found)
		case test.severity != "" && (len(found) != 1 || string(found[0].Severity) != test.severity || !strings.Contains(found[0].Fix, test.fix) || found[0].Key != "tpm.tcti"):
			t.Errorf("%q: %+v, want %s with the fix %q", test.tcti, found, test.severity, test.fix)
		}
		_, err := edge.Render(edge.Config{IDScope: "0ab1234C5D6", RegistrationID: "box-7", TCTI: test.tcti})
		if refused := errors.Is(err, edge.ErrInvalid); refused != (test.severity == "error") || !refused && err != nil {
			t.Errorf("Render(%q) = %v", test.tcti, err)
		}
	}
}
