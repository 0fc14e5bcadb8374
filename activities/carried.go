package activities

import (
	"sync"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Limits of what a run carries. Carrying is a help against a worker that is killed, and must never be what stops a run: a
// command that is too large fails the run's task, or ends the run.
const (
	carriedPart     = 250_000 // bytes of JSON: a codec that we cannot see may make eight of one
	maxCarriedParts = 100
	maxCarriedBytes = 1 << 20        // of JSON: to split more takes longer than the run's task has
	maxCarriedTries = 3              // of one run's task, by one worker: what fails for a reason that we do not see is not tried for ever
	carriedFor      = 24 * time.Hour // a tried run is remembered
)

// carriage is what a recorder knows of the runs that carry something.
type carriage struct {
	mu     sync.Mutex
	growth float64 // how many bytes the data converter makes of one of JSON, at most; 0: as many
	tries  map[carriedFlush]carriedTries
}

type carriedFlush struct {
	run     scoring.Run
	ordinal int64
}

type carriedTries struct {
	n  int
	at time.Time
}

// Grows says how many bytes the worker's data converter makes of a byte of JSON. The largest counts.
func (r *Recorder) Grows(by float64) {
	r.carried.mu.Lock()
	defer r.carried.mu.Unlock()
	r.carried.growth = max(r.carried.growth, by)
}

// Carried is in how many parts a run may carry a flush, which was offered; 0 means that it may not, and that this worker alone has it.
func (r *Recorder) Carried(f scoring.Flush, others []scoring.Record, offered []*Offer) int {
	bytes := int64(0)
	for _, o := range offered {
		bytes += o.size
	}
	if bytes > maxCarriedBytes {
		return 0
	}
	c := &r.carried
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.parts(f, others))
	if n > maxCarriedParts {
		return 0
	}
	now := time.Now()
	for which, t := range c.tries {
		if now.Sub(t.at) > carriedFor {
			delete(c.tries, which)
		}
	}
	which := carriedFlush{f.Facts.Run, f.Ordinal}
	t := carriedTries{n: c.tries[which].n + 1, at: now}
	if t.n > maxCarriedTries {
		return 0
	}
	if c.tries == nil {
		c.tries = map[carriedFlush]carriedTries{}
	}
	c.tries[which] = t
	return n
}

// Untaken returns the parts of a flush that was not taken: as many as the history says, though a replay may have other ones.
func (r *Recorder) Untaken(flushed Flushed, f scoring.Flush, others []scoring.Record) []Batch {
	if flushed.Untaken == 0 {
		return nil
	}
	r.carried.mu.Lock()
	defer r.carried.mu.Unlock()
	untaken := make([]Batch, flushed.Untaken)
	copy(untaken, r.carried.parts(f, others))
	return untaken
}

// parts are a flush in parts that the server takes each, once the data converter has made more of them. c is locked.
func (c *carriage) parts(f scoring.Flush, others []scoring.Record) (all []Batch) {
	most := int(carriedPart / max(1, c.growth))
	for _, b := range Batches(f, others) {
		all = append(all, b.split(most)...)
	}
	return all
}
