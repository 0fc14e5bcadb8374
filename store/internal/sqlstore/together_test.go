package sqlstore_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/internal/sqlstore"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// Calls that share a transaction leave what they leave one after another.
func TestTogetherAsOneByOne(t *testing.T) {
	t.Parallel()
	one, together := emptyStore(t), emptyStore(t)
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++ // has workflow ids, keys, sessions and an experiment of its own
		calls := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) sqlstore.Call { return anyCall(r, round) }), 1, 30).Draw(r, "calls")
		for _, c := range calls {
			require.NoError(r, one.Together(t.Context(), c))
		}
		for len(calls) > 0 {
			n := rapid.IntRange(1, len(calls)).Draw(r, "together")
			require.NoError(r, together.Together(t.Context(), calls[:n]...))
			calls = calls[n:]
		}
		require.Equal(r, everythingIn(t, one, round), everythingIn(t, together, round))
	})
}

func emptyStore(t *testing.T) *sqlite.Store {
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func workflowOf(round, i int) string { return fmt.Sprint("w", round, "-", i) }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// anyCall is about one of a few runs, some of which are resets of each other.
func anyCall(r *rapid.T, round int) sqlstore.Call {
	pick := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(r, what) }
	at := noon.Add(time.Duration(pick("minute", 20)) * time.Minute)
	run := scoring.Run{Namespace: "default", WorkflowID: workflowOf(round, pick("workflow", 3)), RunID: fmt.Sprint("r", pick("run", 3))}
	original := ""
	if pick("original is known", 4) > 0 {
		original = run.RunID
		if run.RunID == "r2" {
			original = "r0"
		}
	}
	record := func(source scoring.Source) scoring.Record {
		s := scoring.Number(fmt.Sprint("n", pick("name", 3)), float64(pick("value", 2)))
		if pick("in a session", 3) == 0 {
			s.Sessions = []scoring.Session{{Key: "chat", ID: fmt.Sprint(round, "-1")}}
		}
		rec := scoring.Record{Score: s, Run: run, OriginalRunID: original, Source: source, RecordedAt: at}
		if source == scoring.FromActivity {
			rec.Step = scoring.Step{ID: fmt.Sprint(pick("step", 2)), Type: "Retrieve", Attempt: int32(1 + pick("attempt", 2))}
		}
		return rec
	}
	var call sqlstore.Call
	var err error
	switch pick("kind", 4) {
	case 0:
		a := scoring.Assignment{
			Experiment: fmt.Sprint("retriever", round), Version: fmt.Sprint(pick("version", 2)), Variant: "a", By: scoring.ByWeight, Unit: run.RunID, Vouched: pick("vouched", 2) == 0,
			Probabilities: map[string]float64{"a": .5, "b": .5}, Run: run, FirstRunID: "r0", OriginalRunID: original, At: at, Disowned: pick("disowned", 5) == 0,
		}
		call, err = sqlstore.Assign(a)
	case 1:
		var all []scoring.Record
		for range 1 + pick("records", 3) {
			all = append(all, record(rapid.SampledFrom([]scoring.Source{scoring.FromActivity, scoring.FromClient, scoring.FromScorer}).Draw(r, "source")))
		}
		call, err = sqlstore.Records(all...)
	default:
		f := scoring.Flush{
			Facts:    scoring.RunFacts{Run: run, FirstRunID: "r0", OriginalRunID: original, StartedAt: noon},
			Sequence: int64(3 + pick("sequence", 3)), Ordinal: 1, At: at, Partial: pick("partial", 6) == 0,
		}
		if pick("ends", 2) == 0 && !f.Partial {
			f.Facts.Status, f.Facts.ClosedAt = scoring.RunCompleted, at
		}
		if pick("assigned", 3) == 0 {
			f.Facts.Assigned = []scoring.Ref{{Experiment: fmt.Sprint("retriever", round), Version: "0", Variant: rapid.SampledFrom([]string{"a", "b"}).Draw(r, "variant"), FirstRunID: "r0"}}
		}
		if pick("declares", 3) == 0 {
			f.Facts.Keys, f.Facts.Sessions = []string{run.WorkflowID + run.RunID}, []scoring.Session{{Key: "chat", ID: fmt.Sprint(round, "-2")}}
		}
		named := map[string]bool{}
		for range pick("scores", 3) {
			if rec := record(scoring.FromWorkflow); !named[rec.Name] {
				rec.RecordedAt = time.Time{}
				named[rec.Name], f.Records = true, append(f.Records, rec)
			}
		}
		call, err = sqlstore.Flush(f)
	}
	require.NoError(r, err)
	return call
}

// contents is everything that readers get, in an order that does not depend on how it was written.
type contents struct {
	scores      []scoring.Record
	runs        []scoring.RunFacts
	held        map[string]string
	chats       [2]int
	assignments []scoring.Assignment
}

func everythingIn(t *testing.T, s store.Store, round int) (c contents) {
	ctx := t.Context()
	for i := range 3 {
		run := scoring.Run{WorkflowID: workflowOf(round, i)}
		scores, err := s.Scores(ctx, store.Filter{Run: run, History: true, Retracted: true, Superseded: true})
		require.NoError(t, err)
		c.scores = append(c.scores, scores...)
		runs, err := s.Runs(ctx, store.RunFilter{Run: run, Superseded: true})
		require.NoError(t, err)
		c.runs = append(c.runs, runs...)
	}
	slices.SortFunc(c.scores, func(a, b scoring.Record) int {
		return cmp.Or(cmp.Compare(a.Run.String(), b.Run.String()), cmp.Compare(a.Mark(), b.Mark()), cmp.Compare(a.Revision, b.Revision))
	})
	slices.SortFunc(c.runs, func(a, b scoring.RunFacts) int { return cmp.Compare(a.Run.String(), b.Run.String()) })
	c.held = map[string]string{}
	for _, f := range c.runs {
		key := f.Run.WorkflowID + f.Run.RunID
		run, err := s.RunOfKey(ctx, key)
		c.held[key] = fmt.Sprint(run, err)
	}
	for i := range c.chats {
		in, err := s.Scores(ctx, store.Filter{Session: scoring.Session{Key: "chat", ID: fmt.Sprint(round, "-", 1+i)}})
		require.NoError(t, err)
		c.chats[i] = len(in)
	}
	var err error
	c.assignments, err = s.Assignments(ctx, fmt.Sprint("retriever", round), "")
	require.NoError(t, err)
	slices.SortFunc(c.assignments, func(a, b scoring.Assignment) int {
		return cmp.Or(cmp.Compare(a.Run.String(), b.Run.String()), cmp.Compare(a.Version, b.Version))
	})
	return c
}
