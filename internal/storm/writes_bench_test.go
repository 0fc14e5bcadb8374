package storm

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// writers is how many callers write at a time. A user's worker has one for each run and activity under way.
const writers = 1024

// written are the tables that the forms of BenchmarkWrites write to, in the order of their references, each with its column that grows.
var written = []struct{ table, grows string }{{"runs", "id"}, {"run_experiments", "run"}, {"scores", "id"}, {"assignments", "id"}}

// writtenRun is a run that says everything once.
func writtenRun() (scoring.Flush, scoring.Assignment) {
	now := time.Now()
	run := scoring.Run{Namespace: "default", WorkflowID: "order-" + uuid.NewString(), RunID: uuid.NewString()}
	a := scoring.Assignment{
		Experiment: "retriever", Version: "1", Variant: "vectors", By: scoring.ByWeight, Unit: run.RunID, Vouched: true,
		Probabilities: map[string]float64{"bm25": .5, "vectors": .5}, Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "Answer", At: now,
	}
	score := scoring.Bool("good", true)
	score.ObservedAt = now
	return scoring.Flush{
		Facts: scoring.RunFacts{
			Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "Answer", TaskQueue: "answers", Attempt: 1,
			StartedAt: now.Add(-time.Second), ClosedAt: now, Status: scoring.RunCompleted, BuildID: "b1", Assigned: []scoring.Ref{a.Ref()},
		},
		Sequence: 11, Ordinal: 1, At: now,
		Records: []scoring.Record{{Score: score, Run: run, OriginalRunID: run.RunID, Source: scoring.FromWorkflow, BuildID: "b1"}},
	}, a
}

// BenchmarkWrites measures how many scores a second a store takes, each acknowledged once it is on the disk, and how many a second a
// bulk load of the same rows into the same tables: COPY into Postgres, an INSERT for each row in one transaction into SQLite, with the
// same indexes and without triggers. The two take turns, 5,000 scores at a time. ratio is one by the other.
//
//	score   a step's score about a run that the store does not know
//	flush   the flush of a run with a score
//	run     a run's assignment and, once it is acknowledged, its flush with a score
//	ten     the flush of a run with ten scores
//
//	go test ./internal/storm -run '^$' -bench Writes -benchtime 50000x
func BenchmarkWrites(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			forms := []struct {
				name   string
				scores int
				say    func(ctx context.Context, s store.Store) error
			}{
				{"score", 1, func(ctx context.Context, s store.Store) error {
					f, _ := writtenRun()
					r := f.Records[0]
					r.Source, r.Step, r.RecordedAt = scoring.FromActivity, scoring.Step{ID: "5", Type: "Retrieve", Attempt: 1}, f.At
					return s.Record(ctx, []scoring.Record{r})
				}},
				{"flush", 1, func(ctx context.Context, s store.Store) error {
					f, _ := writtenRun()
					f.Facts.Assigned = nil
					return s.Flush(ctx, f)
				}},
				{"run", 1, func(ctx context.Context, s store.Store) error {
					f, a := writtenRun()
					if _, err := s.Assign(ctx, a); err != nil {
						return err
					}
					return s.Flush(ctx, f)
				}},
				{"ten", 10, func(ctx context.Context, s store.Store) error {
					f, _ := writtenRun()
					f.Facts.Assigned = nil
					for i := range 9 {
						r := f.Records[0]
						r.Name = fmt.Sprint("good", i)
						f.Records = append(f.Records, r)
					}
					return s.Flush(ctx, f)
				}},
			}
			for _, form := range forms {
				b.Run(form.name, func(b *testing.B) {
					s, load := benchStore(b, kind)
					n, block := max(1, b.N/form.scores), 5000/form.scores
					var took, loading time.Duration
					for from := 0; from < n; from += block {
						began := time.Now()
						each(b, writers, from, min(from+block, n), func(int) error { return form.say(b.Context(), s) })
						took += time.Since(began)
						loading += load()
					}
					scores := float64(n * form.scores)
					b.ReportMetric(scores/took.Seconds(), "scores/s")
					b.ReportMetric(scores/loading.Seconds(), "raw/s")
					b.ReportMetric(loading.Seconds()/took.Seconds(), "ratio")
					b.ReportMetric(0, "ns/op")
				})
			}
		})
	}
}

