package main

import (
	"bytes"
	"errors"
	"io/fs"
	"time"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/edge"
)

// write makes the file what r plans. Other runs may have changed it since it was
// read: under its lock it is read again, and planned again from what it is by now,
// so that no run writes over what another one has confirmed.
func (t *target) write(s *session, told *edge.Config, r *configResult) error {
	for r.Action == "create" {
		err := atomicfile.Create(t.path, r.data, 0o600)
		if err == nil || t.legacy || !errors.Is(err, fs.ErrExist) {
			return err
		}
		// Another run has made it meanwhile, and this one goes on from there.
		if *r, err = t.planAgain(s, told); err != nil {
			return err
		}
	}
	if r.Action == "unchanged" {
		return nil
	}
	lock, err := atomicfile.Acquire(s.ctx, t.path, func() { s.say("waiting for another program that is changing %s", t.path) })
	if err != nil {
		return err
	}
	err = t.replace(s, told, r)
	return errors.Join(err, lock.Release())
}

// replace edits the file that is locked.
func (t *target) replace(s *session, told *edge.Config, r *configResult) error {
	before := t.text
	if err := t.read(s); err != nil {
		return err
	}
	if !t.exists {
		return atomicfile.ErrChanged // somebody has removed it
	}
	if !bytes.Equal(before, t.text) {
		var err error
		if *r, err = t.plan(s, told); err != nil || r.Action == "unchanged" {
			return err
		}
	}
	var err error
	if r.Backup, err = atomicfile.Replace(t.path, t.text, r.data, time.Now()); err != nil {
		return err
	}
	r.Removed, err = atomicfile.Prune(t.path, s.flag.Int("backups"), r.Backup)
	if err != nil {
		s.say("warning: old backups could not be removed: %v", err)
	}
	return nil
}

// planAgain plans from what the file is now.
func (t *target) planAgain(s *session, told *edge.Config) (configResult, error) {
	if err := t.read(s); err != nil {
		return configResult{}, err
	}
	return t.plan(s, told)
}
