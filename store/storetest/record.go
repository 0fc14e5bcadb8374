package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var recordTests = []namedTest{
	{"a written score is read back", func(t *testing.T, b bench) {
		r := freshRun()
		want := scoring.Record{
			Score: scoring.Score{
				Name: "Güte 1", State: scoring.Scored, Value: mustNumber(t, 0.1+0.2), Key: "k", Reason: "because \x00 <b> \u2028",
				ObservedAt: at(3).Add(123456 * time.Microsecond), Sessions: []scoring.Session{{Key: "customer", ID: "c/1"}},
			},
			Run: r, Step: scoring.Step{ID: "7", Type: "Retrieve", Attempt: 2}, OriginalRunID: r.RunID,
			Source: scoring.FromActivity, Scorer: "s", ScorerVersion: "v", BuildID: "b1",
			RecordedAt: at(4).Add(654321 * time.Microsecond),
		}
		b.record(t, want)
		want.Revision = 1
		require.Equal(t, []scoring.Record{want}, b.scores(t, store.Filter{}))
	}},
	{"a service's latest statement holds, in any order of arrival", func(t *testing.T, b bench) {
		said := []bool{false, true, false, true}
		permutations(len(said), func(order []int) {
			r := freshRun()
			for _, i := range order {
				b.record(t, record(r, scoring.Bool("thumb", said[i]), i+1))
			}
			require.Equal(t, []string{"thumb=true"}, b.said(t, store.Filter{Run: r}), order)
		})
	}},
	{"times are kept in UTC to the microsecond", func(t *testing.T, b bench) {
		rec := record(freshRun(), scoring.Bool("ok", true), 0)
		rec.ObservedAt = at(1).Add(1999 * time.Nanosecond).In(time.FixedZone("east", 3600))
		b.record(t, rec)
		require.Equal(t, at(1).Add(time.Microsecond), b.scores(t, store.Filter{})[0].ObservedAt)
	}},
	{"each state and kind of value", func(t *testing.T, b bench) {
		r := freshRun()
		b.record(t, record(r, scoring.Number("n", -1.5e-300), 0), record(r, scoring.Number("zero", 0), 0),
			record(r, scoring.Bool("f", false), 0), record(r, scoring.Decline("d", "nothing to score"), 0),
			record(r, scoring.Expire("u"), 0), record(r, scoring.Fail("e", "broke"), 0))
		require.Equal(t, []string{"n=-1.5e-300", "zero=0", "f=false", "d:not_applicable", "u:expired", "e:error"},
			b.said(t, store.Filter{}))
	}},
	{"the same again changes nothing, another is a revision", func(t *testing.T, b bench) {
		r := freshRun()
		up, down := scoring.Bool("thumb", true), scoring.Bool("thumb", false)
		b.record(t, record(r, up, 1))
		b.record(t, record(r, up, 2))
		require.Len(t, b.scores(t, store.Filter{History: true}), 1)
		b.record(t, record(r, down, 3))
		b.record(t, record(r, up, 4))
		require.Equal(t, []string{"thumb=true", "thumb=false", "thumb=true"}, b.said(t, store.Filter{History: true}))
		now := b.scores(t, store.Filter{})
		require.Len(t, now, 1)
		require.Equal(t, 3, now[0].Revision)
		require.Equal(t, at(4), now[0].RecordedAt)
	}},
	{"a call that is repeated after another's does not undo it", func(t *testing.T, b bench) {
		r := freshRun()
		first := record(r, scoring.Bool("thumb", true), 1)
		b.record(t, first)
		b.record(t, record(r, scoring.Bool("thumb", false), 2))
		b.record(t, first)
		require.Equal(t, []string{"thumb=false"}, b.said(t, store.Filter{}))
		require.Len(t, b.scores(t, store.Filter{History: true}), 2)
	}},
	{"a reason is part of a statement", func(t *testing.T, b bench) {
		r := freshRun()
		b.record(t, record(r, scoring.Bool("ok", true), 1), record(r, scoring.Bool("ok", true).WithReason("it was"), 2))
		require.Equal(t, 2, b.scores(t, store.Filter{})[0].Revision)
	}},
	{"text that is no UTF-8 is mended once", func(t *testing.T, b bench) {
		rec := record(freshRun(), scoring.Decline("d", "bad \xff\xfe bytes"), 1)
		b.record(t, rec)
		b.record(t, rec)
		require.Len(t, b.scores(t, store.Filter{History: true}), 1)
	}},
	{"each part of the identity counts", func(t *testing.T, b bench) {
		base := onStep(run("w", "r"), scoring.Bool("n", true), 1, 1)
		others := []func(*scoring.Record){
			func(r *scoring.Record) { r.Run.Namespace = "other" }, func(r *scoring.Record) { r.Run.WorkflowID = "w2" },
			func(r *scoring.Record) { r.Run.RunID = "r2" }, func(r *scoring.Record) { r.Step.ID = "6" },
			func(r *scoring.Record) { r.Step = scoring.Step{} }, func(r *scoring.Record) { r.Name = "n2" },
			func(r *scoring.Record) { r.Key = "k" },
			func(r *scoring.Record) { r.Run.WorkflowID, r.Run.RunID = "wr", "x" },
			func(r *scoring.Record) { r.Run.WorkflowID, r.Run.RunID = "w", "rx" },
		}
		b.record(t, base)
		for _, change := range others {
			rec := base
			change(&rec)
			b.record(t, rec)
		}
		require.Len(t, b.scores(t, store.Filter{}), len(others)+1)
	}},
	{"ids as long as the server's", func(t *testing.T, b bench) {
		long := func(c byte) string { return string(bytesOf(c, scoring.MaxID)) }
		rec := onStep(run(long('w'), long('r')), scoring.Bool(string(bytesOf('n', scoring.MaxName)), true), 1, 1)
		rec.Run.Namespace, rec.Step.ID, rec.Key = long('n'), long('s'), string(bytesOf('k', scoring.MaxKey))
		b.record(t, rec)
		require.Len(t, b.scores(t, store.Filter{Run: rec.Run}), 1)
	}},
	{"a later attempt is a revision", func(t *testing.T, b bench) {
		r := freshRun()
		b.record(t, onStep(r, scoring.Number("p", 1), 1, 1))
		b.record(t, onStep(r, scoring.Number("p", 2), 2, 2))
		now := b.scores(t, store.Filter{})
		require.Len(t, now, 1)
		require.EqualValues(t, 2, now[0].Step.Attempt)
		require.Equal(t, []string{"p=1", "p=2"}, b.said(t, store.Filter{History: true}))
	}},
	{"an earlier attempt that arrives late is history", func(t *testing.T, b bench) {
		r := freshRun()
		late := onStep(r, scoring.Number("p", 1), 1, 3)
		b.record(t, onStep(r, scoring.Number("p", 2), 2, 2))
		b.record(t, late)
		b.record(t, late)
		require.Equal(t, []string{"p=2"}, b.said(t, store.Filter{}))
		require.Equal(t, []string{"p=2", "p=1"}, b.said(t, store.Filter{History: true}))
		b.record(t, onStep(r, scoring.Number("p", 3), 3, 4))
		require.Equal(t, []string{"p=3"}, b.said(t, store.Filter{}))
	}},
	{"an attempt that says the same holds against an earlier one", func(t *testing.T, b bench) {
		r := freshRun()
		b.record(t, onStep(r, scoring.Number("p", 1), 1, 1))
		b.record(t, onStep(r, scoring.Number("p", 1), 3, 2))
		require.Len(t, b.scores(t, store.Filter{History: true}), 1)
		b.record(t, onStep(r, scoring.Number("p", 2), 2, 3))
		now := b.scores(t, store.Filter{})
		require.Equal(t, []string{"p=1"}, b.said(t, store.Filter{}))
		require.EqualValues(t, 3, now[0].Step.Attempt)
	}},
	{"all or nothing", func(t *testing.T, b bench) {
		r := freshRun()
		err := b.Record(t.Context(), []scoring.Record{record(r, scoring.Bool("a", true), 1), record(r, scoring.Score{Name: "b"}, 1)})
		requireInvalid(t, err, "state")
		require.Empty(t, b.scores(t, store.Filter{}))
	}},
	{"nothing is fine", func(t *testing.T, b bench) { b.record(t) }},
	{"the same identity twice in one call", func(t *testing.T, b bench) {
		r := freshRun()
		b.record(t, record(r, scoring.Number("n", 1), 1), record(r, scoring.Number("n", 2), 2))
		require.Equal(t, []string{"n=2"}, b.said(t, store.Filter{}))
	}},
}

