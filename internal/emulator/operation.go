package emulator

import (
	"time"

	"tpmdps/internal/emulator/rest"
)

// operation is a registration under way, as the device polls it.
type operation struct {
	registrationID string // folded
	started        time.Time
	registration   *registration
}

// operations is keyed by operation ID.
type operations map[string]*operation

// operationLifetime is how long a device may poll for the outcome.
const operationLifetime = 10 * time.Minute

// add keeps the operation under a new ID, and drops the old ones.
func (ops operations) add(op *operation) string {
	for id, o := range ops {
		if op.started.Sub(o.started) > operationLifetime {
			delete(ops, id)
		}
	}
	id := "5." + rest.NewGUID()[:8] + rest.NewGUID()[:8] + "." + rest.NewGUID()
	ops[id] = op
	return id
}
