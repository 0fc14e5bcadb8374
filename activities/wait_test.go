package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

func drawWait(t *rapid.T, run scoring.Run, i int) scoring.Expectation {
	at := time.Unix(1_700_000_000, 0).UTC()
	rule := scoring.Rule{Need: scoring.NeedAny, End: scoring.ExpiresFalse, Events: []scoring.RuleEvent{
		{Event: scoring.Event{Name: "happened", Key: "k" + nasty(scoring.MaxKey-1).Draw(t, "event")}, Means: scoring.BoolValue(true)},
	}}
	return scoring.Expectation{
		Scorer: "s", ScorerVersion: "1", Events: rule.All(), Rule: &rule, Call: fmt.Sprint(i + 1), Place: 3, Run: run, At: at,
		Window: scoring.Window{Since: at, Until: at.Add(time.Hour)},
	}
}

// A flush with declared scorers is handed over whole: what has no room in its first part is named there and follows. Anything
// with declared scorers goes by a name that no older worker knows.
func TestWaitsAreHandedOverWhole(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	rapid.Check(t, func(t *rapid.T) {
		f := drawFlush(t, 8)
		var want []string
		for i := range rapid.IntRange(0, 40).Draw(t, "waits") {
			e := drawWait(t, f.Facts.Run, i)
			require.NoError(t, e.Validate())
			f.Waits, want = append(f.Waits, e), append(want, e.Identity())
		}
		parts := Batch{Flush: &f}.split(most)
		var named, came []string
		scores := 0
		for i, b := range parts {
			require.Equal(t, b.recordWorkflow() == WaitWorkflow, b.waits())
			part := b.Flush
			if i > 0 {
				require.LessOrEqual(t, payload(t, b), most)
				whole := b.flush()
				part = &whole
				require.True(t, part.Partial)
			} else {
				require.Equal(t, len(f.Waits) > 0, b.waits(), "an older worker must not take the first part")
				named = b.Flush.Elsewhere
			}
			scores += len(part.Records)
			for _, e := range part.Waits {
				came = append(came, e.Identity())
			}
		}
		require.True(t, slices.Equal(want, came))
		require.Equal(t, len(f.Records), scores)
		left := len(f.Waits) - len(parts[0].Flush.Waits)
		require.Len(t, named, left+len(f.Records)-len(parts[0].Flush.Records))
		require.True(t, slices.Equal(want[len(want)-left:], named[len(named)-left:]))

		var chunked []string
		for _, b := range (Batch{Waits: f.Waits}).split(most) {
			require.LessOrEqual(t, payload(t, b), most)
			for _, e := range b.Waits {
				chunked = append(chunked, e.Identity())
			}
		}
		require.True(t, slices.Equal(want, chunked))
	})
}

// Declared scorers of many runs travel together, and never with scores: every release understands those.
func TestWaitsTravelTogether(t *testing.T) {
	t.Parallel()
	waits := func(call string) Batch {
		return Batch{Waits: []scoring.Expectation{{Scorer: "s", Call: call, Run: scoring.Run{Namespace: "ns", WorkflowID: call, RunID: "r"}}}}
	}
	require.True(t, waits("1").merges(waits("2")))
	require.True(t, says("1", "a").merges(says("2", "b")))
	require.False(t, waits("1").merges(says("2", "b")))
	require.False(t, says("1", "a").merges(waits("2")))
	require.False(t, waits("1").merges(Batch{Flush: &scoring.Flush{}}))
	g := &group{offers: []*Offer{{batch: waits("1")}, {batch: waits("2")}}}
	require.Len(t, g.merged().Waits, 2)
	run, _ := waits("1").run()
	require.Equal(t, "1", run.WorkflowID)
}

// expecting is a store that keeps declared scorers.
type expecting struct {
	place
	kept []string
}

func (e *expecting) Expect(_ context.Context, x scoring.Expectation) ([]scoring.Outcome, error) {
	if x.Call == "bad" {
		return nil, scoring.Invalid("call", "it is bad")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept = append(e.kept, x.Call)
	return nil, nil
}

// Each is kept, and one that the store refuses keeps no other from it.
func TestWaitsAreKept(t *testing.T) {
	t.Parallel()
	s := &expecting{}
	r := to(t, s, nil)
	var offers []*Offer
	for _, call := range []string{"1", "bad", "2"} {
		offers = append(offers, r.Offer(t.Context(), Batch{Waits: []scoring.Expectation{{Scorer: "s", Call: call, Run: scoring.Run{Namespace: "ns", WorkflowID: call, RunID: "r"}}}}))
	}
	closed(t, offers[0].Done())
	closed(t, offers[1].Refused())
	closed(t, offers[2].Done())
	r.Ended("worker")
	require.Subset(t, s.kept, []string{"1", "2"})
	require.NotContains(t, s.kept, "bad")
}

// A history keeps what was said, without what the run knows of itself, or its identity alone.
func TestSayWaits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := drawWait(t, scoring.Run{Namespace: "n", WorkflowID: "w", RunID: "r"}, 0)
		with, without := SayWaits([]scoring.Expectation{e}, true), SayWaits([]scoring.Expectation{e}, false)
		require.Equal(t, e.Identity(), with.Waits[0].Identity)
		require.Equal(t, []SaidWait{{Identity: e.Identity()}}, without.Waits)
		back := *with.Waits[0].Wait
		require.Zero(t, back.Run)
		back.Run, back.Events = e.Run, back.Rule.All()
		require.Equal(t, e.Identity(), back.Identity())
	})
}

