package audit

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"slices"
	"time"

	"tpmdps/internal/chain"
)

// maxOpen bounds how many intents a trail may have without an outcome; each one
// is a run that died.
const maxOpen = 100_000

// follower goes through a trail line by line, and knows what it has seen.
type follower struct {
	key     []byte
	lines   int    // good ones
	size    int64  // their bytes, with their ends
	head    string // hash of the last
	keyed   int    // lines with a keyed sum
	time    time.Time
	back    []int // the first lines whose time is before that of the line before
	old     bool  // the last line has the old schema, or there is none
	intents []bool
	open    map[int]Line
	undone  map[subject][]Line // intents that were found not to be done, the last of each action
}

// subject is what intents are about.
type subject struct{ service, registrationID string }

// maxBack bounds the list of lines whose clock went back.
const maxBack = 10

func newFollower(key []byte) *follower {
	return &follower{key: key, head: chain.Sum(nil), old: true, open: map[int]Line{}, undone: map[subject][]Line{}}
}

// follow accepts the next line, or says what is wrong with it.
func (f *follower) follow(text []byte) error {
	l, keyed, signed, err := decode(text)
	switch {
	case err != nil:
		return faultOf(text, f.lines == 0, err)
	case l.Number > f.lines+1:
		return fmt.Errorf("it was written as line %d: one before it was removed, or it was moved", l.Number)
	case l.Number < f.lines+1:
		return fmt.Errorf("it was written as line %d: it was moved, or duplicated", l.Number)
	case l.Previous != f.head:
		return errors.New("it was written after another line than the one that is before it now")
	case l.Schema != Schema && !f.old:
		return fmt.Errorf("its schema is %s, older than that of the line before it", l.Schema)
	}
	if err := f.checkKey(keyed, signed); err != nil {
		return err
	}
	if err := f.pair(l); err != nil {
		return err
	}
	if l.Time.Before(f.time) && len(f.back) < maxBack {
		f.back = append(f.back, l.Number)
	}
	f.lines, f.head, f.time, f.old = l.Number, chain.Sum(text), l.Time, l.Schema != Schema
	f.size += int64(len(text)) + 1
	if keyed != "" {
		f.keyed++
	}
	return nil
}

// torn is [chain.Torn] for the line that would be next.
func (f *follower) torn(tail []byte) (line []byte, torn bool) {
	return chain.Torn(tail, fmt.Appendf(nil, `{"number":%d,"previous":"%s",`, f.lines+1, f.head))
}

// checkKey checks the keyed sum of a line, as far as there is a key. Lines
// without one may stand before the first that has one, which vouches for what
// they were then.
func (f *follower) checkKey(keyed string, signed []byte) error {
	switch {
	case keyed == "" && f.keyed > 0:
		return errors.New("it has no keyed sum, unlike the lines before it: it was not written with the key")
	case keyed == "":
		return nil
	case len(f.key) > 0 && !hmac.Equal([]byte(keyed), []byte(keyedSum(f.key, signed))):
		if f.keyed == 0 {
			return errors.New("its keyed sum is wrong: it was edited, or this is not the key it was written with")
		}
		return errors.New("its keyed sum is wrong: it was edited, or written without the key")
	}
	return nil
}

// pair notes an intent, or finds that of an outcome. An intent may have several
// outcomes: those of later runs that looked, and that of its own run.
func (f *follower) pair(l line) error {
	intent := l.Stage == Intent
	switch {
	case l.Schema != Schema:
	case intent && l.Intent == 0:
		if len(f.open) == maxOpen {
			return fmt.Errorf("there are %d intents without an outcome before it", maxOpen)
		}
		f.open[l.Number] = Line{l.Number, l.Entry}
	case l.Stage == Outcome && l.Intent > 0 && l.Intent <= f.lines && f.intents[l.Intent-1]:
		began, open := f.open[l.Intent]
		if open && (began.RegistrationID != l.RegistrationID || began.Service != l.Service || began.Action != l.Action) {
			return fmt.Errorf("it is the outcome of line %d, which is about something else", l.Intent)
		}
		switch {
		case open && l.Result == Unanswered:
			began.Result = Unanswered
			f.open[l.Intent] = began
		case open && l.Result == NotDone:
			f.remember(l, &began)
			delete(f.open, l.Intent)
		default:
			delete(f.open, l.Intent)
		}
		if l.Result == Done {
			f.remember(l, nil)
		}
	default:
		return fmt.Errorf("it is neither an intent nor the outcome of one: stage %.20q of line %d", l.Stage, l.Intent)
	}
	f.intents = append(f.intents, intent)
	return nil
}

// remember keeps an intent that was found not to be done, and forgets an earlier one of its
// action; nil only forgets.
func (f *follower) remember(l line, began *Line) {
	s := subject{l.Service, l.RegistrationID}
	lines := slices.DeleteFunc(f.undone[s], func(u Line) bool { return u.Action == l.Action })
	if began != nil && len(f.undone) < maxOpen {
		lines = append(lines, *began)
	}
	if f.undone[s] = lines; len(lines) == 0 {
		delete(f.undone, s)
	}
}

// faultOf says what happened to a line that cannot be read, where its bytes
// tell.
func faultOf(text []byte, first bool, fault error) error {
	whole := func(text []byte) bool { _, _, _, err := decode(text); return err == nil }
	return chain.Fault(text, first, whole, fault)
}
