package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var declaredTests = []namedTest{
	{"an outcome decides at once", func(t *testing.T, b bench) {
		e := declaredFor(freshRun(), "k", ifPaid)
		b.expect(t, e)
		require.Equal(t, []string{"paid:pending"}, b.current(t, e.Run))
		require.Empty(t, b.receive(t, b.now("o", "paid", "k")), "no scorer is to be signaled")
		require.Equal(t, []string{"paid=true"}, b.current(t, e.Run))
		require.Equal(t, store.Matched, b.ledger(t)["o"].State)
		waiting, err := b.Waiting(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Empty(t, waiting)
		require.Equal(t, []string{"o"}, b.expect(t, e))
		b.receive(t, b.now("o", "paid", "k"))
		require.Equal(t, []string{"paid=true"}, b.current(t, e.Run), "a repetition changes nothing")
		all, err := b.Scores(t.Context(), store.Filter{Run: e.Run, History: true})
		require.NoError(t, err)
		require.Len(t, all, 2)
	}},
	{"an outcome that came first decides", func(t *testing.T, b bench) {
		e := declaredFor(freshRun(), "k", ifPaid)
		b.receive(t, b.now("o", "paid", "k"))
		b.expect(t, e)
		require.Equal(t, []string{"paid=true"}, b.current(t, e.Run))
	}},
	{"to match an outcome again changes nothing", func(t *testing.T, b bench) {
		e := declaredFor(freshRun(), "k", ifPaid)
		child := expectation(freshRun(), "k")
		child.Events[0].Name = e.Events[0].Name
		b.expect(t, e)
		b.expect(t, child)
		o := b.now("o", "paid", "k")
		b.receive(t, o)
		require.Equal(t, []string{"paid=true"}, b.current(t, e.Run))
		next, err := b.MatchMissed(t.Context(), 0)
		require.NoError(t, err)
		require.Positive(t, next)
		again, err := b.MatchMissed(t.Context(), next)
		require.NoError(t, err)
		require.Equal(t, next, again)
		history, err := b.Scores(t.Context(), store.Filter{Run: e.Run, History: true})
		require.NoError(t, err)
		require.Len(t, history, 2)
		require.Equal(t, 1, b.ledger(t)["o"].Deliveries)
		require.Empty(t, b.untold(t))
	}},
	{"every reader sees that a window has ended, closed or not", func(t *testing.T, b bench) {
		ended := declaredFor(freshRun(), "k", ifPaid)
		ended.Window = window(-2*time.Hour, -time.Hour)
		open := declaredFor(freshRun(), "k2", ifPaid)
		b.expect(t, ended)
		b.expect(t, open)
		look := func() {
			require.Equal(t, []string{"paid=false"}, b.current(t, ended.Run))
			require.Equal(t, []string{"paid:pending"}, b.current(t, open.Run))
			pending, err := b.Scores(t.Context(), store.Filter{States: []scoring.State{scoring.Pending}})
			require.NoError(t, err)
			require.Len(t, pending, 1)
			scored, err := b.Scores(t.Context(), store.Filter{States: []scoring.State{scoring.Scored}, Limit: 1})
			require.NoError(t, err)
			require.Len(t, scored, 1)
			waiting, err := b.Waiting(t.Context(), time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.Len(t, waiting, 1)
		}
		look()
		_, err := b.CloseDue(t.Context())
		require.NoError(t, err)
		look()
		again, err := b.CloseDue(t.Context())
		require.NoError(t, err)
		require.Zero(t, again)
	}},
	{"a window that ends is seen at once, and closed once", func(t *testing.T, b bench) {
		soon := ifPaid
		soon.Allowance = time.Millisecond
		var e scoring.Expectation
		for length := 100 * time.Millisecond; ; length *= 2 { // until it is kept before it ends
			e = declaredFor(freshRun(), "k", soon)
			e.Window.Until = time.Now().Add(length)
			if b.expect(t, e); b.current(t, e.Run)[0] == "paid:pending" {
				break
			}
		}
		require.Eventually(t, func() bool { return b.current(t, e.Run)[0] == "paid=false" }, time.Minute, 10*time.Millisecond)
		for _, due := range []bool{true, false} {
			closed, err := b.CloseDue(t.Context())
			require.NoError(t, err)
			require.Equal(t, due, closed > 0)
			require.Equal(t, []string{"paid=false"}, b.current(t, e.Run))
		}
		all, err := b.Scores(t.Context(), store.Filter{Run: e.Run, History: true})
		require.NoError(t, err)
		require.Len(t, all, 2)
	}},
	{"what happened in time and arrives late corrects nothing, in either order", func(t *testing.T, b bench) {
		for _, first := range []bool{true, false} {
			e := declaredFor(freshRun(), fresh("k"), ifPaid)
			e.Window = window(-2*time.Hour, -time.Hour)
			late := b.now(fresh("o"), "paid", e.Events[0].Key)
			late.ObservedAt = time.Now().Add(-90 * time.Minute)
			inTime := late
			inTime.ID, inTime.ReceivedAt = fresh("o"), late.ObservedAt.Add(time.Minute)
			if first {
				b.receive(t, late)
			}
			b.expect(t, e)
			_, err := b.CloseDue(t.Context())
			require.NoError(t, err)
			b.receive(t, late)
			require.Equal(t, []string{"paid=false"}, b.current(t, e.Run))
			require.Equal(t, store.Late, b.ledger(t)[late.ID].State)
			b.receive(t, inTime) // Temporal has carried it meanwhile
			require.Equal(t, []string{"paid=true"}, b.current(t, e.Run))
		}
	}},
	{"a phantom of a refused task goes with the flush", func(t *testing.T, b bench) {
		r := freshRun()
		phantom, real := declaredFor(r, "a", ifPaid), declaredFor(r, "b", ifPaid)
		phantom.At = real.At.Add(-time.Second)
		b.expect(t, phantom)
		b.receive(t, b.now("o1", "paid", "a"))
		require.Equal(t, []string{"paid=true"}, b.current(t, r))
		b.flush(t, waits(r, 10, real))
		require.Equal(t, []string{"paid:pending"}, b.current(t, r))
		require.Equal(t, store.Unclaimed, b.ledger(t)["o1"].State)
		b.expect(t, phantom)
		late := declaredFor(r, "c", ifPaid) // of the refused task as well, and arrives only now
		late.At, late.Call = phantom.At, "2"
		b.expect(t, late)
		b.receive(t, b.now("o2", "paid", "c"))
		require.Equal(t, []string{"paid:pending"}, b.current(t, r))
		b.receive(t, b.now("o3", "paid", "b"))
		require.Equal(t, []string{"paid=true"}, b.current(t, r))
		b.flush(t, waits(r, 20))
		require.Empty(t, b.current(t, r), "the run's code names nothing any more")
	}},
	{"the flush of a refused task says nothing of the task after it, in any order", func(t *testing.T, b bench) {
		for order := range 24 {
			r, key := freshRun(), fresh("k")
			phantom, real, later := declaredFor(r, key, ifPaid), declaredFor(r, key, ifPaid), declaredFor(r, fresh("k"), ifPaid)
			later.Call, later.Scorer = "2", "shipped"
			phantom.At, phantom.Window.Until = real.At.Add(-time.Second), real.Window.Until.Add(-time.Second)
			refused, middle := waits(r, 10, phantom), waits(r, 10, real) // the second in the same task as later, before that
			refused.At, middle.At = phantom.At, real.At
			middle.Ordinal = 1
			last := waits(r, 20, real, later)
			steps := []func(){
				func() { b.expect(t, real); b.expect(t, later) }, func() { b.flush(t, refused) }, func() { b.flush(t, middle) }, func() { b.flush(t, last) },
			}
			b.expect(t, phantom)
			b.receive(t, b.now(fresh("o"), "paid", key))
			for left := order; len(steps) > 0; {
				i := left % len(steps)
				left /= len(steps)
				steps[i]()
				steps = slices.Delete(steps, i, i+1)
			}
			require.Equal(t, []string{"paid=true", "shipped:pending"}, b.current(t, r), "order %d", order)
			b.receive(t, b.now(fresh("o"), "paid", later.Events[0].Key))
			require.Equal(t, []string{"paid=true", "shipped=true"}, b.current(t, r), "order %d", order)
		}
	}},
	{"a withdrawn expectation gives its outcome to the run that is next", func(t *testing.T, b bench) {
		first, second := declaredFor(freshRun(), "k", ifPaid), declaredFor(freshRun(), "k", ifPaid)
		first.Attribution, second.Attribution = scoring.AttributeLast, scoring.AttributeLast
		second.RunStartedAt = first.RunStartedAt.Add(time.Minute)
		b.expect(t, first)
		b.expect(t, second)
		b.receive(t, b.now("o", "paid", "k"))
		require.Equal(t, []string{"paid:pending"}, b.current(t, first.Run))
		require.Equal(t, []string{"paid=true"}, b.current(t, second.Run))
		b.flush(t, waits(second.Run, 20))
		require.Equal(t, []string{"paid=true"}, b.current(t, first.Run))
		require.Empty(t, b.current(t, second.Run))
	}},
	{"a reset's flush says what holds", func(t *testing.T, b bench) {
		base := freshRun()
		reset := run(base.WorkflowID, fresh("run"))
		before, after := declaredFor(base, "k", ifPaid), declaredFor(reset, "k", ifPaid)
		after.OriginalRunID, after.RunStartedAt = base.RunID, before.RunStartedAt.Add(time.Minute)
		b.expect(t, before)
		b.receive(t, b.now("o", "paid", "k"))
		f := waits(reset, 20, after)
		f.Facts.OriginalRunID, f.Facts.StartedAt = base.RunID, after.RunStartedAt
		b.flush(t, f)
		require.Equal(t, []string{"paid=true"}, b.current(t, reset))
		require.Empty(t, b.current(t, base))
		f = waits(reset, 30)
		f.Facts.OriginalRunID, f.Facts.StartedAt = base.RunID, after.RunStartedAt
		b.flush(t, f)
		require.Empty(t, b.current(t, reset))
	}},
	{"a superseded run's flush says nothing after the flush of the one that holds", func(t *testing.T, b bench) {
		base := freshRun()
		reset := run(base.WorkflowID, fresh("run"))
		before, after := declaredFor(base, "gone", ifPaid), declaredFor(reset, "k", ifPaid)
		after.OriginalRunID, after.RunStartedAt = base.RunID, before.RunStartedAt.Add(time.Minute)
		f := waits(reset, 20, after)
		f.Facts.OriginalRunID, f.Facts.StartedAt = base.RunID, after.RunStartedAt
		b.flush(t, f)
		late := waits(base, 20, before)
		late.Facts.OriginalRunID, late.Facts.StartedAt = base.RunID, before.RunStartedAt
		b.flush(t, late)
		b.receive(t, b.now("o", "paid", "gone"))
		require.Equal(t, store.Unclaimed, b.ledger(t)["o"].State)
		require.Equal(t, []string{"paid:pending"}, b.current(t, reset))
	}},
	{"what only a superseded run waits for goes with the flush of the one that holds", func(t *testing.T, b bench) {
		base := freshRun()
		reset := run(base.WorkflowID, fresh("run"))
		gone, met := declaredFor(base, "gone", ifPaid), declaredFor(base, "met", ifPaid)
		gone.Scorer, met.Scorer = "gone", "met"
		next := declaredFor(freshRun(), "met", ifPaid)
		next.Scorer, next.Attribution, met.Attribution = met.Scorer, scoring.AttributeFirst, scoring.AttributeFirst
		next.RunStartedAt = met.RunStartedAt.Add(time.Minute)
		for _, e := range []scoring.Expectation{gone, met, next} {
			b.expect(t, e)
		}
		b.receive(t, b.now("o1", "paid", "met"))
		require.Equal(t, []string{"gone:pending", "met=true"}, b.current(t, base))
		f := waits(reset, 20)
		f.Facts.OriginalRunID, f.Facts.StartedAt = base.RunID, gone.RunStartedAt.Add(time.Minute)
		b.flush(t, f)
		b.receive(t, b.now("o2", "paid", "gone"))
		require.Equal(t, store.Unclaimed, b.ledger(t)["o2"].State)
		require.Empty(t, b.current(t, reset))
		require.Equal(t, []string{"met=true"}, b.current(t, next.Run), "the outcome is the next one's")
	}},
	{"an outcome counts in the namespaces that have received it", func(t *testing.T, b bench) {
		prod, staging := declaredFor(freshRun(), "k", ifPaid), declaredFor(freshRun(), "k", ifPaid)
		prod.Run.Namespace, staging.Run.Namespace = "prod", "staging"
		later := declaredFor(freshRun(), "k", ifPaid)
		later.Run.Namespace = "staging"
		b.expect(t, prod)
		b.expect(t, staging)
		o := b.now("o", "paid", "k")
		o.Namespace = "prod"
		b.receive(t, o)
		b.expect(t, later)
		require.Equal(t, []string{"paid=true"}, b.current(t, prod.Run))
		require.Equal(t, []string{"paid:pending"}, b.current(t, staging.Run))
		require.Equal(t, []string{"paid:pending"}, b.current(t, later.Run))
		o.Namespace = "staging"
		for range 2 {
			b.receive(t, o)
			require.Equal(t, []string{"paid=true"}, b.current(t, staging.Run))
			require.Equal(t, []string{"paid=true"}, b.current(t, later.Run))
		}
		require.Empty(t, b.ledger(t)["o"].Outcome.Namespace)
		require.Equal(t, 3, b.ledger(t)["o"].Deliveries)
	}},
	{"a predicate is a part of meeting", func(t *testing.T, b bench) {
		eur := ifPaid
		eur.Events = []scoring.RuleEvent{{Event: scoring.Event{Name: "paid", Key: "k"}, Means: scoring.BoolValue(true), Where: []scoring.Predicate{{Field: "currency", Is: scoring.Equals, Value: []byte(`"EUR"`)}}}}
		e := declaredFor(freshRun(), "k", eur)
		b.expect(t, e)
		usd := b.now("o1", "paid", "k")
		usd.Payload = []byte(`{"currency":"USD"}`)
		b.receive(t, usd)
		require.Equal(t, []string{"paid:pending"}, b.current(t, e.Run))
		require.Equal(t, store.Unclaimed, b.ledger(t)["o1"].State)
		usd.ID, usd.Payload = "o2", []byte(`{"currency":"EUR"}`)
		b.receive(t, usd)
		require.Equal(t, []string{"paid=true"}, b.current(t, e.Run))
	}},
	{"a declared scorer and a workflow of one name share an outcome by attribution", func(t *testing.T, b bench) {
		child, e := expectation(freshRun(), "k"), declaredFor(freshRun(), "k", ifPaid)
		child.Window, child.Attribution, e.Attribution = e.Window, scoring.AttributeLast, scoring.AttributeLast
		child.RunStartedAt = e.RunStartedAt.Add(-time.Minute)
		b.expect(t, child)
		require.Len(t, b.receive(t, b.now("o", "paid", "k")), 1)
		b.expect(t, e)
		require.Equal(t, []string{"paid=true"}, b.current(t, e.Run))
	}},
	{"one outcome for more than one transaction decides", func(t *testing.T, b bench) {
		const n = 450
		all := make([]scoring.Expectation, n)
		for i := range all {
			all[i] = declaredFor(freshRun(), "k", ifPaid)
			b.expect(t, all[i])
		}
		b.receive(t, b.now("o", "paid", "k"))
		scored := func() int {
			got, err := b.Scores(t.Context(), store.Filter{States: []scoring.State{scoring.Scored}})
			require.NoError(t, err)
			return len(got)
		}
		require.Equal(t, n, scored(), "also before they are rows")
		closed, err := b.CloseDue(t.Context())
		require.NoError(t, err)
		require.Equal(t, n-200, closed)
		closed, err = b.CloseDue(t.Context())
		require.NoError(t, err)
		require.Zero(t, closed)
		require.Equal(t, n, scored())
	}},
	{"the order of arrival does not matter", func(t *testing.T, b bench) {
		rapid.Check(t, func(r *rapid.T) { b.anyOrder(t, r) })
	}},
	{"everything at once", everythingAtOnce},
}

// anyOrder draws two scorers of one name and up to four outcomes, and wants the same rows of them in two orders.
func (b bench) anyOrder(t *testing.T, r *rapid.T) {
	attribution := rapid.SampledFrom([]scoring.Attribution{scoring.AttributeAll, scoring.AttributeLast, scoring.AttributeFirst}).Draw(r, "attribution")
	rule := rapid.SampledFrom([]scoring.Rule{ifPaid, bothOf, twice, undone}).Draw(r, "rule")
	length := rapid.SampledFrom([]time.Duration{-time.Hour, time.Hour}).Draw(r, "window ends")
	grace := rapid.SampledFrom([]time.Duration{0, 20 * time.Minute}).Draw(r, "grace")
	closes := rapid.Bool().Draw(r, "closed in between")
	type happening struct {
		name     string
		at, came time.Duration // before now
	}
	var drawn []happening
	for range rapid.IntRange(1, 4).Draw(r, "outcomes") {
		h := happening{name: rapid.SampledFrom([]string{"paid", "paid", "shipped", "refunded"}).Draw(r, "name")}
		h.at = time.Duration(rapid.IntRange(1, 180).Draw(r, "minutes ago")) * time.Minute
		h.came = max(0, h.at-time.Duration(rapid.SampledFrom([]int{0, 1, 30}).Draw(r, "took minutes"))*time.Minute)
		drawn = append(drawn, h)
	}
	order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5}[:2+len(drawn)]).Draw(r, "order")
	now := time.Now().Truncate(time.Microsecond)
	play := func(order []int) []string {
		key := fresh("k")
		runs := []scoring.Run{freshRun(), freshRun()}
		if runs[0].WorkflowID > runs[1].WorkflowID { // of two claims that are equal, the digest of the run decides
			slices.Reverse(runs)
		}
		for _, i := range order {
			if i < 2 {
				e := declaredFor(runs[i], key, rule)
				e.Window, e.Attribution = scoring.Window{Since: now.Add(-3 * time.Hour), Until: now.Add(length), Grace: grace}, attribution
				e.RunStartedAt = now.Add(time.Duration(i-3) * time.Hour)
				b.expect(t, e)
			} else {
				h := drawn[i-2]
				b.receive(t, scoring.Outcome{ID: fmt.Sprintf("%s/%d", key, i), Name: h.name, Key: key, ObservedAt: now.Add(-h.at), ReceivedAt: now.Add(-h.came)})
			}
			if closes {
				_, err := b.CloseDue(t.Context())
				require.NoError(r, err)
			}
		}
		var rows []string
		for i, run := range runs {
			got, err := b.Scores(t.Context(), store.Filter{Run: run})
			require.NoError(r, err)
			for _, s := range got {
				rows = append(rows, fmt.Sprint(i, " ", s.State, " ", s.Value, " ", s.ObservedAt.Sub(now), " ", s.Reason))
			}
		}
		return rows
	}
	sorted := slices.Sorted(slices.Values(order))
	require.Equal(r, play(sorted), play(order), "%v", drawn)
}

