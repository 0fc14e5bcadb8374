package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/fold"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// maxSpoken is how many scores of an experiment are looked at for a judge's under the name of the primary metric, where the
// definition says of none that it is one. A report must not read them all.
const maxSpoken = 100

// mark says of a decision that rests on a judge which nothing has shown to predict outcomes. An experiment from before
// definitions could say so continues, and is marked.
func (e *draft) mark(ctx context.Context, s Reader, o Options) error {
	if e.Analysis == nil {
		return nil
	}
	why, err := e.doubt(ctx, s, o)
	if err != nil || why == "" {
		return err
	}
	d := &e.Analysis.Decision
	if d.Untrusted != "" {
		why = d.Untrusted + "; " + why
	}
	d.Untrusted = why
	e.Decision = words(*d)
	return nil
}

func (e *draft) doubt(ctx context.Context, s Reader, o Options) (string, error) {
	x := o.known.experiment
	switch {
	case x == nil:
		i := slices.IndexFunc(e.Rows, func(r Row) bool { return r.Place() == e.Primary })
		if i < 0 {
			return "", nil
		}
		return e.unmarked(ctx, s, place{Step: e.Rows[i].Step, Name: e.Rows[i].Score})
	case !x.Definition().Primary.Judge:
		p := x.Definition().Primary
		return e.unmarked(ctx, s, place{Step: p.Step, Name: p.Name})
	case x.Definition().TrustedBy == (experiments.Reference{}):
		return "", nil
	}
	return o.reference(ctx, s, x.Definition(), e.Analysis.Judges)
}

// unmarked looks for a judge's scores under a primary metric whose definition does not say that it is a judge's.
func (e *draft) unmarked(ctx context.Context, s Reader, p place) (string, error) {
	scores, _, err := s.ScorePage(ctx, store.Filter{Experiment: e.Name, Version: e.Version}, store.Page{Limit: maxSpoken})
	if err != nil {
		return "", err
	}
	for _, r := range scores {
		if judge, ok := judgeOf(r); ok && analysis.PlaceOf(r) == p {
			return fmt.Sprintf("%s is the score of the judge %s, and the definition of this version does not say so", e.Primary, judge), nil
		}
	}
	return "", nil
}

// judgeOf returns the judge whose answer a run's code or a scorer has recorded: the key of such a score is the judge's
// identity, and not the scorer's.
func judgeOf(r scoring.Record) (judge string, ok bool) {
	name, version, found := strings.Cut(r.Key, "@")
	switch {
	case !found || name == "" || version == "" || r.Source == scoring.FromClient:
		return "", false
	case r.Source == scoring.FromScorer && name == r.Scorer:
		return "", false
	}
	return r.Key, true
}

// reference checks that the version of an experiment which a definition says has shown its judge to be trusted does so.
// own are the judges of the experiment itself: only the versions that were trusted are.
func (o Options) reference(ctx context.Context, s Reader, d experiments.Definition, own []results.Judged) (string, error) {
	from, judge := d.TrustedBy, d.Primary.String()
	other := o
	if err := other.define(ctx, s, from.Experiment, from.Version); err != nil {
		return "", err
	}
	x := other.known.experiment
	if x == nil {
		return fmt.Sprintf("%s, which is to have shown that %s predicts outcomes, is not known", from, judge), nil
	}
	overview, err := fold.Overview(ctx, s, x, nil, o.Now)
	var invalid *scoring.InvalidError
	if err != nil && !errors.As(err, &invalid) {
		return "", err
	}
	standing, trusted := "not held to an outcome", map[string]bool{}
	for _, j := range overview.Report.Judges {
		if j.Judge == judge {
			standing = j.Standing + " on " + j.Outcome
			trusted[j.Key] = trusted[j.Key] || j.Standing == results.Trusted
		}
	}
	for _, j := range own {
		if j.Judge == judge && j.Overall.Pairs+j.Overall.Unknown > 0 && len(trusted) > 0 && !trusted[j.Key] {
			return fmt.Sprintf("%s has not shown that %s predicts outcomes", from, j.Name()), nil
		}
	}
	for _, ok := range trusted {
		if ok {
			return "", nil
		}
	}
	return fmt.Sprintf("%s is to have shown that %s predicts outcomes, and there it is %s", from, judge, standing), nil
}
