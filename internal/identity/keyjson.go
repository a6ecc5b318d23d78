package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tpmdps/internal/text"
)

// keyNames are the fields in which JSON has an endorsement key, without case and
// separators: ours and aziot-tpmd's endorsement_key, az's and DPS's
// attestation.tpm.endorsementKey, and what PowerShell makes of an object of
// Get-TpmEndorsementKeyInfo.
var keyNames = []string{"endorsementkey", "ek", "ekpub", "ekpublic", "ekpublickey", "endorsementpublickey", "endorsementkeypublic", "tpmek", "tpmendorsementkey", "rawdata"}

// keyInJSON reads the one key in a JSON text: a string, an object, an array with
// one of them. It returns nothing for what is not JSON.
func keyInJSON(given string, depth int) ([]byte, error) {
	if !strings.ContainsAny(given[:1], `{["`) {
		return nil, nil
	}
	var unclear *text.JSONError
	if err := text.CheckJSON([]byte(given)); errors.As(err, &unclear) && !unclear.Syntax {
		return nil, &FormatError{Is: "JSON with two meanings: " + unclear.Reason, Advice: readAgain}
	}
	dec := json.NewDecoder(strings.NewReader(given))
	var value any
	if err := dec.Decode(&value); err != nil {
		return keyInBrokenJSON(given, depth)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return keyInBrokenJSON(given, depth)
	}
	keys := keysIn(value, depth)
	slices.Sort(keys)
	switch keys = slices.Compact(keys); len(keys) {
	case 0:
		return nil, &FormatError{Is: "JSON without an endorsement_key", Advice: readAgain}
	case 1:
		return readKeyText(keys[0], depth+1)
	}
	return nil, &FormatError{Is: fmt.Sprintf("JSON with %d endorsement keys", len(keys)), Advice: "give one of them, or enroll a batch with --from"}
}

// keysIn are the texts of the keys in a JSON value: of the fields that are named so,
// of the items of a list, or else whatever is a whole key.
func keysIn(value any, depth int) []string {
	if text, ok := written(value); ok {
		if list, ok := value.([]any); ok && len(textsIn(list)) > 0 && !isWhole(text, depth) {
			return textsIn(list)
		}
		return []string{text}
	}
	var keys []string
	if list, ok := value.([]any); ok {
		keys = textsIn(list)
	}
	if keys = collect(keys, value); len(keys) > 0 {
		return keys
	}
	return wholeKeys(nil, value, depth)
}

func textsIn(list []any) (texts []string) {
	for _, item := range list {
		if s, ok := item.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// collect finds the values of all fields that are named like the key.
func collect(keys []string, value any) []string {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			keys = collect(keys, item)
		}
	case map[string]any:
		for name, inner := range v {
			if slices.Contains(keyNames, plainName(name)) {
				if text, ok := written(inner); ok {
					keys = append(keys, text)
					continue
				}
			}
			keys = collect(keys, inner)
		}
	}
	return keys
}

// wholeKeys finds everything that is a whole key, whatever the field is called.
func wholeKeys(keys []string, value any, depth int) []string {
	if text, ok := written(value); ok {
		if isWhole(text, depth) {
			keys = append(keys, text)
		}
		return keys
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			keys = wholeKeys(keys, item, depth)
		}
	case map[string]any:
		for _, inner := range v {
			keys = wholeKeys(keys, inner, depth)
		}
	}
	return keys
}

func isWhole(text string, depth int) bool {
	if len(text) < ekSize {
		return false
	}
	ek, err := readKeyText(text, depth+1)
	return ek != nil && err == nil || errors.Is(err, ErrSample)
}

// written is the text of a value: of a string, of a list of the lines of one, or of
// bytes, as PowerShell and JavaScript write them.
func written(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case []any:
		if text, ok := numbers(v); ok {
			return text, true
		}
		texts := textsIn(v)
		return strings.Join(texts, "\n"), len(v) > 0 && len(texts) == len(v)
	case map[string]any:
		if list, ok := v["data"].([]any); ok && v["type"] == "Buffer" {
			return numbers(list)
		}
		list := make([]any, len(v))
		for i := range list {
			list[i] = v[strconv.Itoa(i)]
		}
		return numbers(list)
	}
	return "", false
}

func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// numbers writes an array of bytes as a list; those of Java are from -128 on.
func numbers(list []any) (string, bool) {
	var text strings.Builder
	for _, item := range list {
		n, ok := item.(float64)
		if !ok || n < -128 || n > 255 || n != float64(int(n)) {
			return "", false
		}
		fmt.Fprintf(&text, "%d ", int(n))
	}
	return text.String(), len(list) > 0
}

// brokenKey finds a key in JSON that lost its quotes or its end, as shells do.
var brokenKey = regexp.MustCompile(`(?i)\b(?:endorsement[_ -]?key|ek[_ -]?pub(?:lic)?|ek)\\?["']?\s*[:=]\s*\\?["']?([A-Za-z0-9+/=_\\-]{16,})`)

func keyInBrokenJSON(text string, depth int) ([]byte, error) {
	if text[0] != '{' && text[0] != '[' {
		return nil, nil
	}
	found := brokenKey.FindAllStringSubmatch(text, 2)
	if len(found) != 1 {
		return nil, nil
	}
	return readKeyText(strings.TrimRight(found[0][1], `\`), depth+1)
}
