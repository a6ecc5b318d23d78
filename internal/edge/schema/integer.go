package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseInteger reads an integer of TOML.
func ParseInteger(text string) (int64, error) {
	digits := strings.ReplaceAll(strings.TrimLeft(text, "+"), "_", "")
	return strconv.ParseInt(digits, 0, 64)
}

// DefaultAuthKeyIndex is IoT Edge's own: the key that DPS gives is kept at
// 0x81000000 + the index (aziot-tpmd-config), where the Azure SDKs keep it too.
const DefaultAuthKeyIndex = 0x00_01_00

// FormatIndex writes a handle index as IoT Edge's own documentation does, as a bare
// integer: the daemon refuses a string.
func FormatIndex(n uint32) string {
	return fmt.Sprintf("0x%02x_%02x_%02x", n>>16, n>>8&0xff, n&0xff)
}
