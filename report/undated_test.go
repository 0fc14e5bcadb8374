package report_test

import (
	"context"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// undated is a store of an earlier release, which did not keep when it learned of its rows. It stands for one whose clock
// was at the dates of these tests.
type undated struct{ store.Store }

func (s undated) ExperimentRows(ctx context.Context, key store.ExperimentKey) (experiments.Rows, error) {
	rows, err := s.Store.ExperimentRows(ctx, key)
	for i := range rows.Assignments {
		a := &rows.Assignments[i]
		a.RecordedAt, a.SupersededAt, a.UnservedAt = time.Time{}, time.Time{}, time.Time{}
	}
	for i := range rows.Runs {
		rows.Runs[i].Learned = scoring.Learned{Removed: rows.Runs[i].Learned.Removed}
	}
	for i := range rows.Records {
		r := &rows.Records[i]
		r.ArrivedAt, r.SupersededAt = time.Time{}, time.Time{}
		for j := range r.Said {
			r.Said[j].ArrivedAt = time.Time{}
		}
	}
	return rows, err
}
