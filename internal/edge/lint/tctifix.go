package lint

import (
	"regexp"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/spelling"
	"tpmdps/internal/tomledit"
)

// deviceName is a node of a chip without its directory.
var deviceName = regexp.MustCompile(`^tpm(rm)?[0-9]+$`)

// fixAbsolute is for a relative path: where it begins only the writer knows.
const fixAbsolute = "write the whole path, from / on: swtpm:path=/DIRECTORY/SOCKET or device:/dev/tpmrm0"

// fixTCTI is the line to type for a text that is not a TCTI, or words.
func fixTCTI(s string) string {
	s = strings.TrimSpace(s)
	module, conf, found := strings.Cut(s, ":")
	line := func(value string) string {
		if schema.CheckTCTI(value) != nil || schema.DoubtTCTI(value) != "" {
			return fixAbsolute
		}
		return "tcti = " + tomledit.Quote(value)
	}
	switch {
	case strings.Contains(s, "://"):
		return "correct the value"
	case schema.CheckTCTI(s) == nil:
		return line(s)
	case strings.HasPrefix(s, "/dev/"):
		return line("device:" + s)
	case strings.HasPrefix(s, "/"):
		return line("swtpm:path=" + s)
	case deviceName.MatchString(s):
		return line("device:/dev/" + s)
	case module == "device":
		return line("device:" + conf[strings.Index(conf, "=")+1:])
	case (module == "swtpm" || module == "mssim") && strings.HasPrefix(conf, "/"):
		return line(module + ":path=" + conf)
	case strings.Contains(module, "/"):
		return fixAbsolute
	}
	if near := spelling.Slip(module, schema.TCTIModules); near != "" && near != module {
		if value := near + strings.TrimSuffix(":"+conf, map[bool]string{false: ":"}[found]); schema.CheckTCTI(value) == nil {
			return line(value)
		}
	}
	return `write how the chip is reached, such as device:/dev/tpmrm0`
}
