package emulator

import (
	"crypto/rand"
	"time"

	"tpmdps/internal/challenge"
	"tpmdps/internal/emulator/sas"
)

// nonceLifetime is how long a nonce lives on after the device asked for another
// one. The last one does not age: a registration may be slow, never stale.
const nonceLifetime = 5 * time.Minute

// maxNonces bounds what one device can make the service remember.
const maxNonces = 8

// nonce is a key that was sent to a device as a challenge. The one who signs with it
// has the chip with this EK and SRK.
type nonce struct {
	key        []byte
	ek, srk    *challenge.Key
	superseded time.Time // when the next one was sent; zero for the last
}

// nonces holds the outstanding ones by [fold]ed registration ID, the last first.
type nonces map[string][]*nonce

// add makes a nonce for the device and supersedes its others.
func (n nonces) add(id string, ek, srk *challenge.Key, now time.Time) *nonce {
	fresh := &nonce{key: make([]byte, challenge.KeySize), ek: ek, srk: srk}
	rand.Read(fresh.key)
	list := []*nonce{fresh}
	for _, old := range n[id] {
		if old.superseded.IsZero() {
			old.superseded = now
		}
		if now.Sub(old.superseded) < nonceLifetime && len(list) < maxNonces {
			list = append(list, old)
		}
	}
	n[id] = list
	return fresh
}

// find returns the nonce that signed the token, for a device with this EK.
func (n nonces) find(id string, ek *challenge.Key, token sas.Token, target string, now time.Time) (*nonce, bool) {
	for _, c := range n[id] {
		if !c.superseded.IsZero() && now.Sub(c.superseded) >= nonceLifetime {
			continue
		}
		if c.ek.Same(ek) && token.Check(c.key, target, now) == nil {
			return c, true
		}
	}
	return nil, false
}

// last returns the SRK that the device's last challenge was made for, or nil.
func (n nonces) last(id string) *challenge.Key {
	if len(n[id]) == 0 {
		return nil
	}
	return n[id][0].srk
}
