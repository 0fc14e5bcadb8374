package sqlite_test

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// TestBytesOfARun pins how many bytes a run with an assignment and a score takes, and shows what takes them: rows with their documents,
// and indexes.
//
//	go test ./store/sqlite -run TestBytesOfARun -v
func TestBytesOfARun(t *testing.T) {
	t.Parallel()
	const runs, most = 2000, 2900
	path := filepath.Join(t.TempDir(), "verdict.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	var all errgroup.Group
	all.SetLimit(256)
	for i := range runs {
		all.Go(func() error {
			seed := sha256.Sum256(fmt.Append(nil, i))
			run := scoring.Run{Namespace: "default", WorkflowID: "order-" + uuid.NewSHA1(uuid.Nil, seed[:16]).String(), RunID: uuid.NewSHA1(uuid.Nil, seed[16:]).String()}
			a := scoring.Assignment{
				Experiment: "retriever", Version: "1", Variant: "vectors", By: scoring.ByWeight, Unit: run.RunID, Vouched: true,
				Probabilities: map[string]float64{"bm25": .5, "vectors": .5}, Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "Answer", At: noon,
			}
			if _, err := s.Assign(t.Context(), a); err != nil {
				return err
			}
			score := scoring.Bool("good", true)
			score.ObservedAt = noon
			return s.Flush(t.Context(), scoring.Flush{
				Facts: scoring.RunFacts{
					Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "Answer", TaskQueue: "answers", Attempt: 1,
					StartedAt: noon, ClosedAt: noon.Add(time.Second), Status: scoring.RunCompleted, BuildID: "b1", Assigned: []scoring.Ref{a.Ref()},
				},
				Sequence: 11, Ordinal: 1, At: noon,
				Records: []scoring.Record{{Score: score, Run: run, OriginalRunID: run.RunID, Source: scoring.FromWorkflow, BuildID: "b1"}},
			})
		})
	}
	require.NoError(t, all.Wait())
	require.NoError(t, s.Close())

	compact := filepath.Join(t.TempDir(), "compact.db")
	whole, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	_, err = whole.ExecContext(t.Context(), `VACUUM INTO '`+compact+`'`)
	require.NoError(t, err)
	require.NoError(t, whole.Close())
	db, err := sql.Open("sqlite", "file:"+compact)
	require.NoError(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT name, SUM(pgsize) FROM dbstat GROUP BY name HAVING SUM(pgsize) > 4096 ORDER BY 2 DESC`)
	require.NoError(t, err)
	defer rows.Close()
	sum := 0
	for rows.Next() {
		var name string
		var bytes int
		require.NoError(t, rows.Scan(&name, &bytes))
		if name != "sqlite_schema" {
			sum += bytes
			t.Logf("%5d %s", bytes/runs, name)
		}
	}
	require.NoError(t, rows.Err())
	t.Logf("%5d bytes a run", sum/runs)
	require.LessOrEqual(t, sum/runs, most)
	require.Greater(t, sum/runs, most/2) // the measurement saw the rows
}
