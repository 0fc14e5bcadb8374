package report

import (
	"context"
	"maps"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// place is where scores of one name are.
type place = analysis.Place

// evidence has the rows of an experiment, and its units as a definition's window makes them.
type evidence struct {
	rows    experiments.Rows
	records []scoring.Record // that hold now: a definition is inferred from them
	units   *analysis.Reader
	o       Options
	// said has the server's answers about runs that never flushed.
	said map[scoring.Run]RunState
}

func readEvidence(ctx context.Context, s store.Reader, key store.ExperimentKey, said map[scoring.Run]RunState, o Options) (ev evidence, err error) {
	ev.said, ev.o = said, o
	if ev.rows, err = s.ExperimentRows(ctx, key); err != nil {
		return ev, err
	}
	if ev.records, err = s.Scores(ctx, store.Filter{Experiment: key.Experiment, Version: key.Version}); err != nil {
		return ev, err
	}
	ev.units = analysis.Read(analysis.Scope{Experiment: key.Experiment, Version: key.Version}, ev.rows, o.Now)
	return ev, nil
}

// within returns ev with the units that the windows of a definition make.
func (ev evidence) within(d experiments.Definition) evidence {
	ev.units = analysis.ReadAsked(analysis.ScopeOf(d), ev.rows, asked(ev.said), ev.o.Now)
	return ev
}

// served returns the assignments and records of the served runs. Shadows decide nothing, and inferred definitions ignore
// them.
func (ev evidence) served() (assignments []scoring.Assignment, records []scoring.Record) {
	for _, a := range ev.rows.Assignments {
		if a.By != scoring.ByShadow {
			assignments = append(assignments, a)
		}
	}
	for _, r := range ev.records {
		if !ev.units.OfShadow(r.Run) {
			records = append(records, r)
		}
	}
	return assignments, records
}

// inSession returns the runs that belong to a session, themselves or by a score.
func inSession(ctx context.Context, s store.Reader, key store.ExperimentKey, session scoring.Session) (map[scoring.Run]bool, error) {
	runs, err := s.Runs(ctx, store.RunFilter{Experiment: key.Experiment, Session: session})
	if err != nil {
		return nil, err
	}
	records, err := s.Scores(ctx, store.Filter{Experiment: key.Experiment, Version: key.Version, Session: session})
	if err != nil {
		return nil, err
	}
	in := map[scoring.Run]bool{}
	for _, f := range runs {
		in[f.Run] = true
	}
	for _, r := range records {
		in[r.Run] = true
	}
	return in, nil
}

// rowsOfTally are a tally as a row, or, of a categorical score, a row for each category.
func rowsOfTally(t analysis.Tally) (rows []Row) {
	row := Row{Step: t.Step, Score: t.Name, Variant: t.Variant, Counts: t.Counts, Errors: t.Error, Mean: t.Mean}
	if len(t.Shares) == 0 {
		return []Row{row}
	}
	of := 0.0
	for _, n := range t.Shares {
		of += n
	}
	for _, category := range slices.Sorted(maps.Keys(t.Shares)) {
		share := t.Shares[category] / of
		row.Category, row.Mean = category, &share
		rows = append(rows, row)
	}
	return rows
}

// rows counts every unit once in each place where any unit has a score.
func (ev evidence) tallies() []Row {
	rows := []Row{}
	for _, t := range ev.units.Tallies() {
		rows = append(rows, rowsOfTally(t)...)
	}
	return rows
}
