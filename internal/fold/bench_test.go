package fold_test

import (
	"database/sql"
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/fold"
	"github.com/verdict-dev/verdict/internal/load"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
)

var scores = flag.Int("scores", 100_000, "scores of the larger store of BenchmarkReport")

// BenchmarkReport measures the overview of an experiment whose units are sealed and folded, with 10,000 scores and with more,
// and how fast units are sealed and folded before. To see it with ten million:
//
//	go test ./internal/fold -run xxx -bench BenchmarkReport -scores 10000000 -timeout 3h
func BenchmarkReport(b *testing.B) {
	x := experiments.MustNew(experiments.Definition{
		Name: load.Experiment, Version: load.Version, Control: "a", Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}},
		Primary:    experiments.Metric{Name: "accepted", Type: experiments.Boolean},
		Guardrails: []experiments.Metric{{Name: "quality", Type: experiments.Bounded, Hi: 1}, {Name: "good", Step: "Write", Type: experiments.Boolean}},
		Maturity:   24 * time.Hour, MDE: .05,
	})
	d := x.Definition()
	key := store.ExperimentKey{Experiment: d.Name, Version: d.Version}
	for _, kind := range []string{"postgres", "sqlite"} {
		for _, n := range []int{10_000, *scores} {
			shape := load.Shape{Scores: n, Days: 30, End: time.Now().Add(-3 * 24 * time.Hour).Truncate(24 * time.Hour)}
			var s store.Store
			var err error
			tidy := func() {}
			if kind == "postgres" {
				dsn := pgtest.Start(b)
				require.NoError(b, postgres.Migrate(b.Context(), dsn))
				require.NoError(b, load.Postgres(b.Context(), dsn, shape, nil))
				s, err = postgres.Open(b.Context(), dsn)
				tidy = func() { // as autovacuum does
					db, err := sql.Open("pgx", dsn)
					require.NoError(b, err)
					_, err = db.ExecContext(b.Context(), `VACUUM ANALYZE`)
					require.NoError(b, err)
					require.NoError(b, db.Close())
				}
				tidy()
			} else {
				path := filepath.Join(b.TempDir(), "load.db")
				var made *sqlite.Store
				made, err = sqlite.Open(b.Context(), path)
				require.NoError(b, err)
				require.NoError(b, made.Close())
				require.NoError(b, load.SQLite(b.Context(), path, shape, nil))
				s, err = sqlite.Open(b.Context(), path)
			}
			require.NoError(b, err)
			began := time.Now()
			units, err := s.Seal(b.Context(), store.Sealing{ExperimentKey: key, After: d.Maturity + d.Grace})
			require.NoError(b, err)
			sealed := time.Since(began)
			tidy()
			began = time.Now()
			require.NoError(b, fold.Advance(b.Context(), s, x, nil))
			folded := time.Since(began)
			tidy()
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				for b.Loop() {
					o, ok, err := fold.Folded(b.Context(), s, x, nil, time.Now())
					require.NoError(b, err)
					require.True(b, ok)
					require.Equal(b, units, o.Report.Units)
				}
				b.ReportMetric(float64(units)/sealed.Seconds(), "sealed/s")
				b.ReportMetric(float64(units)/folded.Seconds(), "folded/s")
			})
			require.NoError(b, s.Close())
		}
	}
}
