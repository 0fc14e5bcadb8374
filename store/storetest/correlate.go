package storetest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var correlateTests = []namedTest{
	{"the outcome first", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		require.Empty(t, b.receive(t, outcome("o1", "k", 5)))
		require.Equal(t, []string{"o1"}, b.expect(t, e))
		require.Equal(t, []string{"o1"}, b.expect(t, e), "again")
	}},
	{"the expectation first", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		require.Empty(t, b.expect(t, e))
		receipt, err := b.Receive(t.Context(), outcome("o1", "k", 5))
		require.NoError(t, err)
		require.Equal(t, store.Receipt{Outcome: outcome("o1", "k", 5), Waiting: []scoring.Expectation{e}}, receipt)
		require.Equal(t, []string{"o1"}, b.expect(t, e), "again")
	}},
	{"a received outcome is read back unchanged", func(t *testing.T, b bench) {
		o := outcome("o1", "k", 5)
		o.Value, o.Payload = mustNumberValue(0.1), json.RawMessage(`{"a":"<&>\u0000","n":[1.50]}`)
		o.ObservedAt = o.ObservedAt.Add(123 * time.Microsecond)
		b.receive(t, o)
		found, err := b.Expect(t.Context(), expectation(freshRun(), "k"))
		require.NoError(t, err)
		require.Equal(t, []scoring.Outcome{o}, found)
	}},
	{"a duplicate signals again and changes nothing", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		b.receive(t, outcome("o1", "k", 5))
		other := outcome("o1", "elsewhere", 7)
		other.Value = scoring.BoolValue(false)
		for _, again := range []scoring.Outcome{outcome("o1", "k", 6), other} {
			receipt, err := b.Receive(t.Context(), again)
			require.NoError(t, err)
			require.Equal(t, store.Receipt{Outcome: outcome("o1", "k", 5), Duplicate: true, Waiting: []scoring.Expectation{e}}, receipt)
		}
		entry := b.ledger(t)["o1"]
		require.Equal(t, 3, entry.Deliveries)
		require.Equal(t, outcome("o1", "k", 5), entry.Outcome)
		b.settle(t, settlement(e, []string{"o1"}))
		require.Empty(t, b.receive(t, outcome("o1", "k", 6)))
	}},
	{"two scorers on one outcome both get it", func(t *testing.T, b bench) {
		first, second := expectation(freshRun(), "k"), expectation(freshRun(), "k")
		second.Scorer = "refunded"
		b.expect(t, first)
		require.Equal(t, []string{first.ScorerRun.WorkflowID}, b.receive(t, outcome("o1", "k", 5)))
		require.Equal(t, []string{"o1"}, b.expect(t, second))
		require.Equal(t, []string{first.ScorerRun.WorkflowID, second.ScorerRun.WorkflowID}, b.receive(t, outcome("o2", "k", 5)))
	}},
	{"any of several events, in the order of their times", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		e.Events = append(e.Events, scoring.Event{Name: "refunded", Key: "k"}, scoring.Event{Name: "paid", Key: "k2"}, e.Events[0])
		refund := outcome("o2", "k", 3)
		refund.Name = "refunded"
		b.receive(t, outcome("o1", "k2", 4))
		b.receive(t, refund)
		b.receive(t, outcome("o0", "k", 4))
		require.Equal(t, []string{"o2", "o0", "o1"}, b.expect(t, e))
	}},
	{"a name and a key do not run together", func(t *testing.T, b bench) {
		b.expect(t, expectation(freshRun(), "k"))
		o := outcome("o1", "dk", 5)
		o.Name = "pai"
		require.Empty(t, b.receive(t, o))
	}},
	{"the window is half-open, the grace comes after it", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		e.Window.Grace = 10 * time.Minute
		for _, place := range []struct {
			id   string
			when time.Time
			want bool
		}{
			{"before", at(0).Add(-time.Microsecond), false}, {"first", at(0), true}, {"last", at(60).Add(-time.Microsecond), true},
			{"grace", at(60), true}, {"last of grace", at(70).Add(-time.Microsecond), true}, {"after", at(70), false},
		} {
			o := outcome(place.id, "k", 0)
			o.ObservedAt, o.ReceivedAt = place.when, place.when
			early := o
			early.ID += " early"
			b.receive(t, early)
			if place.id == "before" {
				require.Empty(t, b.expect(t, e))
			}
			require.Equal(t, place.want, len(b.receive(t, o)) == 1, place.id)
		}
		other := e
		other.ScorerRun = run("another", "r")
		require.Equal(t, []string{"first", "first early", "last", "last early", "grace", "grace early", "last of grace", "last of grace early"},
			b.expect(t, other))
	}},
	{"expecting the same again changes nothing", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		b.expect(t, e)
		other := e
		other.Events = []scoring.Event{{Name: "paid", Key: "other"}}
		other.ScorerRun.RunID = "continued as new"
		b.receive(t, outcome("o1", "other", 5))
		require.Empty(t, b.expect(t, other))
		waiting, err := b.Waiting(t.Context(), at(2))
		require.NoError(t, err)
		require.Equal(t, []scoring.Expectation{e}, waiting)
		require.Len(t, b.scores(t, store.Filter{History: true}), 1)
	}},
	{"waits of one scorer are separate", func(t *testing.T, b bench) {
		first := expectation(freshRun(), "k1")
		second := first
		second.Wait, second.Events = 2, []scoring.Event{{Name: "paid", Key: "k2"}}
		b.expect(t, first)
		b.receive(t, outcome("o1", "k2", 5))
		require.Equal(t, []string{"o1"}, b.expect(t, second))
		require.Empty(t, b.expect(t, first))
		require.Equal(t, []string{"paid:pending"}, b.said(t, store.Filter{History: true}))
	}},
	{"a pending score does not replace another", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		scored := scoring.Bool("paid", true)
		scored.Key = "paid@v1"
		b.record(t, fromScorer(e.Run, scored, 1))
		b.expect(t, e)
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{History: true}))
	}},
	{"a pending score names its subject and its scorer", func(t *testing.T, b bench) {
		e := expectation(freshRun(), "k")
		e.Step = scoring.Step{ID: "3", Type: "Charge", Attempt: 1}
		b.expect(t, e)
		require.Equal(t, []scoring.Record{{
			Score: scoring.Score{Name: "paid", State: scoring.Pending, Key: "paid@v1"}, Run: e.Run, Step: e.Step,
			OriginalRunID: e.OriginalRunID, Source: scoring.FromScorer, Scorer: "paid", ScorerVersion: "v1", RecordedAt: e.At, Revision: 1,
		}}, b.scores(t, store.Filter{}))
	}},
}

