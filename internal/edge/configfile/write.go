package configfile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"time"

	"tpmdps/internal/atomicfile"
)

// Write makes the file what r plans, and returns what was done. Other runs may have
// changed it since it was read: under its lock it is read again, and planned again
// from what it is by now, so that no run overwrites what another one has confirmed.
// A dry run writes nothing, and neither does a wait for the lock that ctx ends.
func (t *Target) Write(ctx context.Context, r Result) (Result, error) {
	if t.request.DryRun {
		return r, nil
	}
	path := t.request.Path
	for r.Action == Create {
		err := atomicfile.Create(path, r.Data, 0o600)
		if err == nil || t.request.Legacy || !errors.Is(err, fs.ErrExist) {
			return r, err
		}
		// Another run has made it meanwhile, and this one goes on from there.
		if err := t.read(); err != nil {
			return r, err
		}
		if r, err = t.Plan(); err != nil {
			return r, err
		}
	}
	if r.Action == Unchanged {
		return r, nil
	}
	lock, err := atomicfile.Acquire(ctx, path, func() { t.request.Notify("waiting for another program that is changing %s", path) })
	if err != nil {
		return r, err
	}
	r, err = t.replace(r)
	return r, errors.Join(err, lock.Release())
}

// replace edits the file that is locked.
func (t *Target) replace(r Result) (Result, error) {
	before := t.text
	if err := t.read(); err != nil {
		return r, err
	}
	if !t.exists {
		return r, atomicfile.ErrChanged // another program has removed it
	}
	if !bytes.Equal(before, t.text) {
		var err error
		if r, err = t.Plan(); err != nil || r.Action == Unchanged {
			return r, err
		}
	}
	var err error
	if r.Backup, err = atomicfile.Replace(t.request.Path, t.text, r.Data, time.Now()); err != nil {
		return r, err
	}
	r.Removed, err = atomicfile.Prune(t.request.Path, t.request.Backups, r.Backup)
	if err != nil {
		t.request.Notify("warning: old backups could not be removed: %v", err)
	}
	return r, nil
}
