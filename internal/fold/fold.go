// Package fold keeps the analyses of experiments in the store, and reports from there: a report reads only the rows
// that are not folded yet.
package fold

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// batch is how many assignments, units and touched units one transaction folds: what a worker that is killed does again.
const batch = 1000

// openUnits is up to how many units with an open window are read with their runs and scores. Of more, a report has the number
// alone, and a score that no closed window has had yet is not in it.
const openUnits = 2000

// Store is the part of a store that this package needs.
type Store interface {
	store.Folder
	ExperimentRows(ctx context.Context, key store.ExperimentKey) (experiments.Rows, error)
}

func keyOf(d experiments.Definition) store.ExperimentKey {
	return store.ExperimentKey{Experiment: d.Name, Version: d.Version}
}

// Advance folds what an experiment with a window has that is not folded. It may run anywhere, at any time, in several
// processes at once. again is called with the reason when all is folded again.
func Advance(ctx context.Context, s store.Folder, x *experiments.Experiment, again func(reason string)) error {
	key := keyOf(x.Definition())
	last, err := s.LastSealed(ctx, key)
	if err != nil {
		return err
	}
	// A write that began before a seal it did not see may have something to say about the unit.
	if err := s.AwaitWrites(ctx); err != nil {
		return err
	}
	for {
		more, err := step(ctx, s, x, cmp.Or(last, -1), again)
		if err != nil || !more {
			return err
		}
	}
}

func step(ctx context.Context, s store.Folder, x *experiments.Experiment, last int64, again func(string)) (more bool, err error) {
	rows, err := s.FoldRows(ctx, store.FoldQuery{ExperimentKey: keyOf(x.Definition()), AtMost: batch, Position: last})
	if err != nil {
		return false, err
	}
	f, err := resume(x, &rows)
	if err != nil {
		return false, err
	}
	if f == nil {
		if !analysis.Outdated(rows.State) && rows.Now.Sub(rows.Folded.At) < abandoned {
			return false, fmt.Errorf("another worker folds it by another definition, or is of a newer release: this one waits until nothing has been folded for %s", abandoned)
		}
		return restart(ctx, s, x, nil, rows, another, again)
	}
	next := rows.Folded
	taken := f.Arrive(rows.Assignments, rows.Known, rows.Now)
	if taken > 0 {
		next.Arrived = rows.IDs[taken-1]
	}
	marks, err := change(f, rows)
	if err != nil {
		return false, err
	}
	if taken == len(rows.IDs) && !rows.MoreArrived { // a unit is folded behind its assignment
		sealed, err := f.Seal(rows.Sealed, rows.Position, rows.SealedTo, rows.Now)
		if err != nil {
			return false, err
		}
		marks, next.Position = append(marks, marksOf(sealed)...), rows.SealedTo
	}
	if reason := f.Stale(); reason != "" {
		return restart(ctx, s, x, f, rows, reason, again)
	}
	if taken == 0 && next.Position == rows.Position && len(rows.LookedAt) == 0 {
		return false, nil
	}
	if next.State, err = f.MarshalBinary(); err != nil {
		return false, err
	}
	_, err = s.KeepFold(ctx, rows, next, marks) // if another worker was faster, it continues from there
	return taken > 0 && rows.MoreArrived || rows.More || next.Position < rows.SealedTo && taken > 0, err
}

// resume returns the fold that rows go on from; nil if it is none of the experiment as it is now.
func resume(x *experiments.Experiment, rows *store.FoldRows) (*analysis.Fold, error) {
	if rows.State == nil {
		return analysis.NewFold(x)
	}
	f, err := analysis.ResumeFold(x, rows.State)
	if err != nil {
		return nil, nil
	}
	return f, nil
}

func prunedError(key store.ExperimentKey, reason string) error {
	return fmt.Errorf("experiment %s, version %s would be read again from its rows, and some of them are pruned: %s", key.Experiment, key.Version, reason)
}

