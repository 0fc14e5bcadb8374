package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// tracer counts the statements of each transaction.
type tracer struct {
	mu   sync.Mutex
	open map[*pgx.Conn]int
	all  []int
}

func (t *tracer) TraceQueryStart(ctx context.Context, c *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch n, within := t.open[c]; {
	case strings.HasPrefix(q.SQL, "begin"):
		t.open[c] = 0
	case q.SQL == "commit":
		t.all = append(t.all, n)
		delete(t.open, c)
	case within:
		t.open[c]++
	}
	return ctx
}

func (t *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// take returns the statements of each transaction since the last call.
func (t *tracer) take() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.all
	t.all = nil
	return all
}

// traced opens a store on an empty database.
func traced(t *testing.T) (*Store, *tracer) {
	t.Helper()
	url := pgtest.Start(t)
	require.NoError(t, Migrate(t.Context(), url))
	counter := &tracer{open: map[*pgx.Conn]int{}}
	db, closeDB, err := connect(t.Context(), url, func(c *pgxpool.Config) { c.ConnConfig.Tracer = counter })
	require.NoError(t, err)
	s := newStore(db, closeDB)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, counter
}

// A group of outcomes takes as many statements as one does, and an outcome for thousands as many as for one.
func TestStatementsDoNotGrowWithOutcomes(t *testing.T) {
	t.Parallel()
	s, counter := traced(t)
	expect := func(run, key string) {
		t.Helper()
		_, err := s.Expect(t.Context(), waiting(run, key))
		require.NoError(t, err)
	}
	const n = 250
	for i := range n {
		expect(fmt.Sprint("one-", i), fmt.Sprint("k", i))
		expect(fmt.Sprint("hot-", i), "hot")
	}
	now := time.Now()
	receive := func(key string) error {
		_, err := s.Receive(t.Context(), scoring.Outcome{ID: key, Name: "paid", Key: key, ReceivedAt: now})
		return err
	}
	const most = 12
	counter.take()
	var all errgroup.Group
	for i := range n {
		all.Go(func() error { return receive(fmt.Sprint("k", i)) })
	}
	require.NoError(t, all.Wait())
	groups := counter.take()
	require.Less(t, len(groups), n, "outcomes that come together share transactions")
	for _, statements := range groups {
		require.LessOrEqual(t, statements, most)
	}
	require.NoError(t, receive("hot"))
	require.LessOrEqual(t, counter.take()[0], most+1, "and one that leaves some to the closer")
	_, err := s.CloseDue(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, counter.take()[0], most)
	scored, err := s.Scores(t.Context(), store.Filter{States: []scoring.State{scoring.Scored}})
	require.NoError(t, err)
	require.Len(t, scored, 2*n)
}

// A group of records, flushes and assignments takes as many statements as one of each does.
func TestStatementsDoNotGrowWithWrites(t *testing.T) {
	t.Parallel()
	s, counter := traced(t)
	now := time.Now()
	say := func(i int) (err error) {
		run := scoring.Run{Namespace: "default", WorkflowID: fmt.Sprint("w", i), RunID: "r"}
		a := scoring.Assignment{
			Experiment: "retriever", Version: "1", Variant: "a", By: scoring.ByWeight, Unit: run.WorkflowID, Vouched: true,
			Probabilities: map[string]float64{"a": 1}, Run: run, FirstRunID: "r", OriginalRunID: "r", At: now,
		}
		kept, err := s.Assign(t.Context(), a)
		if err != nil || kept.Unit != a.Unit {
			return fmt.Errorf("%v, %w", kept, err)
		}
		step := scoring.Record{
			Score: scoring.Number("n", 1), Run: run, Source: scoring.FromActivity, Step: scoring.Step{ID: "5", Type: "Retrieve", Attempt: 1}, RecordedAt: now,
		}
		if err := s.Record(t.Context(), []scoring.Record{step}); err != nil {
			return err
		}
		own := scoring.Record{Score: scoring.Bool("good", true), Run: run, Source: scoring.FromWorkflow}
		own.Sessions = []scoring.Session{{Key: "chat", ID: "1"}}
		return s.Flush(t.Context(), scoring.Flush{
			Facts: scoring.RunFacts{
				Run: run, FirstRunID: "r", OriginalRunID: "r", StartedAt: now, Status: scoring.RunCompleted, Keys: []string{run.WorkflowID},
				Sessions: []scoring.Session{{Key: "chat", ID: "1"}}, Assigned: []scoring.Ref{a.Ref()},
			},
			Sequence: 11, Ordinal: 1, At: now, Records: []scoring.Record{own},
		})
	}
	const most = 24 // one of each kind
	counter.take()
	const n = 250
	var all errgroup.Group
	for i := range n {
		all.Go(func() error { return say(i) })
	}
	require.NoError(t, all.Wait())
	groups := counter.take()
	require.Less(t, len(groups), n, "calls that come together share transactions")
	for _, statements := range groups {
		require.LessOrEqual(t, statements, most)
	}
	scored, err := s.Scores(t.Context(), store.Filter{Session: scoring.Session{Key: "chat", ID: "1"}})
	require.NoError(t, err)
	require.Len(t, scored, 2*n, "of the sessions of runs")
}