// The store puts a set of waits together, in any order of its parts, and withdraws what an earlier set had.
func TestPartsOfWaits(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	run := scoring.Run{Namespace: "default", WorkflowID: "w", RunID: "r"}
	wait := func(call, key string) scoring.Expectation {
		rule := scoring.Rule{Need: scoring.NeedAny, End: scoring.ExpiresFalse, Events: []scoring.RuleEvent{
			{Event: scoring.Event{Name: "happened", Key: key}, Means: scoring.BoolValue(true)},
		}}
		return scoring.Expectation{
			Scorer: "s" + call, ScorerVersion: "1", Events: rule.All(), Rule: &rule, Call: call, Place: 3, Run: run, OriginalRunID: "r", RunStartedAt: now, At: now,
			Window: scoring.Window{Since: now.Add(-time.Minute), Until: now.Add(time.Hour)},
		}
	}
	whole := scoring.Flush{Facts: scoring.RunFacts{Run: run, FirstRunID: "r", OriginalRunID: "r", WorkflowType: "T", StartedAt: now}, Sequence: 7, Ordinal: 2, At: now}
	for i := range 12 {
		whole.Waits = append(whole.Waits, wait(fmt.Sprint(i), strings.Repeat("k", 200)))
		whole.Records = append(whole.Records, scoring.Record{Score: scoring.Bool(fmt.Sprint(i), true), Run: run, OriginalRunID: "r", Source: scoring.FromWorkflow})
	}
	earlier := whole
	earlier.Sequence, earlier.Ordinal, earlier.Records, earlier.Waits = 4, 1, nil, []scoring.Expectation{wait("phantom", "other"), whole.Waits[3]}
	rapid.Check(t, func(rt *rapid.T) {
		s, err := sqlite.Open(t.Context(), ":memory:")
		require.NoError(rt, err)
		defer func() { _ = s.Close() }()
		batches := append(Batch{Flush: &whole}.split(4<<10), Batch{Flush: &earlier}, Batch{Waits: earlier.Waits})
		require.Greater(rt, len(batches), 5)
		for _, b := range rapid.Permutation(batches).Draw(rt, "order") {
			_, err := b.Apply(t.Context(), s)
			require.NoError(rt, err)
		}
		waiting, err := s.Waiting(t.Context(), now.Add(time.Hour))
		require.NoError(rt, err)
		var got, want []string
		for _, e := range waiting {
			got = append(got, e.Call)
		}
		for _, e := range whole.Waits {
			want = append(want, e.Call)
		}
		require.ElementsMatch(rt, want, got)
		scores, err := s.Scores(t.Context(), store.Filter{Run: run})
		require.NoError(rt, err)
		require.Len(rt, scores, 24, "12 that are scored, 12 that are pending")
	})
}

// A release that does not know categories would take such a score for one without a value, and one of a session for one of no run.
func TestLaterKindsWaitForARelease(t *testing.T) {
	t.Parallel()
	run := scoring.Run{WorkflowID: "w", RunID: "r"}
	plain := []scoring.Record{scoring.NewRecord(scoring.Bool("ok", true), scoring.FromWorkflow, run, scoring.Step{}, time.Unix(0, 0))}
	named := append(plain, scoring.NewRecord(scoring.MustCategories("intent", "refund").Score("refund"), scoring.FromWorkflow, run, scoring.Step{}, time.Unix(0, 0)))
	ofSession := scoring.NewRecord(scoring.Bool("ok", true), scoring.FromClient, scoring.Run{}, scoring.Step{}, time.Unix(0, 0))
	ofSession.Session = scoring.Session{Key: "customer", ID: "42"}
	for want, batches := range map[string][]Batch{
		RecordWorkflow: {{Records: plain}, {Flush: &scoring.Flush{Records: plain}}, {Part: &scoring.Flush{}, Records: plain}},
		WaitWorkflow:   {{Records: []scoring.Record{ofSession}}, {Records: named}, {Flush: &scoring.Flush{Records: named}}, {Part: &scoring.Flush{}, Records: named}},
	} {
		for _, b := range batches {
			require.Equal(t, want, b.recordWorkflow(), "%+v", b)
		}
	}
}
