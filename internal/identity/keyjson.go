package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/text"
)

// keyNames are the fields in which JSON has an endorsement key, without case and
// separators: ours and aziot-tpmd's endorsement_key, az's and DPS's
// attestation.tpm.endorsementKey, and what PowerShell makes of an object of
// Get-TpmEndorsementKeyInfo.
var keyNames = []string{"endorsementkey", "ek", "ekpub", "ekpublic", "endorsementpublickey", "endorsementkeypublic", "rawdata"}

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
	var keys []string
	switch v := value.(type) {
	case string:
		keys = []string{v}
	case []any:
		if list, ok := numbers(v); ok {
			keys = []string{list}
			break
		}
		for _, item := range v {
			if s, ok := item.(string); ok {
				keys = append(keys, s)
			} else {
				keys = collect(keys, item)
			}
		}
	default:
		keys = collect(nil, value)
	}
	slices.Sort(keys)
	switch keys = slices.Compact(keys); len(keys) {
	case 0:
		return nil, &FormatError{Is: "JSON without an endorsement_key", Advice: readAgain}
	case 1:
		return readKeyText(keys[0], depth+1)
	}
	return nil, &FormatError{Is: fmt.Sprintf("JSON with %d endorsement keys", len(keys)), Advice: "give one of them, or enroll a batch with --from"}
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
				if s, ok := inner.(string); ok {
					keys = append(keys, s)
					continue
				}
				if list, ok := inner.([]any); ok {
					if s, ok := numbers(list); ok {
						keys = append(keys, s)
						continue
					}
				}
			}
			keys = collect(keys, inner)
		}
	}
	return keys
}

func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// numbers writes an array of bytes as a list.
func numbers(list []any) (string, bool) {
	var text strings.Builder
	for _, item := range list {
		n, ok := item.(float64)
		if !ok || n < 0 || n > 255 || n != float64(int(n)) {
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
