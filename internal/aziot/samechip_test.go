package aziot

import "testing"

func TestSameChip(t *testing.T) {
	tests := []struct {
		tcti, address string
		want          bool
	}{
		{"device", "device", true},
		{"device", "/dev/tpmrm0", true},
		{"device", "device:/dev/tpm0", true}, // one chip, whichever node
		{"", "device:/dev/tpmrm0", true},
		{"device:/dev/tpm0", "device:/dev/tpmrm0", true},
		{"libtss2-tcti-device.so.0:/dev/tpmrm0", "/dev/tpm0", true},
		{"/usr/lib/libtss2-tcti-device.so:/dev/tpmrm0", "device", true},
		{"/usr/lib/libtss2-tcti-swtpm.so", "swtpm:host=127.0.0.1,port=2321", true},
		{"tabrmd:bus_name=com.intel.tss2.Tabrmd", "device", true},
		{"device:/dev//tpmrm0", "device", true},
		{"swtpm:path=/run/a", "/run/a", true},
		{"swtpm:path=/run/a", "swtpm:path=/run/./a", true},
		{"swtpm", "swtpm:host=localhost,port=2321", true},
		{"swtpm:port=2321", "swtpm:host=127.0.0.1,port=2321", true},
		{"libtss2-tcti-swtpm.so:port=2321", "swtpm:host=127.0.0.1,port=2321", true},
		{"mssim:host=h,port=9", "mssim:host=h,port=9", true},

		{"device", "device:/dev/tpmrm1", false},
		{"device:/dev/tpmrm1", "device", false},
		{"device", "swtpm:path=/run/a", false},
		{"device", "/run/a", false},
		{"", "swtpm:host=127.0.0.1,port=2321", false},
		{"swtpm:path=/run/a", "swtpm:path=/run/b", false},
		{"swtpm:path=/run/a", "device", false},
		{"swtpm:port=2321", "swtpm:host=127.0.0.1,port=2322", false},
		{"swtpm:port=2321", "mssim:host=127.0.0.1,port=2321", false},
		{"mssim:host=a", "mssim:host=b,port=2321", false},
		{"libmine.so", "device", false},

		// A bare path is an address, and not a TCTI.
		{"./b/sock", "./b/sock", false},
		{"/run/a", "/run/a", false},
		{"/run/a", "swtpm:path=/run/a", false},
		{"/dev/tpmrm0", "device", false},
		{"b/sock", "b/sock", false},
	}
	for _, tt := range tests {
		if got := sameChip(tt.tcti, tt.address); got != tt.want {
			t.Errorf("sameChip(%q, %q) = %t", tt.tcti, tt.address, got)
		}
	}
}
