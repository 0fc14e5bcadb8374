package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

// A statement that changes several rows leaves as many as before in a count, and may still change their sum or their squares.
func TestCountsOfAStatement(t *testing.T) {
	t.Parallel()
	url := migrated(t)
	s, db := open(t, url), connect(t, url)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for id, of := range map[string]struct {
		build, name string
		value       float64
	}{"r1": {"b1", "swaps", 1}, "r2": {"b2", "swaps", 5}, "r3": {"b1", "meets", 0}, "r4": {"b1", "meets", 2}} {
		r := record(id, of.value)
		r.Name, r.Source = of.name, scoring.FromWorkflow
		require.NoError(t, s.Flush(t.Context(), scoring.Flush{
			Facts:    scoring.RunFacts{Run: r.Run, FirstRunID: id, OriginalRunID: id, StartedAt: time.Now(), Status: scoring.RunCompleted, BuildID: of.build},
			Sequence: 1, At: time.Now(), Records: []scoring.Record{r},
		}))
	}
	const kept = `SELECT key, value, name, step, state, build, day, SUM(n) AS n, SUM(valued), SUM(total), SUM(squares)
		FROM (TABLE counts UNION ALL SELECT kind, key, value, name, step, state, build, day, n, valued, total, squares FROM count_deltas) c
		WHERE kind = 'score' GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING SUM(n) <> 0`
	const counted = `SELECT key, value, name, step, state, build, day, SUM(n) AS n, SUM(valued), SUM(total), SUM(squares) FROM counted_scores GROUP BY 1, 2, 3, 4, 5, 6, 7`
	for _, statement := range []string{
		`SELECT 1`,
		`UPDATE runs SET doc = replace(replace(replace(doc, '"b1"', '"b"'), '"b2"', '"b1"'), '"b"', '"b2"') WHERE run_id IN ('r1', 'r2')`,
		`UPDATE scores SET value = 1 WHERE name = 'meets'`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		var same, apart int
		require.NoError(t, db.QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM (`+kept+` INTERSECT `+counted+`) x),
			(SELECT COUNT(*) FROM ((`+kept+` EXCEPT `+counted+`) UNION ALL (`+counted+` EXCEPT `+kept+`)) y)`).Scan(&same, &apart))
		require.Positive(t, same, statement)
		require.Zero(t, apart, statement)
	}
}
