package storeworker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/verdict-dev/verdict/store"
)

// How often the worker does its upkeep, and how long it may take.
const (
	tellEvery  = 2 * time.Second
	closeEvery = time.Second
	foldEvery  = 2 * time.Second
	heldEvery  = 15 * time.Second
	missEvery  = 15 * time.Second
	pruneEvery = time.Hour
	taskLimit  = 10 * time.Minute
)

// heldFor is how long a score about a key waits for a run to declare it: a run may be open for weeks.
const heldFor = 30 * 24 * time.Hour

// task is something that is done again and again.
type task struct {
	what  string
	every time.Duration
	do    func(context.Context) error
	wake  <-chan struct{} // does it at once; nil: nothing does
}

// upkeep does tasks until it is stopped. Every replica does them; a task that another replica has done has no work
// left.
type upkeep struct {
	cancel context.CancelFunc
	all    sync.WaitGroup
}

func startUpkeep(log *slog.Logger, tasks []task) *upkeep {
	ctx, cancel := context.WithCancel(context.Background())
	u := &upkeep{cancel: cancel}
	for _, t := range tasks {
		u.all.Go(func() { t.run(ctx, log) })
	}
	return u
}

// stop waits until nothing is under way.
func (u *upkeep) stop() {
	u.cancel()
	u.all.Wait()
}

func (t task) run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	failing := false
	for {
		limited, cancel := context.WithTimeout(ctx, taskLimit)
		err := t.do(limited)
		cancel()
		if err != nil && ctx.Err() == nil && !failing { // once until it works again
			log.Warn("it failed and is tried again", "task", t.what, "every", t.every, "error", err)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-t.wake:
		case <-ctx.Done():
			return
		}
	}
}

// Keep says how long the worker keeps data that it may delete; 0: for ever.
type Keep struct {
	// Requests are the idempotency keys of the API.
	Requests time.Duration
	// Rejections are the refused deliveries of the ledger.
	Rejections time.Duration
}

// tasksOf returns the tasks for a store.
func tasksOf(s store.Store, keep Keep, d delivery, units *sealer) []task {
	f := newFollower(s, atServer{d.temporal, d.namespace}, d.namespace)
	return []task{
		{what: "begin the scorers of runs that have closed", every: followEvery, do: f.work},
		{what: "signal scorers about outcomes that the store has", every: tellEvery, do: d.tell, wake: d.wake},
		{what: "write the scores that time has decided", every: closeEvery, do: func(ctx context.Context) error {
			_, err := s.CloseDue(ctx)
			return err
		}},
		{what: "add up counts", every: foldEvery, do: func(ctx context.Context) error {
			_, err := s.FoldCounts(ctx)
			return err
		}},
		{what: "seal units whose windows have passed", every: sealEvery, do: units.seal},
		{what: "match outcomes that an earlier release has received", every: missEvery, do: missed(s)},
		{what: "record held scores whose keys runs have declared", every: heldEvery, do: func(ctx context.Context) error {
			_, err := s.ReleaseHeld(ctx)
			return err
		}},
		{what: "delete old requests and rejections", every: pruneEvery, do: func(ctx context.Context) error {
			_, err := s.ExpireHeld(ctx, time.Now().Add(-heldFor))
			return errors.Join(err, old(ctx, s.PruneRequests, keep.Requests), old(ctx, s.PruneRejections, keep.Rejections))
		}},
	}
}

// missed matches what workers of an earlier release have received. Each call goes back to the call before the last: outcomes that were
// received at the same time may become known in another order.
func missed(s store.Correlator) func(context.Context) error {
	var before, last int64
	return func(ctx context.Context) error {
		next, err := s.MatchMissed(ctx, before)
		if err == nil {
			before, last = last, next
		}
		return err
	}
}

// old deletes rows older than an age.
func old(ctx context.Context, prune func(context.Context, time.Time) (int, error), age time.Duration) error {
	if age == 0 {
		return nil
	}
	_, err := prune(ctx, time.Now().Add(-age))
	return err
}
