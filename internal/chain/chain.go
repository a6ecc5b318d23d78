// Package chain is a file of lines that are appended durably and hold each other:
// each is a JSON object with its number, the SHA-256 of the line before it, and one
// of itself at its end. The audit trail and the batch on a stick are such files;
// what else is in a line is theirs.
//
// The rule: a line is one write at the end of the file, brought to the disk before
// anything else is done. A kill or a power cut therefore leaves all earlier lines, and at
// most a part of the last one, which its missing end or its sum gives away: [Torn].
//
// # What the sums can show, and what they cannot
//
// They find what was edited, removed, doubled, moved or cut by accident, or by
// someone who does not know the format. There is no key in them: anyone who can write
// to the file can compute them again. Against that, and against an end that was cut off
// between two lines, there is a head that was noted elsewhere: [Noted].
package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// sumMember separates a line from its own sum, which is over everything before it.
const sumMember = `,"sha256":"`

// SumLength is how many bytes [Seal] adds to an object.
const SumLength = len(sumMember) + 2*sha256.Size + len(`"`)

var (
	// ErrNoSum is for a line that has no sum at its end.
	ErrNoSum = errors.New("it has no sum")
	// ErrEdited is for a line that is not what its sum is over.
	ErrEdited = errors.New("it was edited")
)

// Sum is the SHA-256 of a line without its end, in lower-case hex: the value that the
// next line has, and that is noted as the head. The first line has that of nothing.
func Sum(line []byte) string {
	h := sha256.Sum256(line)
	return hex.EncodeToString(h[:])
}

// Seal puts the sum at the end of a JSON object that has a member.
func Seal(object []byte) []byte {
	open := bytes.TrimSuffix(object, []byte("}"))
	return append(open[:len(open):len(open)], sumMember+Sum(open)+`"}`...)
}

// Unseal checks the sum of a line and returns what it is over: the object without
// its closing brace. The error is [ErrNoSum] or [ErrEdited].
func Unseal(line []byte) ([]byte, error) {
	at := bytes.LastIndex(line, []byte(sumMember))
	if at < 0 {
		return nil, ErrNoSum
	}
	if string(line[at:]) != sumMember+Sum(line[:at])+`"}` {
		return nil, ErrEdited
	}
	return line[:at:at], nil
}

// Fault says what happened to a line that cannot be read, where its bytes tell, and
// otherwise that it is fault. whole tells of a line whether it can be read.
func Fault(line []byte, first bool, whole func([]byte) bool, fault error) error {
	converted, cr := bytes.CutSuffix(line, []byte("\r"))
	switch {
	case first && (bytes.HasPrefix(line, []byte{0xff, 0xfe}) || bytes.HasPrefix(line, []byte{0xfe, 0xff})):
		return errors.New("the file was converted to UTF-16, by an editor or PowerShell; it is written in UTF-8")
	case first && bytes.HasPrefix(line, []byte("\xef\xbb\xbf")) && whole(line[3:]):
		return errors.New("a byte order mark was put before it, by an editor; otherwise it is as it was written")
	case bytes.IndexByte(line, 0) >= 0:
		return errors.New("there are zero bytes in it: a power cut or a broken disk leaves them, or it was converted")
	case cr && whole(converted):
		return errors.New("its line end was converted to CR LF, by an editor, git or a transfer; otherwise it is as it was written")
	}
	return fault
}
