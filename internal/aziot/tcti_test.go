package aziot

import (
	"slices"
	"testing"
)

func TestParseTCTI(t *testing.T) {
	tests := []struct {
		tcti   string
		nodes  []string
		number string
	}{
		{"device", deviceNodes, "0"},
		{"device:", deviceNodes, "0"},
		{"", deviceNodes, "0"},
		{"device:/dev/tpm0", []string{"/dev/tpm0"}, "0"},
		{"device:/dev/tpmrm1", []string{"/dev/tpmrm1"}, "1"},
		{"device:/dev/mytpm", []string{"/dev/mytpm"}, ""},
		{"libtss2-tcti-device.so.0:/dev/tpmrm0", []string{"/dev/tpmrm0"}, "0"},
		{"/usr/lib/libtss2-tcti-device.so:/dev/tpmrm0", []string{"/dev/tpmrm0"}, "0"},
		{"tabrmd", nil, ""},
		{"abrmd:bus_name=com.intel.tss2.Tabrmd", nil, ""},
		{"swtpm:port=2321", nil, ""},
		{"mssim:host=localhost", nil, ""},
		{"cmd:ssh box tpm2_send", nil, ""},
	}
	for _, test := range tests {
		w := parseTCTI(test.tcti)
		number, ok := w.number()
		if !slices.Equal(w.nodes, test.nodes) || number != test.number || ok != (number != "") {
			t.Errorf("parseTCTI(%q) = %v, number %q, want %v, %q", test.tcti, w.nodes, number, test.nodes, test.number)
		}
		if (w.other == "") != (w.nodes != nil) {
			t.Errorf("parseTCTI(%q) says %q beside the nodes %v", test.tcti, w.other, w.nodes)
		}
	}
}
