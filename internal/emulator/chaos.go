package emulator

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"tpmdps/internal/emulator/rest"
)

// chaosRetryAfter is what a chaotic 429 asks for, in seconds.
const chaosRetryAfter = 1

// chaosSilence is how long a connection is left without an answer before it is closed.
// Tests change it.
var chaosSilence = 2 * time.Second

// trouble is what happens to a request instead of its answer. That ends with the
// connection where there is no refusal.
type trouble struct {
	name    string
	percent int
	after   bool          // it comes after the request was carried out
	refusal error         // is the answer
	silence bool          // nothing comes for a time
	number  uint64        // of the request
	pause   time.Duration // how long the silence is
}

// troubles are those of the fault chaos. docs/emulator.md lists them.
var troubles = []trouble{
	{name: "429", percent: 6, refusal: &rest.Error{Code: codeThrottled, Message: "Too many requests.", RetryAfter: chaosRetryAfter}},
	{name: "500", percent: 4, refusal: rest.Refuse(codeInternal, "Internal server error.")},
	{name: "500, carried out", percent: 2, after: true, refusal: rest.Refuse(codeInternal, "Internal server error.")},
	{name: "dropped", percent: 3},
	{name: "dropped, carried out", percent: 3, after: true},
	{name: "timed out", percent: 1, silence: true},
	{name: "timed out, carried out", percent: 1, silence: true, after: true},
}

// chaos draws troubles for requests. Each hangs on the seed and on the request's number
// since the start alone, so the same run meets the same ones.
type chaos struct {
	seed     uint64
	requests atomic.Uint64
}

// newChaos is nil where the fault is off.
func (f faults) newChaos() *chaos {
	if !f.on(faultChaos) {
		return nil
	}
	return &chaos{seed: uint64(f[faultChaos].Load())}
}

// next is the trouble of the next request of a kind, or nil.
func (c *chaos) next(kind string) *trouble {
	if c == nil || kind != kindService {
		return nil
	}
	return troubleOf(c.seed, c.requests.Add(1))
}

func troubleOf(seed, number uint64) *trouble {
	drawn := rand.New(rand.NewPCG(seed, number)).IntN(100)
	for _, t := range troubles {
		if drawn -= t.percent; drawn < 0 {
			t.number, t.pause = number, chaosSilence
			return &t
		}
	}
	return nil
}

// strike is the error to answer with. It does not return when the connection is to end.
func (t *trouble) strike(s *Server, hr *http.Request) error {
	s.opts.Log.Info("chaos", "number", t.number, "method", hr.Method, "path", hr.URL.Path, "trouble", t.name)
	if t.refusal != nil {
		return t.refusal
	}
	if t.silence {
		select {
		case <-hr.Context().Done():
		case <-time.After(t.pause):
		}
	}
	panic(http.ErrAbortHandler) // the way to close a connection without an answer
}
