package main

import (
	"tpmdps/internal/audit"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/identity"
)

// output is a kind of JSON that the program prints or writes.
type output struct {
	// schema is the name of its file in docs/schema.
	schema string
	// heading is that of its part of docs/scripting.md, "" where another part has it.
	heading string
	// value makes the value that is printed.
	value func() any
	// list is the member that -o jsonl prints a line each of; "" prints the value itself.
	list string
	// commands can print it.
	commands []string
}

// outputs are all of them. The manual's examples and the schemas are compared with the
// same values.
var outputs = []output{
	{"record", "## The record: read-ek", func() any { return &recordResult{} }, "", []string{"read-ek"}},
	{"read-ek-compare", "## read-ek --compare", func() any { return &compareResult{} }, "candidates", []string{"read-ek"}},
	{"bench", "## bench", func() any { return &benchResult{} }, "", []string{"bench"}},
	{"batch-verify", "## batch verify", func() any { return &batchReport{} }, "", []string{"batch verify"}},
	{"batch-list", "## batch list", func() any { return &batchList{} }, "boxes", []string{"batch list"}},
	{"batch-merge", "## batch merge", func() any { return &mergeResult{} }, "", []string{"batch merge"}},
	{"batch-export", "## batch export", func() any { return &exportResult{} }, "", []string{"batch export"}},
	{"stick-init", "## stick init", func() any { return &stickInitResult{} }, "", []string{"stick init"}},
	{"stick-check", "## stick check", func() any { return &stickCheckResult{} }, "", []string{"stick check"}},
	{"enroll", "## enroll", func() any { return &enrollResult{} }, "items", []string{"enroll"}},
	{"unenroll", "## unenroll", func() any { return &unenrollResult{} }, "items", []string{"unenroll"}},
	{"verify", "## verify", func() any { return &verifyResult{} }, "", []string{"verify"}},
	{"config", "## config", func() any { return &configResult{} }, "", []string{"config"}},
	{"config-check", "## config --check", func() any { return &checkResult{} }, "", []string{"config"}},
	{"support-bundle", "## support-bundle", func() any { return &bundleResult{} }, "", []string{"support-bundle"}},
	{"config-udev", "## config --udev", func() any { return &udevResult{} }, "", []string{"config"}},
	{"config-apply", "## config --apply", func() any { return &applyResult{} }, "", []string{"config"}},
	{"emulator", "## emulator", func() any { return &emulatorResult{} }, "", []string{"emulator"}},
	{"demo", "## demo", func() any { return &demoResult{} }, "", []string{"demo"}},
	{"explain", "## explain", func() any { return &explainResult{} }, "entries", []string{"explain"}},
	{"token", "## token", func() any { return &tokenResult{} }, "", []string{"token show", "token mint"}},
	{"audit-verify", "## The audit trail", func() any { return &auditResult{} }, "", []string{"audit verify"}},
	{"roots-list", "## roots list", func() any { return &rootsList{} }, "roots", []string{"roots list"}},
	{"roots-check", "## roots check", func() any { return &rootsCheck{} }, "", []string{"roots check"}},
	{"labels", "## labels", func() any { return &labelsResult{} }, "", []string{"labels"}},
	{"chip-flush", "## chip flush", func() any { return &flushResult{} }, "", []string{"chip flush"}},
	{"completion-words", "## completion", func() any { return &followingResult{} }, "words", []string{"completion"}},
	{"completion", "", func() any { return &completionResult{} }, "", []string{"completion"}},
	{"version", "## version", func() any { return &versionResult{} }, "", []string{"version"}},
	{"self-check", "## self-check", func() any { return &selfCheckResult{} }, "", []string{"self-check"}},
	{"results-line", "## The results file", func() any { return &batch.ResultLine{} }, "", nil},
	{"audit-line", "", func() any { return &auditLine{} }, "", nil},
	{"batch-line", "", func() any { return &batchLine{} }, "", nil},
	{"error", "## Errors", func() any { return &failure{} }, "", nil},
}

// auditLine is a line of the audit trail as it stands in the file: the package joins the
// sums to the text of the rest.
type auditLine struct {
	Number   int    `json:"number"`
	Previous string `json:"previous"`
	audit.Entry
	HMAC string `json:"hmac_sha256,omitempty"`
	Sum  string `json:"sha256"`
}

// batchLine is a line of a batch as it stands in the file.
type batchLine struct {
	Number   int    `json:"number"`
	Previous string `json:"previous"`
	Again    int    `json:"again,omitempty"`
	DeviceID string `json:"device_id,omitempty"`
	identity.Record
	Sum string `json:"sha256"`
}
