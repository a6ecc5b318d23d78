package enroll

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Wanted is the SHA-256 of the key and the settings that a plan was made for, in
// hex: two plans that want the same have the same. It is "" for a plan that was
// read back.
func (i Item) Wanted() string {
	if len(i.wish.ek) == 0 {
		return ""
	}
	settings, err := json.Marshal(i.wish.settings)
	if err != nil { // its JSON was checked when the plan was made
		return ""
	}
	h := sha256.New()
	h.Write(i.wish.ek) // says its own length
	h.Write(settings)
	return hex.EncodeToString(h.Sum(nil))
}