// benchStore opens an empty store, and returns what loads the rows that are new in it into tables like its own, and takes the time.
func benchStore(b *testing.B, kind string) (s store.Store, load func() time.Duration) {
	if kind == "postgres" {
		url := pgtest.Durable(b)
		require.NoError(b, postgres.Migrate(b.Context(), url))
		db, err := postgres.Open(b.Context(), url)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, db.Close()) })
		return db, copies(b, url)
	}
	path := filepath.Join(b.TempDir(), "verdict.db")
	db, err := sqlite.Open(b.Context(), path)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	return db, inserts(b, path)
}

// copies loads by COPY.
func copies(b *testing.B, url string) func() time.Duration {
	ctx := b.Context()
	c, err := pgconn.Connect(ctx, url)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.Close(context.WithoutCancel(ctx))) })
	exec := func(query string) {
		_, err := c.Exec(ctx, query).ReadAll()
		require.NoError(b, err)
	}
	for _, w := range written {
		exec(`CREATE TABLE raw_` + w.table + ` (LIKE ` + w.table + ` INCLUDING ALL)`)
	}
	return func() time.Duration {
		rows := make([]bytes.Buffer, len(written))
		for i, w := range written {
			_, err := c.CopyTo(ctx, &rows[i], fmt.Sprintf(`COPY (SELECT * FROM %s WHERE %s > (SELECT COALESCE(MAX(%[2]s), 0) FROM raw_%[1]s) ORDER BY %[2]s) TO STDOUT (FORMAT binary)`, w.table, w.grows))
			require.NoError(b, err)
		}
		began := time.Now()
		exec(`BEGIN`)
		for i, w := range written {
			_, err := c.CopyFrom(ctx, &rows[i], `COPY raw_`+w.table+` FROM STDIN (FORMAT binary)`)
			require.NoError(b, err)
		}
		exec(`COMMIT`)
		return time.Since(began)
	}
}

// inserts loads by a prepared INSERT of each row.
func inserts(b *testing.B, path string) func() time.Duration {
	ctx := b.Context()
	empty := filepath.Join(b.TempDir(), "raw.db")
	s, err := sqlite.Open(ctx, empty)
	require.NoError(b, err)
	require.NoError(b, s.Close())
	open := func(path string) *sql.DB {
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-32768)")
		require.NoError(b, err)
		db.SetMaxOpenConns(1)
		b.Cleanup(func() { require.NoError(b, db.Close()) })
		return db
	}
	from, to := open(path), open(empty)
	for _, trigger := range rowsOf(b, to, `SELECT name FROM sqlite_master WHERE type = 'trigger'`) {
		_, err := to.ExecContext(ctx, `DROP TRIGGER `+trigger[0].(string))
		require.NoError(b, err)
	}
	return func() time.Duration {
		all := make([][][]any, len(written))
		for i, w := range written {
			last := rowsOf(b, to, fmt.Sprintf(`SELECT COALESCE(MAX(%s), 0) FROM %s`, w.grows, w.table))[0][0]
			all[i] = rowsOf(b, from, fmt.Sprintf(`SELECT * FROM %s WHERE %s > %d ORDER BY %[2]s`, w.table, w.grows, last))
		}
		began := time.Now()
		tx, err := to.BeginTx(ctx, nil)
		require.NoError(b, err)
		for i, w := range written {
			if len(all[i]) == 0 {
				continue
			}
			insert, err := tx.PrepareContext(ctx, `INSERT INTO `+w.table+` VALUES (?`+strings.Repeat(", ?", len(all[i][0])-1)+`)`)
			require.NoError(b, err)
			for _, row := range all[i] {
				_, err := insert.ExecContext(ctx, row...)
				require.NoError(b, err)
			}
		}
		require.NoError(b, tx.Commit())
		return time.Since(began)
	}
}

func rowsOf(b *testing.B, db *sql.DB, query string) (all [][]any) {
	rows, err := db.QueryContext(b.Context(), query)
	require.NoError(b, err)
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(b, err)
	for rows.Next() {
		row, to := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		require.NoError(b, rows.Scan(to...))
		all = append(all, row)
	}
	require.NoError(b, rows.Err())
	return all
}
