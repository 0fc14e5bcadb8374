package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// Run fills a store, and writes how long that took and how long reading takes.
func Run(ctx context.Context, db string, scores, days int, out io.Writer) (err error) {
	isPostgres := strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
	var s store.Store
	if isPostgres {
		if err := postgres.Migrate(ctx, db); err != nil {
			return err
		}
		s, err = postgres.Open(ctx, db)
	} else {
		s, err = sqlite.Open(ctx, db)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	shape := Shape{Scores: scores, Days: days, End: time.Now().Truncate(24 * time.Hour)}
	begun, told := time.Now(), time.Now()
	tell := func(n int) {
		if time.Since(told) > 10*time.Second || n == scores {
			told = time.Now()
			fmt.Fprintf(out, "%d scores in %s\n", n, time.Since(begun).Round(time.Second))
		}
	}
	if isPostgres {
		err = Postgres(ctx, db, shape, tell)
	} else {
		err = SQLite(ctx, db, shape, tell)
	}
	if err != nil {
		return err
	}
	folding := time.Now()
	folded, err := s.FoldCounts(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "folded %d notes in %s\n", folded, time.Since(folding).Round(time.Millisecond))
	for _, r := range Readings() {
		took, err := Median(ctx, s, r, 11)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
		fmt.Fprintf(out, "%-28s %s\n", r.Name, took.Round(10*time.Microsecond))
	}
	return nil
}

// Reading is something that is asked of a store, and must cost the same at any size.
type Reading struct {
	Name string
	Do   func(ctx context.Context, s store.Store) error
}

// Readings are the questions whose price does not depend on the rows.
func Readings() []Reading {
	counted := func(o report.Options) func(ctx context.Context, s store.Store) error {
		return func(ctx context.Context, s store.Store) error {
			o := o
			if o.Now = time.Now(); o.By == report.ByBoth {
				o.Since = o.Now.AddDate(0, 0, -7)
			}
			_, err := report.Build(ctx, s, o)
			return err
		}
	}
	return []Reading{
		{"report --since 168h", counted(report.Options{})},
		{"report --by day", counted(report.Options{By: report.ByDay})},
		{"report --by build", counted(report.Options{By: report.ByBuild})},
		{"report --by attribute=prompt", counted(report.Options{By: report.ByAttribute("prompt")})},
		{"counts by step, day, build", func(ctx context.Context, s store.Store) error {
			_, err := s.Counts(ctx, store.CountFilter{Of: store.CountScores, By: []store.Dimension{store.ByStep, store.ByDay, store.ByBuild}})
			return err
		}},
		{"counts by variant and day", func(ctx context.Context, s store.Store) error {
			_, err := s.Counts(ctx, store.CountFilter{Of: store.CountScores, By: []store.Dimension{store.ByDay}, Slice: store.SliceOfExperiment(Experiment, Version)})
			return err
		}},
		{"the newest scores", func(ctx context.Context, s store.Store) error {
			_, _, err := s.ScorePage(ctx, store.Filter{}, store.Page{Limit: 100})
			return err
		}},
		{"an experiment's scores", func(ctx context.Context, s store.Store) error {
			_, _, err := s.ScorePage(ctx, store.Filter{Experiment: Experiment, Version: Version}, store.Page{Limit: 100})
			return err
		}},
		{"a run", func(ctx context.Context, s store.Store) error {
			newest, _, err := s.ScorePage(ctx, store.Filter{}, store.Page{Limit: 1})
			if err == nil && len(newest) > 0 {
				_, err = s.RunView(ctx, newest[0].Run)
			}
			return err
		}},
		{"the outcomes", func(ctx context.Context, s store.Store) error {
			_, _, err := s.LedgerPage(ctx, store.LedgerFilter{}, store.Page{Limit: 100})
			return err
		}},
		{"the experiments", func(ctx context.Context, s store.Store) error {
			_, err := s.Experiments(ctx)
			return err
		}},
		{"runs without a flush", func(ctx context.Context, s store.Store) error {
			_, err := s.Runs(ctx, store.RunFilter{Unflushed: true, Newest: true, Limit: 201})
			return err
		}},
	}
}

// Median returns the median time of an odd number of readings, after one that is not counted.
func Median(ctx context.Context, s store.Store, r Reading, times int) (time.Duration, error) {
	all := make([]time.Duration, times)
	for i := range times + 1 {
		begun := time.Now()
		if err := r.Do(ctx, s); err != nil {
			return 0, err
		}
		all[max(0, i-1)] = time.Since(begun)
	}
	slices.Sort(all)
	return all[times/2], nil
}
