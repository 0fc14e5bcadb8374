package store

import (
	"context"

	"github.com/verdict-dev/verdict/experiments"
)

// ExperimentRows returns all rows that the units of an experiment are read from.
func ExperimentRows(ctx context.Context, s Reader, key ExperimentKey) (rows experiments.Rows, err error) {
	if rows.Assignments, err = s.Assignments(ctx, key.Experiment, key.Version); err != nil {
		return rows, err
	}
	if rows.Runs, err = s.Runs(ctx, RunFilter{Experiment: key.Experiment}); err != nil {
		return rows, err
	}
	rows.Records, err = s.Scores(ctx, Filter{Experiment: key.Experiment, Version: key.Version, History: true, Retracted: true})
	return rows, err
}
