package edge

import "tpmdps/internal/text"

// DefaultFile is where IoT Edge reads its configuration.
const DefaultFile = "/etc/aziot/config.toml"

// configFlag is the flag by which commands are given a config.toml.
const configFlag = "--config"

// FileFlag is what a hint adds to a command of config's so that it is about the
// file at a path: a blank, the flag and the path; "" for IoT Edge's own file, and
// where the path is not known. What came through standard input has no name to
// give, so the hint says FILE.
func FileFlag(path string) string {
	switch path {
	case "", DefaultFile:
		return ""
	case "-":
		return " " + configFlag + " FILE"
	}
	return " " + configFlag + " " + text.ShellWord(path)
}

// VerifyFlag is the same for verify, which reads no file unless one is named.
func VerifyFlag(path string) string {
	if path == DefaultFile {
		return " " + configFlag + " " + path
	}
	return FileFlag(path)
}
