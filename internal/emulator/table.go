package emulator

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
)

// table is one kind of what the service keeps, by [fold]ed ID. Rows come in and go by
// its methods alone, so nothing is changed and not written.
type table[T any] struct {
	read func([]byte) (id string, row T, err error) // a row as the file has it

	rows    map[string]T
	changed map[string]struct{} // the IDs of what is not in the file yet, or not gone from it
	sizes   map[string]int64    // how many bytes of the file are of use for each
	live    int64               // the sum of sizes
	version int                 // grows with each change
}

// tabled are the tables of all types.
type tabled interface {
	changes() ([]change, error)
	settle([]change)
	restore(row []byte) error
	drop(id string)
	each(func(row json.RawMessage) error) error
	liveSize() int64
}

// change is a row that is new or was changed, and without a row the end of one.
type change struct {
	id  string
	row json.RawMessage
}

func newTable[T any](read func([]byte) (string, T, error)) *table[T] {
	return &table[T]{read: read, rows: map[string]T{}, changed: map[string]struct{}{}, sizes: map[string]int64{}}
}

func (t *table[T]) get(id string) T { return t.rows[fold(id)] }

func (t *table[T]) len() int { return len(t.rows) }

func (t *table[T]) all() iter.Seq[T] { return maps.Values(t.rows) }

// put keeps a row that is new, or that was changed where it is.
func (t *table[T]) put(id string, row T) {
	t.version++
	t.rows[fold(id)] = row
	t.changed[fold(id)] = struct{}{}
}

func (t *table[T]) delete(id string) {
	t.version++
	delete(t.rows, fold(id))
	t.changed[fold(id)] = struct{}{}
}

// changes are those since the last call of settle, by ID.
func (t *table[T]) changes() ([]change, error) {
	var list []change
	for _, id := range slices.Sorted(maps.Keys(t.changed)) {
		c := change{id: id}
		if row, there := t.rows[id]; there {
			var err error
			if c.row, err = json.Marshal(row); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// settle notes that the file has the changes.
func (t *table[T]) settle(list []change) {
	for _, c := range list {
		t.resize(c.id, len(c.row))
	}
	clear(t.changed)
}

func (t *table[T]) resize(id string, row int) {
	t.live -= t.sizes[id]
	delete(t.sizes, id)
	if row > 0 {
		t.sizes[id] = int64(row + lineOverhead)
		t.live += t.sizes[id]
	}
}

func (t *table[T]) liveSize() int64 { return t.live }

// restore puts a row back that the file has.
func (t *table[T]) restore(data []byte) error {
	id, row, err := t.read(data)
	if err != nil {
		return err
	}
	t.version++
	t.rows[fold(id)] = row
	t.resize(fold(id), len(data))
	return nil
}

// drop removes a row that is gone from the file.
func (t *table[T]) drop(id string) {
	t.version++
	delete(t.rows, id)
	t.resize(id, 0)
}

// each gives all rows as they are written, by ID.
func (t *table[T]) each(yield func(json.RawMessage) error) error {
	for _, id := range slices.Sorted(maps.Keys(t.rows)) {
		row, err := json.Marshal(t.rows[id])
		if err == nil {
			err = yield(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