func mustNumber(t *testing.T, v float64) scoring.Value {
	t.Helper()
	n, err := scoring.NumberValue(v)
	require.NoError(t, err)
	return n
}

func bytesOf(c byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = c
	}
	return b
}

func requireInvalid(t *testing.T, err error, field string) {
	t.Helper()
	var invalid *scoring.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, field, invalid.Field)
}

var flushTests = []namedTest{
	{"keeps the set and the facts", func(t *testing.T, b bench) {
		r := freshRun()
		f := flush(r, 10, inWorkflow(r, scoring.Number("q", 0.9), 1), inWorkflow(r, scoring.Bool("ok", true), 1))
		f.Facts.Sessions = []scoring.Session{{Key: "customer", ID: "7"}}
		f.Facts.Assigned = []scoring.Ref{{Experiment: "e", Version: "1", Epoch: 2, Variant: "a", Probability: 0.5, FirstRunID: "x"}}
		f.Facts.Keys = []string{"message-1"}
		f.Facts.TaskQueue, f.Facts.Attempt, f.Facts.BuildID, f.Facts.ClosedAt = "tq", 2, "b", at(9)
		f.Facts.FailureType, f.Facts.FailingStep, f.Facts.Status = "T", "S", scoring.RunFailed
		b.flush(t, f)
		require.Equal(t, []string{"q=0.9", "ok=true"}, b.said(t, store.Filter{Run: r}))
		runs, err := b.Runs(t.Context(), store.RunFilter{})
		require.NoError(t, err)
		require.Equal(t, []scoring.RunFacts{f.Facts}, runs)
	}},
	{"a score that the set no longer names is retracted", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, flush(r, 10, inWorkflow(r, scoring.Number("phantom", 1), 1), inWorkflow(r, scoring.Number("q", 1), 1)))
		b.flush(t, flush(r, 12, inWorkflow(r, scoring.Number("q", 2), 2)))
		require.Equal(t, []string{"q=2"}, b.said(t, store.Filter{}))
		require.Equal(t, []string{"q=2", "phantom=1!"}, b.said(t, store.Filter{Retracted: true}))
		require.Equal(t, []string{"phantom=1", "q=1", "q=2", "phantom=1!"}, b.said(t, store.Filter{Retracted: true, History: true}))
		b.flush(t, flush(r, 14, inWorkflow(r, scoring.Number("q", 2), 2), inWorkflow(r, scoring.Number("phantom", 1), 3)))
		require.Equal(t, []string{"q=2", "phantom=1"}, b.said(t, store.Filter{}))
		require.Equal(t, 3, b.scores(t, store.Filter{Name: "phantom"})[0].Revision)
	}},
	{"an empty set retracts everything", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, flush(r, 10, inWorkflow(r, scoring.Number("q", 1), 1)))
		b.flush(t, flush(r, 11))
		require.Empty(t, b.said(t, store.Filter{}))
	}},
	{"the same again changes nothing", func(t *testing.T, b bench) {
		r := freshRun()
		f := flush(r, 10, inWorkflow(r, scoring.Number("q", 1), 1), inWorkflow(r, scoring.Number("p", 1), 1))
		b.flush(t, f)
		b.flush(t, flush(r, 11, inWorkflow(r, scoring.Number("q", 1), 1)))
		want := b.scores(t, store.Filter{History: true, Retracted: true})
		b.flush(t, flush(r, 11, inWorkflow(r, scoring.Number("q", 1), 1)))
		require.Equal(t, want, b.scores(t, store.Filter{History: true, Retracted: true}))
	}},
	{"an older flush changes nothing that holds", func(t *testing.T, b bench) {
		r := freshRun()
		b.flush(t, flush(r, 12, inWorkflow(r, scoring.Number("q", 2), 2)))
		older := flush(r, 10, inWorkflow(r, scoring.Number("q", 1), 1), inWorkflow(r, scoring.Number("phantom", 1), 1))
		older.Facts.Status, older.Facts.Keys = scoring.RunFailed, []string{"phantom-key"}
		b.flush(t, older)
		require.Equal(t, []string{"q=2"}, b.said(t, store.Filter{}))
		want := b.scores(t, store.Filter{History: true, Retracted: true})
		require.Equal(t, []string{"q=2", "q=1", "phantom=1", "phantom=1!"}, b.said(t, store.Filter{History: true, Retracted: true}))
		b.flush(t, older)
		require.Equal(t, want, b.scores(t, store.Filter{History: true, Retracted: true}))
		runs, err := b.Runs(t.Context(), store.RunFilter{Run: r})
		require.NoError(t, err)
		require.Equal(t, scoring.RunCompleted, runs[0].Status)
		_, err = b.RunOfKey(t.Context(), "phantom-key")
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
	{"touches only the workflow's statements", func(t *testing.T, b bench) {
		r, other := freshRun(), freshRun()
		b.record(t, record(r, scoring.Bool("thumb", true), 1), onStep(r, scoring.Number("p", 1), 1, 1))
		b.flush(t, flush(other, 5, inWorkflow(other, scoring.Number("q", 1), 1)))
		b.flush(t, flush(r, 10))
		require.Equal(t, []string{"thumb=true", "p=1", "q=1"}, b.said(t, store.Filter{}))
	}},
	{"a correction from outside outlives a repeated flush", func(t *testing.T, b bench) {
		r := freshRun()
		f := flush(r, 10, inWorkflow(r, scoring.Bool("ok", true), 1))
		b.flush(t, f)
		b.record(t, record(r, scoring.Bool("ok", false), 2))
		b.flush(t, f)
		require.Equal(t, []string{"ok=false"}, b.said(t, store.Filter{}))
	}},
	{"keys and sessions come from the last flush", func(t *testing.T, b bench) {
		r := freshRun()
		f := flush(r, 10)
		f.Facts.Keys, f.Facts.Sessions = []string{"k1"}, []scoring.Session{{Key: "c", ID: "1"}}
		b.flush(t, f)
		f.Sequence, f.Facts.Keys, f.Facts.Sessions = 11, []string{"k2"}, []scoring.Session{{Key: "c", ID: "2"}}
		b.flush(t, f)
		_, err := b.RunOfKey(t.Context(), "k1")
		require.ErrorIs(t, err, store.ErrNotFound)
		got, err := b.RunOfKey(t.Context(), "k2")
		require.NoError(t, err)
		require.Equal(t, r, got)
		runs, err := b.Runs(t.Context(), store.RunFilter{Session: scoring.Session{Key: "c", ID: "1"}})
		require.NoError(t, err)
		require.Empty(t, runs)
	}},
}

// permutations calls do with every order of n things.
func permutations(n int, do func(order []int)) {
	var extend func(order []int)
	extend = func(order []int) {
		if len(order) == n {
			do(order)
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				extend(append(slices.Clone(order), i))
			}
		}
	}
	extend(nil)
}
