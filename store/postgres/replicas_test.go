package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
)

// Replicas write the same database: each groups its own writes, so only between them do transactions meet. They all take
// locks in one order, or pgtest counts a deadlock; and each declared scorer has its score.
func TestReplicasMeet(t *testing.T) {
	t.Parallel()
	const keys, runs, outcomes = 8, 160, 12 // outcomes of each key
	url := migrated(t)
	var replicas []*postgres.Store
	for range 4 {
		s := open(t, url)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		replicas = append(replicas, s)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	waits := func(i int) scoring.Expectation {
		rule := scoring.Rule{Need: scoring.NeedAny, End: scoring.ExpiresFalse}
		for _, n := range []int{i, i/keys + 3*i + 1, 5*i + 2} {
			e := scoring.Event{Name: fmt.Sprint("happened ", len(rule.Events)), Key: fmt.Sprint("key ", n%keys)}
			rule.Events = append(rule.Events, scoring.RuleEvent{Event: e, Means: scoring.BoolValue(true)})
		}
		id := fmt.Sprint("run ", i)
		return scoring.Expectation{
			Scorer: "s", ScorerVersion: "1", Events: rule.All(), Rule: &rule, Call: "1", Place: 10, At: now,
			Window: scoring.Window{Since: now.Add(-time.Hour), Until: now.Add(time.Hour)},
			Run:    scoring.Run{Namespace: "default", WorkflowID: id, RunID: id}, FirstRunID: id, OriginalRunID: id, RunStartedAt: now,
		}
	}
	var all errgroup.Group
	for i := range runs {
		all.Go(func() error {
			e := waits(i)
			if _, err := replicas[i%4].Expect(t.Context(), e); err != nil {
				return err
			}
			facts := scoring.RunFacts{Run: e.Run, FirstRunID: e.FirstRunID, OriginalRunID: e.OriginalRunID, WorkflowType: "T", StartedAt: now}
			return replicas[(i+1)%4].Flush(t.Context(), scoring.Flush{
				Facts: facts, Sequence: 20, Ordinal: 1, At: now.Add(time.Second), Waits: []scoring.Expectation{e},
			})
		})
	}
	for i := range keys * outcomes {
		all.Go(func() error {
			_, err := replicas[i/keys%4].Receive(t.Context(), scoring.Outcome{
				ID: fmt.Sprint("o", i), Name: fmt.Sprint("happened ", i%3), Key: fmt.Sprint("key ", i%keys), ObservedAt: now, ReceivedAt: now,
			})
			return err
		})
	}
	for _, s := range replicas {
		all.Go(func() error {
			for range 10 {
				if _, err := s.CloseDue(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	for _, derived := range []bool{true, false} {
		for i := range runs {
			got, err := replicas[0].Scores(t.Context(), store.Filter{Run: waits(i).Run})
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.Equal(t, scoring.BoolValue(true), got[0].Value, "run %d, derived %v", i, derived)
		}
		_, err := replicas[0].CloseDue(t.Context())
		require.NoError(t, err)
	}
}