// everythingAtOnce lets expectations, outcomes, flushes and the closer meet on few keys. Each scorer has one score, the right
// one.
func everythingAtOnce(t *testing.T, b bench) {
	const runs, keys = 120, 6
	var all errgroup.Group
	var mu sync.Mutex
	var made []scoring.Expectation
	for i := range runs {
		all.Go(func() error {
			e := declaredFor(freshRun(), fmt.Sprint("key-", i%keys), ifPaid)
			if i%3 == 0 {
				e.Attribution = scoring.AttributeLast
			}
			mu.Lock()
			made = append(made, e)
			mu.Unlock()
			if _, err := b.Expect(t.Context(), e); err != nil {
				return err
			}
			return b.Flush(t.Context(), waits(e.Run, 20, e))
		})
	}
	for i := range keys * 8 {
		all.Go(func() error {
			_, err := b.Receive(t.Context(), b.now(fmt.Sprint("o-", i), "paid", fmt.Sprint("key-", i%keys)))
			return err
		})
	}
	for range 4 {
		all.Go(func() error {
			for range 10 {
				if _, err := b.CloseDue(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	for _, derived := range []bool{true, false} {
		for _, e := range made {
			want := []string{"paid=true"}
			if got := b.current(t, e.Run); e.Attribution != scoring.AttributeLast {
				require.Equal(t, want, got, "derived: %v", derived)
			} else {
				require.Len(t, got, 1)
			}
		}
		_, err := b.CloseDue(t.Context())
		require.NoError(t, err)
	}
}

// The rules of the tests are about events of the key that declaredFor gives them.
var (
	ifPaid = scoring.Rule{Need: scoring.NeedAny, Events: []scoring.RuleEvent{means("paid", true)}, End: scoring.ExpiresFalse}
	bothOf = scoring.Rule{Need: scoring.NeedAll, Events: []scoring.RuleEvent{means("paid", true), means("shipped", true)}, End: scoring.ExpiresFalse}
	twice  = scoring.Rule{Need: scoring.NeedTimes, Times: 2, Events: []scoring.RuleEvent{means("paid", true)}, End: scoring.ExpiresUnknown}
	undone = scoring.Rule{Need: scoring.NeedAny, Events: []scoring.RuleEvent{
		{Event: scoring.Event{Name: "paid"}, Means: scoring.BoolValue(true), Undone: &scoring.Undo{Event: scoring.Event{Name: "refunded"}, Within: 40 * time.Minute}},
		means("shipped", false),
	}, End: scoring.ExpiresFalse}
)

func means(name string, is bool) scoring.RuleEvent {
	return scoring.RuleEvent{Event: scoring.Event{Name: name}, Means: scoring.BoolValue(is)}
}

// declaredFor returns an expectation of a run, whose window is open, by a rule about a key.
func declaredFor(about scoring.Run, key string, rule scoring.Rule) scoring.Expectation {
	rule.Events = slices.Clone(rule.Events)
	for i := range rule.Events {
		rule.Events[i].Key = key
		if undo := rule.Events[i].Undone; undo != nil {
			rule.Events[i].Undone = &scoring.Undo{Event: scoring.Event{Name: undo.Name, Key: key}, Within: undo.Within}
		}
	}
	return scoring.Expectation{
		Scorer: "paid", ScorerVersion: "v1", Events: rule.All(), Window: window(-time.Hour, time.Hour), Rule: &rule, Call: "1", Place: 10,
		Run: about, FirstRunID: about.RunID, OriginalRunID: about.RunID, RunStartedAt: time.Now().Add(-time.Hour).Truncate(time.Second),
		At: time.Now().Truncate(time.Second),
	}
}

// window is a window relative to now.
func window(since, until time.Duration) scoring.Window {
	now := time.Now().Truncate(time.Second)
	return scoring.Window{Since: now.Add(since), Until: now.Add(until)}
}

// waits is a flush that names expectations.
func waits(about scoring.Run, sequence int64, all ...scoring.Expectation) scoring.Flush {
	f := flush(about, sequence)
	f.At, f.Ordinal, f.Waits = time.Now(), 1, all
	return f
}

// now is an outcome that has just happened.
func (b bench) now(id, name, key string) scoring.Outcome {
	now := time.Now().Add(-time.Second)
	return scoring.Outcome{ID: id, Name: name, Key: key, ObservedAt: now, ReceivedAt: now}
}

// current returns the current scores of a run.
func (b bench) current(t *testing.T, about scoring.Run) []string {
	t.Helper()
	got, err := b.Scores(t.Context(), store.Filter{Run: about})
	require.NoError(t, err)
	var said []string
	for _, s := range got {
		if s.Value.IsSet() {
			said = append(said, s.Name+"="+s.Value.String())
		} else {
			said = append(said, s.Name+":"+string(s.State))
		}
	}
	slices.SortFunc(said, cmp.Compare[string])
	return said
}
