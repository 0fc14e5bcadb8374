package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
)

// place is a store and a Temporal that keep what they are given, or do not.
type place struct {
	Taker
	mu    sync.Mutex
	away  error         // what it answers; nil: it takes
	hangs chan struct{} // closed: it answers; nil: at once
	bad   string        // a score name that it refuses
	took  []scoring.Record
	calls int
}

func (p *place) set(away error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

func (p *place) called() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func (p *place) take(ctx context.Context, records []scoring.Record) error {
	p.mu.Lock()
	hangs := p.hangs
	p.calls++
	p.mu.Unlock()
	if hangs != nil {
		select {
		case <-hangs:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range records {
		if p.bad != "" && r.Name == p.bad {
			return scoring.Invalid("name", "%q", r.Name)
		}
	}
	if p.away == nil {
		p.took = append(p.took, records...)
	}
	return p.away
}

func (p *place) Record(ctx context.Context, records []scoring.Record) error {
	return p.take(ctx, records)
}

func (p *place) Assign(ctx context.Context, a scoring.Assignment) (scoring.Assignment, error) {
	a.Variant = "kept"
	return a, p.take(ctx, nil)
}

func (p *place) start(ctx context.Context, batches []Batch) []error {
	errs := make([]error, len(batches))
	for i, b := range batches {
		errs[i] = p.take(ctx, b.Records)
	}
	return errs
}

// names are the score names that p took, in order, by run.
func (p *place) names() map[string][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := map[string][]string{}
	for _, r := range p.took {
		names[r.Run.WorkflowID] = append(names[r.Run.WorkflowID], r.Name)
	}
	return names
}

// to returns a recorder with a worker that goes by temporal, until the test ends.
func to(t require.TestingT, s Taker, temporal *place) *Recorder {
	r := &Recorder{Store: s}
	r.Began("worker", nil)
	if temporal != nil {
		r.queue.add(&link{namespace: "ns", start: temporal.start})
	}
	return r
}

func says(run, name string) Batch {
	return Batch{Records: []scoring.Record{{Score: scoring.Score{Name: name}, Run: scoring.Run{Namespace: "ns", WorkflowID: run, RunID: "r"}}}}
}

func closed(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		require.Fail(t, "it was never closed")
	}
}

func TestOffer(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	t.Run("the store takes it and says what it keeps", func(t *testing.T) {
		s, temporal := &place{}, &place{}
		r := to(t, s, temporal)
		o := r.Offer(t.Context(), Batch{Assignment: &scoring.Assignment{Variant: "a", Run: scoring.Run{Namespace: "ns"}}})
		closed(t, o.Done())
		kept, ok := o.Kept()
		require.True(t, ok)
		require.Equal(t, "kept", kept.Variant)
		require.False(t, o.Withdraw())
		r.Ended("worker")
		require.Zero(t, temporal.calls)
	})
	t.Run("a store that is away is handed over beside, and asked seldom", func(t *testing.T) {
		s, temporal := &place{away: away}, &place{}
		r := to(t, s, temporal)
		for i := range 100 {
			o := r.Offer(t.Context(), says("run", fmt.Sprint(i)))
			closed(t, o.Done())
			_, ok := o.Kept()
			require.False(t, ok)
		}
		r.Ended("worker")
		require.Len(t, temporal.names()["run"], 100)
		require.Less(t, s.calls, 30)
	})
	t.Run("what nobody takes is said at once, waits, and may be withdrawn", func(t *testing.T) {
		temporal := &place{away: away}
		r := to(t, nil, temporal)
		first := r.Offer(t.Context(), says("run", "first"))
		closed(t, first.Refused())
		second, third := r.Offer(t.Context(), says("run", "second")), r.Offer(t.Context(), says("run", "third"))
		closed(t, second.Refused())
		require.True(t, second.Withdraw())
		require.True(t, second.Withdraw())
		require.False(t, first.Withdraw())
		temporal.set(nil)
		closed(t, first.Done())
		closed(t, third.Done())
		r.Ended("worker")
		require.Equal(t, []string{"first", "third"}, temporal.names()["run"])
	})
	t.Run("what does not fit is refused at once", func(t *testing.T) {
		temporal := &place{hangs: make(chan struct{})}
		r := to(t, nil, temporal)
		r.MaxPending = 5000
		fits := r.Offer(t.Context(), says("run", "fits"))
		not := r.Offer(t.Context(), says("run", strings.Repeat("x", 5000)))
		closed(t, not.Refused())
		require.False(t, not.Withdraw())
		close(temporal.hangs)
		closed(t, fits.Done())
		r.Ended("worker")
		require.Zero(t, r.queue.bytes)
		require.Len(t, temporal.took, 1)
	})
	t.Run("what waits travels together, and one that is refused alone", func(t *testing.T) {
		temporal := &place{away: away, bad: "bad"}
		r := to(t, nil, temporal)
		var all []*Offer
		for i := range 1000 {
			all = append(all, r.Offer(t.Context(), says(fmt.Sprint("run", i%400), fmt.Sprint(i))))
			if i == 0 {
				closed(t, all[0].Refused()) // from here on there is one that tries, for all
			}
		}
		bad := r.Offer(t.Context(), says("run", "bad"))
		before := temporal.called()
		temporal.set(nil)
		for _, o := range all {
			closed(t, o.Done())
		}
		r.Ended("worker")
		require.Len(t, temporal.took, 1000)
		require.Less(t, temporal.called()-before, 100)
		require.Equal(t, lost, bad.state)
	})
	t.Run("the last worker's end gives up what nobody takes", func(t *testing.T) {
		temporal := &place{away: away}
		r := to(t, nil, temporal)
		r.Began("other", nil)
		o := r.Offer(t.Context(), says("run", "s"))
		closed(t, o.Refused())
		r.queue.mu.Lock()
		delete(r.queue.workers, "other")
		r.queue.mu.Unlock()
		r.Ended("worker")
		require.Equal(t, lost, o.state)
		require.Zero(t, r.queue.count)
	})
	t.Run("a client that comes later", func(t *testing.T) {
		r := to(t, nil, nil)
		require.False(t, r.Ready("ns"))
		o := r.Offer(t.Context(), says("run", "s"))
		closed(t, o.Refused())
		temporal := &place{}
		r.queue.mu.Lock()
		l := r.queue.named("ns")
		l.start = temporal.start
		l.wakeAll()
		r.queue.mu.Unlock()
		closed(t, o.Done())
		require.True(t, r.Ready("ns"))
		r.Ended("worker")
	})
	t.Run("a store that does not heed its context", func(t *testing.T) {
		s, temporal := &deaf{until: make(chan struct{})}, &place{}
		r := to(t, s, temporal)
		for i := range 200 {
			closed(t, r.Offer(t.Context(), says(fmt.Sprint("run", i), "s")).Done())
		}
		close(s.until)
		r.Ended("worker")
		require.Len(t, temporal.took, 200)
	})
}

type deaf struct {
	Taker
	until chan struct{}
}

func (d *deaf) Record(context.Context, []scoring.Record) error {
	<-d.until
	return errors.New("too late")
}

// Whatever becomes of store and Temporal meanwhile, each offer is written, once for each place that took it, in the order
// in which its run made it, or was withdrawn and never is.
func TestOffersOfARunStayInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		away := errors.New("away")
		s, temporal := &place{}, &place{}
		var r *Recorder
		if rapid.Bool().Draw(t, "store") {
			r = to(t, s, temporal)
		} else {
			r = to(t, nil, temporal)
		}
		want := map[string][]string{}
		var all []*Offer
		for i := range rapid.IntRange(1, 60).Draw(t, "n") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				s.set(away)
			case 1:
				s.set(nil)
			case 2:
				temporal.set(away)
			case 3:
				temporal.set(nil)
			default:
				run, name := fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "run")), fmt.Sprint(i)
				o := r.Offer(context.Background(), says(run, name))
				if rapid.IntRange(0, 4).Draw(t, "withdraw") == 0 && o.Withdraw() {
					continue
				}
				want[run] = append(want[run], name)
				all = append(all, o)
			}
		}
		s.set(nil)
		temporal.set(nil)
		for _, o := range all {
			select {
			case <-o.Done():
			case <-time.After(time.Minute):
				require.Fail(t, "an offer was never written")
			}
		}
		r.Ended("worker")
		got := temporal.names()
		for run, names := range s.names() {
			got[run] = append(got[run], names...)
		}
		for run := range got {
			require.True(t, slices.IsSortedFunc(temporal.names()[run], byNumber), temporal.names()[run])
			require.True(t, slices.IsSortedFunc(s.names()[run], byNumber), s.names()[run])
			slices.SortFunc(got[run], byNumber)
		}
		require.Equal(t, want, got)
	})
}

func byNumber(a, b string) int {
	if d := len(a) - len(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

func TestSaidIsStrictlyIncreasing(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var all []time.Time
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var mine []time.Time
			for range 2000 {
				mine = append(mine, Said())
			}
			require.True(t, slices.IsSortedFunc(mine, time.Time.Compare))
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
	}
	wg.Wait()
	slices.SortFunc(all, time.Time.Compare)
	require.Len(t, slices.CompactFunc(all, time.Time.Equal), 16000)
	require.Equal(t, all[0], all[0].Truncate(time.Microsecond))
}
