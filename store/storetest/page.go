package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var pageTests = []namedTest{
	{"scores since and until", func(t *testing.T, b bench) {
		r := freshRun()
		b.record(t, record(r, scoring.Number("early", 1), 1), record(r, scoring.Number("early_too", 1), 1))
		between := b.later(t)
		b.record(t, record(r, scoring.Number("late", 1), 0))
		for _, each := range []struct {
			since, until time.Time
			want         []string
		}{
			{between, time.Time{}, []string{"late"}}, {time.Time{}, between, []string{"early_too", "early"}},
			{between.Add(-time.Hour), between.Add(time.Hour), []string{"late", "early_too", "early"}}, {between.Add(time.Hour), time.Time{}, nil},
		} {
			f := store.Filter{Since: each.since, Until: each.until}
			page, _, err := b.ScorePage(t.Context(), f, store.Page{Limit: 10})
			require.NoError(t, err)
			var names []string
			for _, r := range page {
				names = append(names, r.Name)
			}
			require.Equal(t, each.want, names)
			require.Len(t, b.scores(t, f), len(each.want))
		}
	}},
	{"pages of scores, newest first", func(t *testing.T, b bench) {
		r := freshRun()
		var want []string
		for i := range 7 {
			b.record(t, record(r, scoring.Number(fmt.Sprint("q", i), 1), i))
			want = append([]string{fmt.Sprint("q", i)}, want...)
		}
		b.record(t, record(freshRun(), scoring.Number("other", 1), 1))
		for limit := 1; limit < 9; limit++ {
			var got []string
			var after store.Cursor
			for pages := 0; ; pages++ {
				scores, next, err := b.ScorePage(t.Context(), store.Filter{Run: r}, store.Page{After: after, Limit: limit})
				require.NoError(t, err)
				require.LessOrEqual(t, len(scores), limit)
				for _, s := range scores {
					got = append(got, s.Name)
				}
				if after = next; next == "" {
					break
				}
				require.Less(t, pages, 8)
			}
			require.Equal(t, want, got, "pages of %d", limit)
		}
	}},
	{"a row that is written meanwhile moves no page", func(t *testing.T, b bench) {
		r := freshRun()
		for i := range 4 {
			b.record(t, record(r, scoring.Number(fmt.Sprint("q", i), 1), i))
		}
		first, next, err := b.ScorePage(t.Context(), store.Filter{Run: r}, store.Page{Limit: 2})
		require.NoError(t, err)
		b.record(t, record(r, scoring.Number("later", 1), 9))
		second, next, err := b.ScorePage(t.Context(), store.Filter{Run: r}, store.Page{After: next, Limit: 2})
		require.NoError(t, err)
		require.Empty(t, next)
		require.Equal(t, []string{"q3", "q2", "q1", "q0"}, []string{first[0].Name, first[1].Name, second[0].Name, second[1].Name})
	}},
	{"a page of scores in a state that time has decided", func(t *testing.T, b bench) {
		r := freshRun()
		ended := declaredFor(r, "k", ifPaid)
		ended.Window = window(-2*time.Hour, -time.Hour)
		b.expect(t, ended)
		all, err := b.Scores(t.Context(), store.Filter{Run: r})
		require.NoError(t, err)
		page, next, err := b.ScorePage(t.Context(), store.Filter{Run: r}, store.Page{Limit: 5})
		require.NoError(t, err)
		require.Empty(t, next)
		require.Equal(t, all, page)
		pending, _, err := b.ScorePage(t.Context(), store.Filter{Run: r, States: []scoring.State{scoring.Pending}}, store.Page{Limit: 5})
		require.NoError(t, err)
		require.Empty(t, pending, "it is false")
		_, err = b.CloseDue(t.Context())
		require.NoError(t, err)
		for state, want := range map[scoring.State]int{scoring.Scored: 1, scoring.Pending: 0, scoring.Expired: 0} {
			page, _, err = b.ScorePage(t.Context(), store.Filter{Run: r, States: []scoring.State{state}}, store.Page{Limit: 5})
			require.NoError(t, err)
			require.Len(t, page, want, state)
		}
	}},
	{"pages of an experiment are by run", func(t *testing.T, b bench) {
		var want []string
		for i := range 9 {
			r := freshRun()
			a := assignment(r, "a")
			b.assign(t, a)
			f := flush(r, 10)
			f.Facts.Assigned = []scoring.Ref{a.Ref()}
			if i == 3 {
				f.Facts.Assigned = nil // none of the experiment
			}
			for k := range i % 4 {
				f.Records = append(f.Records, inWorkflow(r, scoring.Number(fmt.Sprintf("q%d.%d", i, k), 1), 1))
			}
			b.flush(t, f)
			var names []string
			for k := range i % 4 {
				names = append([]string{fmt.Sprintf("q%d.%d", i, k)}, names...)
			}
			if i != 3 {
				want = append(names, want...)
			}
		}
		for limit := 1; limit < 14; limit++ {
			var got []string
			var after store.Cursor
			for {
				scores, next, err := b.ScorePage(t.Context(), store.Filter{Experiment: "retriever", Version: "1"}, store.Page{After: after, Limit: limit})
				require.NoError(t, err)
				for _, s := range scores {
					got = append(got, s.Name)
				}
				if after = next; next == "" {
					break
				}
			}
			require.Equal(t, want, got, "pages of %d", limit)
		}
		_, _, err := b.ScorePage(t.Context(), store.Filter{Experiment: "retriever"}, store.Page{Limit: 1})
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "version", invalid.Field)
	}},
	{"pages of the ledger", func(t *testing.T, b bench) {
		for i := range 4 {
			o := outcome(fmt.Sprint("o", i), "nobody waits", i/2)
			b.receive(t, o)
			require.NoError(t, b.Reject(t.Context(), store.Rejection{Source: "s", DeliveryID: fmt.Sprint("r", i), Reason: "bad", At: o.ReceivedAt}))
		}
		all, err := b.Ledger(t.Context(), store.LedgerFilter{})
		require.NoError(t, err)
		require.Len(t, all, 8)
		for _, f := range []store.LedgerFilter{{}, {State: store.Rejected}, {State: store.Unclaimed}, {State: store.Held}, {Since: all[3].Outcome.ReceivedAt}, {Until: all[3].Outcome.ReceivedAt},
			{Name: "paid"}, {Key: "nobody waits"}, {Name: "paid", Key: "nobody waits", Until: all[0].Outcome.ReceivedAt}, {Name: "paid", Key: "no"}, {Name: "no"}} {
			want, err := b.Ledger(t.Context(), f)
			require.NoError(t, err)
			kept := slices.DeleteFunc(slices.Clone(all), func(e store.Entry) bool {
				return !f.Selects(e) || f.State != "" && e.State != f.State || e.Outcome.ReceivedAt.Before(f.Since) || !f.Until.IsZero() && !e.Outcome.ReceivedAt.Before(f.Until)
			})
			require.ElementsMatch(t, kept, want, "%+v", f)
			for limit := 1; limit < 10; limit++ {
				got := []store.Entry{}
				var after store.Cursor
				for {
					entries, next, err := b.LedgerPage(t.Context(), f, store.Page{After: after, Limit: limit})
					require.NoError(t, err)
					got = append(got, entries...)
					if after = next; next == "" {
						break
					}
				}
				require.Equal(t, want, got, "%+v in pages of %d", f, limit)
			}
		}
	}},
	{"what has no room on a page by name follows", func(t *testing.T, b bench) {
		_, err := b.RecordKeyed(t.Context(), store.Keyed{Key: "k", Records: []scoring.Record{record(scoring.Run{}, scoring.Number("paid", 1), 3)}})
		require.NoError(t, err)
		b.receive(t, outcome("o", "k", 1))
		for _, f := range []store.LedgerFilter{{Key: "k"}, {Name: "paid"}, {Name: "paid", Key: "k"}} {
			first, next, err := b.LedgerPage(t.Context(), f, store.Page{Limit: 1})
			require.NoError(t, err)
			second, last, err := b.LedgerPage(t.Context(), f, store.Page{Limit: 1, After: next})
			require.NoError(t, err)
			require.Empty(t, last)
			require.ElementsMatch(t, []store.OutcomeState{store.Held, store.Unclaimed}, []store.OutcomeState{first[0].State, second[0].State})
		}
	}},
	{"pages of runs", func(t *testing.T, b bench) {
		chat, want := scoring.Session{Key: "chat", ID: "1"}, []scoring.Run{}
		for i := range 5 {
			r := freshRun()
			f := flush(r, 5)
			if i != 2 {
				f.Facts.Sessions = []scoring.Session{chat}
				want = append(want, r)
			}
			b.flush(t, f)
		}
		slices.Reverse(want)
		for limit := 1; limit < 6; limit++ {
			var got []scoring.Run
			for after, more := store.Cursor(""), true; more; more = after != "" {
				runs, next, err := b.RunPage(t.Context(), store.RunFilter{Session: chat}, store.Page{After: after, Limit: limit})
				require.NoError(t, err)
				for _, f := range runs {
					got = append(got, f.Run)
				}
				after = next
			}
			require.Equal(t, want, got)
		}
	}},
	{"a cursor or a limit of no page", func(t *testing.T, b bench) {
		for _, p := range []store.Page{{}, {Limit: -1}, {Limit: store.MaxPage + 1}, {After: "x", Limit: 1}, {After: "s", Limit: 1}, {After: "s1x", Limit: 1}, {After: "s 1", Limit: 1}, {After: "l1.2.3.", Limit: 1}} {
			var invalid *scoring.InvalidError
			_, _, err := b.ScorePage(t.Context(), store.Filter{}, p)
			require.ErrorAs(t, err, &invalid, "%+v", p)
			_, _, err = b.LedgerPage(t.Context(), store.LedgerFilter{}, p)
			require.ErrorAs(t, err, &invalid, "%+v", p)
			_, _, err = b.RunPage(t.Context(), store.RunFilter{}, p)
			require.ErrorAs(t, err, &invalid, "%+v", p)
		}
	}},
	{"everything about a run", func(t *testing.T, b bench) {
		r := freshRun()
		_, err := b.RunView(t.Context(), r)
		require.ErrorIs(t, err, store.ErrNotFound)
		a := b.assign(t, assignment(r, "a"))
		b.expect(t, expectation(r, "k"))
		b.flush(t, flush(r, 10, inWorkflow(r, scoring.Number("q", 1), 1)))
		b.flush(t, flush(r, 20, inWorkflow(r, scoring.Number("q", 2).WithReason("better"), 2)))
		b.record(t, record(freshRun(), scoring.Number("of another", 1), 1))
		for _, by := range []scoring.Run{r, {WorkflowID: r.WorkflowID, RunID: r.RunID}} {
			v, err := b.RunView(t.Context(), by)
			require.NoError(t, err)
			require.Equal(t, r, v.Facts.Run)
			require.Equal(t, []scoring.Assignment{a}, v.Assignments)
			require.Len(t, v.Waiting, 1)
			require.Equal(t, expectation(r, "k").Events, v.Waiting[0].Events)
			var said []string
			for _, s := range v.Scores {
				said = append(said, fmt.Sprint(s.Name, " ", s.Revision, " ", s.State, " ", s.Value, " ", s.Reason))
			}
			require.ElementsMatch(t, []string{"q 1 scored 1 ", "q 2 scored 2 better", v.Scores[0].Name + " 1 pending  "}, said)
		}
		_, err = b.RunView(t.Context(), scoring.Run{WorkflowID: r.WorkflowID})
		require.ErrorIs(t, err, store.ErrNotFound)
		other := r
		other.Namespace = "other"
		b.record(t, record(other, scoring.Number("q", 1), 1))
		_, err = b.RunView(t.Context(), scoring.Run{WorkflowID: r.WorkflowID, RunID: r.RunID})
		require.ErrorIs(t, err, store.ErrAmbiguous)
		v, err := b.RunView(t.Context(), other)
		require.NoError(t, err)
		require.Empty(t, v.Assignments, "they are of the other namespace's run")
	}},
}
