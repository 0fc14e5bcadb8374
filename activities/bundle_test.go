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

	"github.com/verdict-dev/verdict/scoring"
)

// road is a Temporal that keeps what each hand-over had.
type road struct {
	place
	mu    sync.Mutex
	sizes []int
}

func (r *road) start(ctx context.Context, batches []Batch) []error {
	errs := r.place.start(ctx, batches)
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(errs, nil) {
		r.sizes = append(r.sizes, len(batches))
	}
	return errs
}

// bundling returns a recorder that goes by a road on which bundles travel, with a pause between them that never ends.
func bundling(t *testing.T, s Taker, by *road) *Recorder {
	r := &Recorder{Store: s, Gather: time.Hour}
	r.Began("worker", nil)
	r.queue.add(&link{namespace: "ns", start: by.start, bundles: func(context.Context) bool { return true }})
	t.Cleanup(func() { r.Ended("worker") })
	return r
}

func ends(run string) Batch {
	return Batch{Flush: &scoring.Flush{Facts: scoring.RunFacts{Run: scoring.Run{Namespace: "ns", WorkflowID: run, RunID: "r"}}}}
}

// The first write goes at once, and a bundle with the rest once it is full. A worker that stops waits for no company.
func TestBundles(t *testing.T) {
	t.Parallel()
	by := &road{}
	r := bundling(t, nil, by)
	closed(t, r.Offer(t.Context(), ends("first")).Done())
	var all []*Offer
	for i := range 2*MaxBundle + 50 {
		b := ends(fmt.Sprint(i))
		if i%3 == 0 {
			b = says(fmt.Sprint(i), "s")
		}
		all = append(all, r.Offer(t.Context(), b))
	}
	for _, o := range all[:2*MaxBundle] {
		closed(t, o.Done())
	}
	require.Equal(t, []int{1, MaxBundle, MaxBundle}, by.sizes)
	last := all[len(all)-1]
	select {
	case <-last.Done():
		require.Fail(t, "it goes before its time")
	default:
	}
	require.True(t, last.Withdraw(), "what waits for company may be withdrawn")
	r.Drain()
	for _, o := range all[:len(all)-1] {
		closed(t, o.Done())
	}
	require.Equal(t, []int{1, MaxBundle, MaxBundle, 49}, by.sizes)
}

// Sizes count as they are encoded: control characters take six bytes each.
func TestBundlesHaveRoom(t *testing.T) {
	t.Parallel()
	by := &road{}
	r := bundling(t, nil, by)
	closed(t, r.Offer(t.Context(), ends("first")).Done())
	var all []*Offer
	for i := range 9 {
		b := says(fmt.Sprint(i), strings.Repeat("\x01", 20<<10)) // 120 KB
		all = append(all, r.Offer(t.Context(), b))
	}
	for _, o := range all[:8] {
		closed(t, o.Done())
	}
	require.Equal(t, []int{1, 4, 4}, by.sizes)
	for _, b := range pack([]Batch{all[0].batch, all[1].batch, all[2].batch, all[3].batch, all[4].batch}, MaxBundleBytes) {
		require.LessOrEqual(t, Size(b.Bundle), MaxBundleBytes+100)
	}
}

// While the store is away what goes by Temporal goes in bundles too; a store that answers is asked at once.
func TestBundlesWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	s, by := &place{away: errors.New("away")}, &road{}
	r := bundling(t, s, by)
	r.breaker.Pause, r.breaker.Longest = time.Hour, time.Hour
	closed(t, r.Offer(t.Context(), says("first", "s")).Done())
	var all []*Offer
	for i := range MaxBundle {
		all = append(all, r.Offer(t.Context(), says(fmt.Sprint(i), "s")))
	}
	for _, o := range all {
		closed(t, o.Done())
	}
	require.Equal(t, []int{1, MaxBundle}, by.sizes)
	require.Equal(t, 1, s.called())
}

