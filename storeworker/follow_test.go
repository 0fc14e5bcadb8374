package storeworker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// chains is what a server says of chains, by workflow id. Its first answers come once both pollers ask.
type chains struct {
	mu     sync.Mutex
	asked  int
	both   chan struct{}
	open   map[string]bool
	fails  map[string]bool
	listed []string
}

func (c *chains) closed(ctx context.Context, run scoring.Run) (scoring.Closed, bool, error) {
	c.mu.Lock()
	if c.asked++; c.asked == 2 {
		close(c.both)
	}
	c.mu.Unlock()
	select {
	case <-c.both:
	case <-ctx.Done():
		return scoring.Closed{}, false, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails[run.WorkflowID] {
		return scoring.Closed{}, false, errors.New("the server is away")
	}
	return scoring.Closed{Status: scoring.RunTerminated, At: time.Now()}, c.open[run.WorkflowID], nil
}

func (c *chains) silent(context.Context, time.Time) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listed, nil
}

func (c *chains) ended(_ context.Context, run scoring.Run) (scoring.RunFacts, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return scoring.RunFacts{Run: run, Status: scoring.RunTerminated, ClosedAt: time.Now(), BuildID: "b"}, !c.open[run.WorkflowID], nil
}

// Two replicas ask for the same chains at once, while outcomes come: each declared scorer begins once and has one score.
func TestTwoPollersOfOneStore(t *testing.T) {
	t.Parallel()
	for name, opened := range map[string]func(t *testing.T) (one, other store.Store){
		"SQLite": func(t *testing.T) (one, other store.Store) {
			file := filepath.Join(t.TempDir(), "verdict.db")
			return opens(t, sqlite.Open, file), opens(t, sqlite.Open, file)
		},
		"Postgres": func(t *testing.T) (one, other store.Store) {
			url := pgtest.Start(t)
			require.NoError(t, postgres.Migrate(t.Context(), url))
			return opens(t, postgres.Open, url), opens(t, postgres.Open, url)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := opened(t)
			c := &chains{both: make(chan struct{}), open: map[string]bool{}, fails: map[string]bool{}}
			const n = 60
			run := func(i int) scoring.Run {
				return scoring.Run{Namespace: "default", WorkflowID: fmt.Sprint("w-", i), RunID: fmt.Sprint("r-", i)}
			}
			for i := range n {
				_, err := one.Expect(t.Context(), afterClose(run(i)))
				require.NoError(t, err)
				c.open[run(i).WorkflowID] = i%4 == 1 || i%4 == 3
				c.fails[run(i).WorkflowID] = i%4 == 2
			}
			var all errgroup.Group
			for _, s := range []store.Store{one, other} {
				f := newFollower(s, c, "default")
				all.Go(func() error {
					_ = f.due(t.Context()) // some cannot be asked for now
					for range 3 {
						if err := f.silent(t.Context()); err != nil {
							return err
						}
					}
					return nil
				})
			}
			all.Go(func() error {
				<-c.both
				c.mu.Lock()
				clear(c.fails)
				for i := range n {
					if i%4 != 3 { // that never closes
						c.open[run(i).WorkflowID] = false
						c.listed = append(c.listed, run(i).WorkflowID)
					}
				}
				c.mu.Unlock()
				return nil
			})
			all.Go(func() error {
				for i := range n {
					now := time.Now()
					o := scoring.Outcome{ID: fmt.Sprint("o-", i), Name: "paid", Key: run(i).WorkflowID, ObservedAt: now.Add(-time.Minute), ReceivedAt: now}
					if _, err := other.Receive(t.Context(), o); err != nil {
						return err
					}
				}
				return nil
			})
			require.NoError(t, all.Wait())
			last := newFollower(one, c, "default")
			require.NoError(t, last.silent(t.Context()))
			for i := range n {
				scores, err := one.Scores(t.Context(), store.Filter{Run: run(i)})
				require.NoError(t, err)
				require.Len(t, scores, 1)
				history, err := one.Scores(t.Context(), store.Filter{Run: run(i), History: true})
				require.NoError(t, err)
				facts, err := one.Runs(t.Context(), store.RunFilter{Run: run(i)})
				require.NoError(t, err)
				require.Equal(t, i%4 != 3, facts[0].Status == scoring.RunTerminated && facts[0].BuildID == "b", "it never flushed")
				if i%4 == 3 {
					require.Equal(t, scoring.Pending, scores[0].State)
					require.Len(t, history, 1)
					continue
				}
				require.Equal(t, scoring.BoolValue(true), scores[0].Value, run(i))
				require.Len(t, history, 2, "pending, and decided once")
			}
		})
	}
}

// opens opens a store until the test ends.
func opens[S store.Store](t *testing.T, open func(context.Context, string) (S, error), name string) store.Store {
	t.Helper()
	s, err := open(t.Context(), name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// afterClose is a declared scorer that waits from the close of its run's chain, and is due.
func afterClose(run scoring.Run) scoring.Expectation {
	rule := scoring.Rule{Need: scoring.NeedAny, End: scoring.ExpiresFalse, Events: []scoring.RuleEvent{
		{Event: scoring.Event{Name: "paid", Key: run.WorkflowID}, Means: scoring.BoolValue(true)},
	}}
	at := time.Now().Add(-11 * time.Minute)
	return scoring.Expectation{
		Scorer: "paid", ScorerVersion: "1", Events: rule.All(), Rule: &rule, Call: "1", Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID,
		Window: scoring.Window{Since: at, Until: scoring.OpenEnd}, Start: &scoring.Start{On: scoring.StartOnClose, Length: time.Hour},
		RunStartedAt: at, At: at,
	}
}