func mustNumberValue(v float64) scoring.Value { return scoring.Number("n", v).Value }

// touch is an expectation with an attribution, of a run that started at that minute.
func touch(by scoring.Attribution, started int, key string) scoring.Expectation {
	e := expectation(freshRun(), key)
	e.Attribution, e.RunStartedAt = by, at(started)
	return e
}

var attributeTests = []namedTest{
	{"each outcome counts for one run, in any order of arrival", func(t *testing.T, b bench) {
		for _, c := range []struct {
			by   scoring.Attribution
			want []int // of the runs, started at minutes 1, 3 and 9, the ones for which an outcome at minute 5 counts
		}{
			{scoring.AttributeAll, []int{0, 1, 2}}, {"", []int{0, 1, 2}}, {scoring.AttributeLast, []int{1}}, {scoring.AttributeFirst, []int{0}},
		} {
			for arrives := range 4 { // the outcome, among the expectations
				for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
					key := fresh("key")
					touches := []scoring.Expectation{touch(c.by, 1, key), touch(c.by, 3, key), touch(c.by, 9, key)}
					for i := range 4 {
						if i == arrives {
							b.receive(t, outcome(key, key, 5))
						}
						if i < 3 {
							b.expect(t, touches[order[i]])
						}
					}
					var got []int
					for i, e := range touches {
						if unseen := b.settle(t, settlement(e, nil)); len(unseen) > 0 {
							got = append(got, i)
						}
					}
					require.Equal(t, c.want, got, "attribution %q, outcome %d., order %v", c.by, arrives+1, order)
				}
			}
		}
	}},
	{"only scorers of one name share", func(t *testing.T, b bench) {
		first, other := touch(scoring.AttributeLast, 1, "k"), touch(scoring.AttributeLast, 3, "k")
		other.Scorer = "refunded"
		b.expect(t, first)
		b.expect(t, other)
		require.Len(t, b.receive(t, outcome("o1", "k", 5)), 2)
	}},
	{"only runs whose window admits it share", func(t *testing.T, b bench) {
		first, closed := touch(scoring.AttributeLast, 1, "k"), touch(scoring.AttributeLast, 3, "k")
		closed.Window.Until = at(4)
		b.expect(t, first)
		b.expect(t, closed)
		require.Equal(t, []string{first.ScorerRun.WorkflowID}, b.receive(t, outcome("o1", "k", 5)))
	}},
	{"a settled outcome stays", func(t *testing.T, b bench) {
		first, later := touch(scoring.AttributeLast, 1, "k"), touch(scoring.AttributeLast, 3, "k")
		b.expect(t, first)
		b.receive(t, outcome("o1", "k", 5))
		require.Empty(t, b.settle(t, settlement(first, []string{"o1"})))
		require.Empty(t, b.expect(t, later))
		require.Equal(t, []string{first.ScorerRun.WorkflowID}, b.ledger(t)["o1"].Scorers)
	}},
	{"a settled run still has its claim", func(t *testing.T, b bench) {
		first, later := touch(scoring.AttributeLast, 1, "k"), touch(scoring.AttributeLast, 3, "k")
		b.expect(t, first)
		b.expect(t, later)
		require.Empty(t, b.settle(t, settlement(later, nil)))
		require.Empty(t, b.receive(t, outcome("o1", "k", 5)))
		require.Equal(t, store.Late, b.ledger(t)["o1"].State)
		require.Empty(t, b.settle(t, settlement(first, nil)))
	}},
	{"all waits of the scorer that wins get it", func(t *testing.T, b bench) {
		first, later := touch(scoring.AttributeLast, 1, "k"), touch(scoring.AttributeLast, 3, "k")
		second := later
		second.Wait = 2
		for _, e := range []scoring.Expectation{first, later, second} {
			b.expect(t, e)
		}
		require.Equal(t, []string{later.ScorerRun.WorkflowID, later.ScorerRun.WorkflowID}, b.receive(t, outcome("o1", "k", 5)))
	}},
	{"a run that was reset away loses its claim", func(t *testing.T, b bench) {
		r := freshRun()
		gone := touch(scoring.AttributeFirst, 1, "k")
		gone.Run, gone.FirstRunID, gone.OriginalRunID = r, r.RunID, r.RunID
		b.expect(t, gone)
		f := resetOf(r, 2)
		b.flush(t, f)
		again := touch(scoring.AttributeFirst, 2, "k")
		again.Run, again.FirstRunID, again.OriginalRunID = f.Facts.Run, r.RunID, r.RunID
		b.expect(t, again)
		require.Equal(t, []string{again.ScorerRun.WorkflowID}, b.receive(t, outcome("o1", "k", 5)))
	}},
}