// While the link is down one bundle tries it, and what waits behind it may be withdrawn.
func TestBundlesInAnOutage(t *testing.T) {
	t.Parallel()
	by := &road{place: place{hangs: make(chan struct{}), away: errors.New("away")}}
	r := bundling(t, nil, by)
	first := r.Offer(t.Context(), says("first", "s"))
	l := r.queue.links[0]
	when := func(is func() bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			r.queue.mu.Lock()
			defer r.queue.mu.Unlock()
			return is()
		}, 20*time.Second, time.Millisecond)
	}
	when(func() bool { return first.state == underWay })
	all := []*Offer{r.Offer(t.Context(), says("second", "s"))}
	when(func() bool { return l.gathering })
	close(by.hangs)
	closed(t, first.Refused())
	for i := range 5 * MaxBundle {
		all = append(all, r.Offer(t.Context(), says(fmt.Sprint(i), "s")))
	}
	when(func() bool { return l.lanes == 1 })
	for _, o := range all[MaxBundle:] {
		require.True(t, o.Withdraw())
	}
	by.set(nil)
	closed(t, first.Done())
	for _, o := range all[:MaxBundle] {
		closed(t, o.Done())
	}
}

// steady is a store that takes its time for each write.
type steady struct{ place }

func (s *steady) Record(ctx context.Context, records []scoring.Record) error {
	select {
	case <-time.After(20 * time.Millisecond):
		return s.place.Record(ctx, records)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A store that is back is known to be, also if it takes long for all of a bundle.
func TestAStoreIsBackWithABundle(t *testing.T) {
	t.Parallel()
	s, by := &steady{place{away: errors.New("away")}}, &road{}
	r := bundling(t, s, by)
	r.breaker.Pause, r.breaker.Longest = 1, 1
	closed(t, r.Offer(t.Context(), says("first", "s")).Done())
	s.set(nil)
	var all []*Offer
	for i := range MaxBundle {
		all = append(all, r.Offer(t.Context(), says(fmt.Sprint(i), "s")))
	}
	for _, o := range all {
		closed(t, o.Done())
	}
	require.False(t, r.breaker.Open())
	require.Len(t, s.names(), MaxBundle)
	require.Equal(t, []int{1}, by.sizes)
}

// One that is refused fails no other.
func TestABundleOfWhichOneIsRefused(t *testing.T) {
	t.Parallel()
	by := &road{place: place{bad: "bad"}}
	r := bundling(t, nil, by)
	closed(t, r.Offer(t.Context(), says("first", "s")).Done())
	var all []*Offer
	for i := range MaxBundle {
		name := "good"
		if i == 7 {
			name = "bad"
		}
		all = append(all, r.Offer(t.Context(), says(fmt.Sprint(i), name)))
	}
	for i, o := range all {
		if i == 7 {
			closed(t, o.Refused())
			continue
		}
		closed(t, o.Done())
	}
	r.Drain()
	require.Equal(t, lost, all[7].state)
	require.Len(t, by.took, MaxBundle)
	require.Equal(t, []int{1, MaxBundle}, by.sizes, "nobody is handed over again")
}

// One that a store refuses is handed over, so that it is in the ledger, and no other is.
func TestABundleOfWhichTheStoreRefusesOne(t *testing.T) {
	t.Parallel()
	s, by := &place{away: errors.New("away"), bad: "bad"}, &road{}
	r := bundling(t, s, by)
	r.breaker.Pause, r.breaker.Longest = 1, 1
	closed(t, r.Offer(t.Context(), says("first", "s")).Done())
	s.set(nil)
	var all []*Offer
	for i := range MaxBundle {
		name := "good"
		if i%50 == 7 {
			name = "bad"
		}
		all = append(all, r.Offer(t.Context(), says(fmt.Sprint(i), name)))
	}
	for _, o := range all {
		closed(t, o.Done())
	}
	require.Len(t, s.names(), MaxBundle-2)
	require.Equal(t, []int{1, 2}, by.sizes)
}

func TestIDOfABundle(t *testing.T) {
	t.Parallel()
	a, b := Bundle{[]Batch{says("1", "a"), says("2", "b")}}, Bundle{[]Batch{says("2", "b"), says("1", "a")}}
	one, err := a.ID()
	require.NoError(t, err)
	again, err := Bundle{[]Batch{says("1", "a"), says("2", "b")}}.ID()
	require.NoError(t, err)
	other, err := b.ID()
	require.NoError(t, err)
	require.Equal(t, one, again)
	require.NotEqual(t, one, other)
	require.Len(t, pack(a.Batches, MaxBundleBytes)[0].halves(), 2)
	require.Len(t, pack(a.Batches[:1], MaxBundleBytes)[0].halves(), 1)
}