// restart keeps an empty fold in place of one that does not hold any more.
func restart(ctx context.Context, s store.Folder, x *experiments.Experiment, f *analysis.Fold, rows store.FoldRows, reason string, again func(string)) (more bool, err error) {
	if rows.Pruned {
		return false, prunedError(rows.ExperimentKey, reason)
	}
	empty, err := analysis.NewFold(x)
	if err != nil {
		return false, err
	}
	if f != nil {
		empty = f.Again(x)
	}
	state, err := empty.MarshalBinary()
	if err != nil {
		return false, err
	}
	rows.State, rows.LookedAt = nil, nil // the marks are of the units that were folded
	kept, err := s.KeepFold(ctx, rows, store.Folded{State: state}, nil)
	if kept && again != nil {
		again(reason)
	}
	return err == nil, err
}

func change(f *analysis.Fold, rows store.FoldRows) ([]store.Mark, error) {
	marks := make([]analysis.Mark, len(rows.Marks))
	for i, m := range rows.Marks {
		marks[i] = analysis.Mark(m)
	}
	changed, err := f.Change(rows.Touched, marks, rows.Now)
	return marksOf(changed), err
}

func marksOf(all []analysis.Mark) []store.Mark {
	out := make([]store.Mark, len(all))
	for i, m := range all {
		out[i] = store.Mark(m)
	}
	return out
}

// another is why a state cannot be resumed.
const another = "the definition, or the form of the state, is another one"

// abandoned is for how long nothing was folded by another definition, or by a newer release, before a worker folds all again by its
// own: two workers that disagree do not take turns.
const abandoned = time.Hour

// slack is by how much the clock of a report and of the store may differ.
const slack = time.Minute

// Overview returns the overview of an experiment at a time. asked are the server's answers about runs that never flushed.
// It reads the fold, and the rows that are not in it. At another time than now, or without a window, it reads all rows.
func Overview(ctx context.Context, s Store, x *experiments.Experiment, asked map[scoring.Run]scoring.RunStatus, now time.Time) (analysis.Overview, error) {
	if x.Definition().Maturity > 0 {
		o, ok, err := Folded(ctx, s, x, asked, now)
		if err != nil || ok {
			return o, err
		}
	}
	rows, err := s.ExperimentRows(ctx, keyOf(x.Definition()))
	if err != nil {
		return analysis.Overview{}, err
	}
	return analysis.ReadAsked(analysis.ScopeOf(x.Definition()), rows, asked, now).Overview(x)
}

// Folded is Overview from the fold alone. ok is false if that is not possible. A unit of a variant that the definition does
// not have is a *scoring.InvalidError.
func Folded(ctx context.Context, s store.Folder, x *experiments.Experiment, asked map[scoring.Run]scoring.RunStatus, now time.Time) (o analysis.Overview, ok bool, err error) {
	d := x.Definition()
	q := store.FoldQuery{ExperimentKey: keyOf(d), Rest: true, Open: openUnits, After: d.Maturity + d.Grace}
	if d.EarlyRead {
		q.Open = math.MaxInt
	}
	rows, err := s.FoldRows(ctx, q)
	if err != nil {
		return o, false, err
	}
	if now.Sub(rows.Now).Abs() > slack {
		return o, false, nil
	}
	f, err := resume(x, &rows)
	if err == nil && f == nil && rows.Pruned {
		return o, false, prunedError(q.ExperimentKey, another)
	}
	if err == nil && f == nil {
		q.Again = true
		if rows, err = s.FoldRows(ctx, q); err == nil {
			f, err = resume(x, &rows)
		}
	}
	if err != nil {
		return o, false, err
	}
	now = rows.Now
	f.ArriveAll(rows.Assignments, rows.Known, now)
	if _, err := change(f, rows); err != nil {
		return o, false, err
	}
	if _, err := f.Seal(rows.Sealed, rows.Position, rows.SealedTo, now); err != nil {
		return o, false, err
	}
	o, err = f.Rest(rows.Rest, analysis.Left{By: rows.Left.By, Superseded: rows.Left.Superseded}, asked, now)
	return o, f.Stale() == "", err
}

// Find returns the result of an experiment in a size that a history can hold. The policy of a started experiment acts on
// it.
func Find(s Store) func(ctx context.Context, x *experiments.Experiment, now time.Time) (rollout.Finding, error) {
	return func(ctx context.Context, x *experiments.Experiment, now time.Time) (rollout.Finding, error) {
		o, err := Overview(ctx, s, x, nil, now)
		if err != nil {
			return rollout.Finding{}, err
		}
		return analysis.FindingOf(o.Report), nil
	}
}
