package schema

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// TCTIModules are the modules of tpm2-tss and of tpm2-abrmd. The loader
// (tctildr-dl.c) reads what is before the first colon as the file of a library,
// and then for the middle of libtss2-tcti-NAME.so.
var TCTIModules = []string{
	"device", "swtpm", "mssim", "tabrmd", "abrmd", "cmd", "pcap", "null", "libtpms", "tctildr",
	"spi-helper", "spi-ftdi", "spi-ltt2go", "spidev", "i2c-helper", "i2c-ftdi", "i2c-gpio", "tbs", "uefi",
}

var (
	libraryFile = regexp.MustCompile(`\.so(\.[0-9]+)*$`)
	moduleFile  = regexp.MustCompile(`^libtss2-tcti-(.+?)\.so(\.[0-9]+)*$`)
	namedConf   = regexp.MustCompile(`^[a-z]+=`)
)

// CheckTCTI refuses what tpm2-tss's loader cannot load, or what the module refuses:
// a bare path, a module that does not exist, settings that it does not have. What is
// after a valid one is not looked at. An empty text is the loader's own choice.
func CheckTCTI(s string) error {
	if err := checkText(s); err != nil || s == "" {
		return err
	}
	module, conf, _ := strings.Cut(s, ":")
	switch known := moduleOf(module); {
	case strings.TrimSpace(s) != s:
		return errors.New("there is a blank at its start or end")
	case strings.HasPrefix(s, "/dev/"):
		return errors.New("a device needs the word device: before its path")
	case strings.Contains(s, "://"):
		return errors.New("a TCTI is not a URL: it has the form device:/dev/tpmrm0 or swtpm:host=NAME,port=N")
	case libraryFile.MatchString(module) && known == "":
		return nil // a module of its own
	case strings.Contains(module, "/") && known == "":
		return errors.New("a bare path is not a TCTI: it needs device: before it if it is a device, and swtpm:path= if it is a socket")
	case !slices.Contains(TCTIModules, known):
		return errors.New("tpm2-tss has no module of that name; usual ones are device:, swtpm:, mssim: and tabrmd")
	default:
		return checkTCTIConf(known, conf)
	}
}

// moduleOf is a module's name, however it is spelt; "" for a path that is not one's.
func moduleOf(module string) string {
	if m := moduleFile.FindStringSubmatch(path.Base(module)); m != nil {
		return m[1]
	}
	if strings.Contains(module, "/") || libraryFile.MatchString(module) {
		return ""
	}
	return module
}

// checkTCTIConf checks the settings of a module.
func checkTCTIConf(module, conf string) error {
	switch {
	case module == "device" && namedConf.MatchString(conf):
		return errors.New("after device: only the path belongs")
	case module == "pcap":
		return CheckTCTI(conf)
	case module != "swtpm" && module != "mssim" || conf == "":
		return nil
	}
	for part := range strings.SplitSeq(conf, ",") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok && strings.Contains(part, "/"):
			return fmt.Errorf("the path of a socket needs path= before it: %s:path=", module)
		case !ok, !slices.Contains([]string{"host", "port", "path"}, name):
			return fmt.Errorf("after %s: comes host=NAME,port=N or path=SOCKET", module)
		case value == "":
			return fmt.Errorf("there is nothing after %s=", name)
		case name == "port":
			if n, err := strconv.ParseUint(value, 10, 16); err != nil || n == 0 {
				return errors.New("its port is not a number from 1 to 65535")
			}
		}
	}
	return nil
}

// DoubtTCTI finds a relative path: the service that opens it starts in another
// directory than its author.
func DoubtTCTI(s string) string {
	module, conf, _ := strings.Cut(s, ":")
	at := ""
	switch moduleOf(module) {
	case "device":
		at = conf
	case "swtpm", "mssim":
		for part := range strings.SplitSeq(conf, ",") {
			if value, ok := strings.CutPrefix(part, "path="); ok {
				at = value
			}
		}
	}
	if at == "" || strings.HasPrefix(at, "/") {
		return ""
	}
	return "its path is a relative one, and aziot-tpmd starts in the directory /"
}
