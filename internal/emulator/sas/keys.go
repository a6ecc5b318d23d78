package sas

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"

	"tpmdps/internal/emulator/object"
)

// keySize is the length of a new key in bytes, as the services draw them.
const keySize = 64

// FillKeys completes a pair of keys, a JSON object with primaryKey and secondaryKey:
// one that was not given is the one of old, or a new one. raw may be empty or null.
// old is the object whose member symmetricKey has the pair of before, or nil.
func FillKeys(raw, old json.RawMessage) json.RawMessage {
	var before struct {
		SymmetricKey map[string]json.RawMessage `json:"symmetricKey"`
	}
	keys := map[string]json.RawMessage{}
	json.Unmarshal(raw, &keys)   // checked before; null leaves it empty
	json.Unmarshal(old, &before) // nil for a new one
	if keys == nil {
		keys = map[string]json.RawMessage{}
	}
	for _, name := range []string{"primaryKey", "secondaryKey"} {
		switch known, ok := before.SymmetricKey[name]; {
		case object.Given(keys[name]):
		case ok:
			keys[name] = known
		default:
			key := make([]byte, keySize)
			rand.Read(key)
			keys[name] = object.String(base64.StdEncoding.EncodeToString(key))
		}
	}
	out, _ := json.Marshal(object.Object{Order: []string{"primaryKey", "secondaryKey"}, Members: keys}) // made of JSON
	return out
}
