package host

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestDaemons(t *testing.T) {
	fsys := fstest.MapFS{
		"proc/1/comm":    {Data: []byte("systemd\n")},
		"proc/77/comm":   {Data: []byte("aziot-tpmd\n")},
		"proc/78/comm":   {Data: []byte("aziot-identityd\n")},
		"proc/79/comm":   {Data: []byte("aziot-identityd\n")},
		"proc/self/comm": {Data: []byte("aziot-tpmd\n")},
	}
	if got, want := Daemons(fsys), []string{"aziot-identityd", "aziot-tpmd"}; !slices.Equal(got, want) {
		t.Errorf("Daemons() = %q, want %q", got, want)
	}
	if got := Daemons(fstest.MapFS{}); len(got) != 0 {
		t.Errorf("Daemons() without /proc = %q", got)
	}
}
