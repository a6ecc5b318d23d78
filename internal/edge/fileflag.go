package edge

import "tpmdps/internal/text"

// DefaultFile is where IoT Edge reads its configuration.
const DefaultFile = "/etc/aziot/config.toml"

// The flags by which commands are given a config.toml.
const (
	configFlag = "--file"
	verifyFlag = "--config"
)

// FileFlag is what a hint adds to a command of config's so that it is about the
// file at a path: a blank, the flag and the path; "" for IoT Edge's own file, and
// where the path is not known. What came through standard input has no name to
// give, so the hint says FILE.
func FileFlag(path string) string { return flagFor(configFlag, path) }

// VerifyFlag is the same for verify, which reads no file unless one is named.
func VerifyFlag(path string) string {
	if path == DefaultFile {
		return " " + verifyFlag + " " + path
	}
	return flagFor(verifyFlag, path)
}

func flagFor(flag, path string) string {
	switch path {
	case "", DefaultFile:
		return ""
	case "-":
		return " " + flag + " FILE"
	}
	return " " + flag + " " + text.ShellWord(path)
}