// A group reads what its calls are about, and prune reads each row some times, and neither reads whole tables: also before the database
// has statistics of them, when its plans are for tables that are as good as empty.
func TestWritesAndPruneReadNoTables(t *testing.T) {
	t.Parallel()
	url := pgtest.Start(t)
	require.NoError(t, Migrate(t.Context(), url))
	const n = 4000
	now := time.Now()
	// within does something with a store and returns how many rows that reads.
	var before int64
	within := func(do func(s *Store)) int64 {
		s, err := Open(t.Context(), url)
		require.NoError(t, err)
		do(s)
		require.NoError(t, s.Close()) // sessions report their statistics when they end
		c, err := pgx.Connect(t.Context(), url)
		require.NoError(t, err)
		defer c.Close(t.Context())
		var open, read, written int64
		require.Eventually(t, func() bool {
			err := c.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'),
				SUM(COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0)), SUM(n_tup_ins) FROM pg_stat_user_tables
				WHERE relname IN ('runs', 'scores', 'expectations', 'served', 'assignments')`).Scan(&open, &read, &written)
			return err == nil && open == 1 && written >= 2*n
		}, time.Minute, 50*time.Millisecond)
		read, before = read-before, read
		return read
	}
	wrote := within(func(s *Store) {
		var all errgroup.Group
		all.SetLimit(512)
		for i := range n {
			all.Go(func() error {
				run := scoring.Run{Namespace: "default", WorkflowID: fmt.Sprint("w", i), RunID: "r"}
				a := scoring.Assignment{
					Experiment: "retriever", Version: "1", Variant: "a", By: scoring.ByWeight, Unit: run.WorkflowID,
					Probabilities: map[string]float64{"a": 1}, Run: run, FirstRunID: "r", OriginalRunID: "r", At: now,
				}
				facts := scoring.RunFacts{Run: run, FirstRunID: "r", OriginalRunID: "r", StartedAt: now, Status: scoring.RunCompleted}
				if i%2 == 0 {
					if _, err := s.Assign(t.Context(), a); err != nil {
						return err
					}
					facts.Assigned = []scoring.Ref{a.Ref()}
				}
				own := scoring.Record{Score: scoring.Bool("good", true), Run: run, Source: scoring.FromWorkflow}
				return s.Flush(t.Context(), scoring.Flush{Facts: facts, Sequence: 11, Ordinal: 1, At: now, Records: []scoring.Record{own}})
			})
		}
		require.NoError(t, all.Wait())
	})
	pruned := within(func(s *Store) {
		later := now.Add(time.Hour)
		done, err := s.Prune(t.Context(), store.Pruning{Scores: later, Revisions: later, Runs: later, DryRun: true})
		require.NoError(t, err)
		require.Equal(t, store.Pruned{Scores: n / 2, Runs: n / 2}, done)
	})
	t.Logf("%d rows read to write %d runs, %d to prune them", wrote, n, pruned)
	require.Less(t, wrote, int64(100*n))
	require.Less(t, pruned, int64(100*n))
}

// waiting is an expectation of a payment.
func waiting(run, key string) scoring.Expectation {
	now := time.Now().Truncate(time.Second)
	rule := scoring.Rule{
		Need: scoring.NeedAny, End: scoring.ExpiresFalse,
		Events: []scoring.RuleEvent{{Event: scoring.Event{Name: "paid", Key: key}, Means: scoring.BoolValue(true)}},
	}
	return scoring.Expectation{
		Scorer: "paid", ScorerVersion: "1", Events: rule.All(), Rule: &rule, Call: "1", At: now, RunStartedAt: now,
		Window: scoring.Window{Since: now.Add(-time.Hour), Until: now.Add(time.Hour)},
		Run:    scoring.Run{Namespace: "default", WorkflowID: run, RunID: "r"},
	}
}
