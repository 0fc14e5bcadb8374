// Package report computes results of experiments and scores from the store, once, for the command line, the page and
// the demo.
package report

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/fold"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// By selects the tables of an experiment, or what counts are broken down by; see also [ByAttribute].
type By string

// The tables.
const (
	ByBoth    By = ""
	ByVariant By = "variant" // scores of the run
	ByStep    By = "step"    // scores of steps, by activity type
	ByDay     By = "day"     // counts by day, UTC
	ByBuild   By = "build"   // counts by the build that runs say
)

// Options say what to report.
type Options struct {
	// Experiment is the name of one; empty means all, and the scores of runs outside of any.
	Experiment string
	By         By
	// Since and Until keep to counts of whole days: see store.CountFilter. Zero: no limit.
	Since, Until time.Time
	// Definitions are the definitions of known experiments. Define returns what the workflow says that manages an experiment:
	// the definition of every other one, and promotions against the verdict; nil, nil for an unknown one, whose definition is
	// then the one that workers registered first, or inferred. For inferred ones Metric and Control name the primary metric and the control, instead
	// of a guess.
	Definitions     []*experiments.Experiment
	Define          func(ctx context.Context, name, version string) (*Defined, error)
	Metric, Control string
	// Session keeps to the runs and scores of a session. There is no decision then: it was not planned for a part.
	Session scoring.Session
	// Ask asks the server for the state of a run that ended without a flush, or is still open. Nil: the server is not
	// asked.
	Ask func(context.Context, scoring.Run) (RunState, error)
	// Closed lists the newest runs of the workflow types that the server has as failed, timed out or terminated. Nil: runs
	// that the store has nothing of are not listed.
	Closed func(ctx context.Context, types []string) ([]Ended, error)
	// Now is the time of the report.
	Now time.Time
	// Sequences adds to each experiment the course of its primary metric, for a plot.
	Sequences bool

	known known // of the experiment that is reported
}

// Report has the results at a time.
type Report struct {
	AsOf        time.Time       `json:"as_of"`
	Session     scoring.Session `json:"session,omitzero"`
	Experiments []Experiment    `json:"experiments"`
	// Scores count all scores, in an experiment or not, and Latest are the last of them. Nil if an experiment was asked for. Runs
	// count runs; nil unless counts alone were asked for. CountedAsOf is the AsOf of store.Counts. Deviations are the days and
	// builds that stand out, of the last 30 days unless Options.Since says otherwise.
	Scores      []Row            `json:"scores,omitempty"`
	Latest      []scoring.Record `json:"latest,omitempty"`
	Runs        []RunCount       `json:"runs,omitempty"`
	CountedAsOf time.Time        `json:"counted_as_of,omitzero"`
	Deviations  []Deviation      `json:"deviations,omitempty"`
	// Unflushed are runs that ended without handing over their scores.
	Unflushed []Ended `json:"unflushed"`
	// UnflushedCut tells that there may be more of them: the server is asked about the newest.
	UnflushedCut bool `json:"unflushed_cut,omitempty"`
	// Ledger counts outcomes by what became of them.
	Ledger Ledger `json:"ledger"`
}

// Experiment is one version of an experiment.
type Experiment struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Units is how many were assigned; Excluded how many of the assignments are out of the statistics: forced, paused,
	// held out, of a run that was reset away.
	Units    int `json:"units"`
	Excluded int `json:"excluded"`
	// Unserved is how many units are out because a run was served something other than its recorded variant. Unvouched is
	// how many of Units were assigned by workers of releases that did not withdraw assignments that were not served: they
	// count as recorded.
	Unserved  int `json:"unserved,omitempty"`
	Unvouched int `json:"unvouched,omitempty"`
	// Rows have a row for each score, step type and variant.
	Rows []Row `json:"rows"`
	// Engine have a row for each of run.failed, run.duration (seconds) and run.attempts, and each variant: the engine's
	// facts about runs, which need no score. A run without a known end is pending, or missing once its window has closed.
	// Failures say where the runs that run.failed counts failed. Both are empty for a session.
	Engine   []Row     `json:"engine,omitempty"`
	Failures []Failure `json:"failures,omitempty"`
	// Shadows have a row for each score, the engine's facts included, and each shadow variant, which ran in parallel to
	// the served runs. Versus compares it with the control on the same units.
	Shadows []Row `json:"shadows,omitempty"`
	// Primary is the metric that Decision is about, and Control the variant that the others are compared with. Inferred
	// tells that both are guesses: then the control is the variant with the lowest mean (the first by name, if there is
	// none), so that a winner is found all the same and none is called harmful.
	Primary  string `json:"primary,omitempty"`
	Control  string `json:"control,omitempty"`
	Inferred bool   `json:"inferred,omitempty"`
	// Level is the probability that the intervals of all variants cover their true values, at all times at once.
	Level float64 `json:"level,omitempty"`
	// Decision is the decision in words, with the evidence that it still needs, and Notes are caveats for the reader.
	// Empty for a session.
	Decision string   `json:"decision,omitempty"`
	Notes    []string `json:"notes,omitempty"`
	// Definition is where the definition comes from; nil if it is inferred. Contradictions are other definitions of the version.
	Definition     *Source         `json:"definition,omitempty"`
	Contradictions []Contradiction `json:"contradictions,omitempty"`
	// Overruled are the promotions against the verdict, as the experiment's workflow keeps them. Notes says them too.
	Overruled []rollout.Revision `json:"overruled,omitempty"`
	// Analysis is the full analysis of the primary metric and the guardrails.
	Analysis *analysis.Report `json:"analysis,omitempty"`
	// Sequence is set if Options.Sequences asked for it and there is an analysis.
	Sequence *Sequence `json:"sequence,omitempty"`
}

// Row is about the scores of one name, in one place, of one variant.
type Row struct {
	Step    string `json:"step,omitempty"` // activity type; empty: the run
	Score   string `json:"score"`
	Variant string `json:"variant,omitempty"`
	// Day, Build and Value (of an attribute) are what counts are broken down by, if they are. Marked is how many of Assigned have
	// an attribute that was said after their run's first assignment.
	Day    string `json:"day,omitempty"`
	Build  string `json:"build,omitempty"`
	Value  string `json:"value,omitempty"`
	Marked int    `json:"marked,omitempty"`
	// Counts are numbers of units. Without an experiment, and where counts alone were asked for, they are numbers of scores; of a
	// session, of runs.
	analysis.Counts
	// Errors is Counts.Error, by the name that it has in a row's JSON.
	Errors int `json:"errors"`
	// Mean is over the scored units, with true as 1 and false as 0; nil if there is none. Where the experiment has a
	// maturity window, it is over the units whose window has closed.
	Mean *float64 `json:"mean"`
	// Interval covers the mean at all times at once, and Best is the probability that the variant is the best one.
	Interval       *analysis.Interval `json:"interval,omitempty"`
	IntervalMethod analysis.Method    `json:"interval_method,omitempty"`
	Best           *float64           `json:"best,omitempty"`
	// Versus compares with the control; nil for the control itself, and while there are too few units.
	Versus *analysis.Comparison `json:"versus,omitempty"`
}

// Ledger counts outcomes.
type Ledger struct {
	Received   int `json:"received"`
	Matched    int `json:"matched"`
	Late       int `json:"late"`
	Unclaimed  int `json:"unclaimed"`
	Rejected   int `json:"rejected"`       // deliveries
	Held       int `json:"held,omitempty"` // scores about keys that no run has declared yet
	Duplicates int `json:"duplicates"`     // deliveries beyond the first of an outcome
}

// Build computes a report. An experiment that has no assignments is store.ErrNotFound.
func Build(ctx context.Context, s Reader, o Options) (Report, error) {
	r := Report{AsOf: o.Now.UTC(), Session: o.Session, Experiments: []Experiment{}, Unflushed: []Ended{}}
	if o.Counted() {
		return r, r.count(ctx, s, o)
	}
	keys, err := s.Experiments(ctx)
	if err != nil {
		return r, err
	}
	var said map[scoring.Run]RunState
	if r.Unflushed, said, r.UnflushedCut, err = unflushed(ctx, s, o); err != nil {
		return r, err
	}
	for _, key := range keys {
		if o.Experiment != "" && o.Experiment != key.Experiment {
			continue
		}
		if err := o.define(ctx, s, key.Experiment, key.Version); err != nil {
			return r, err
		}
		e, err := buildExperiment(ctx, s, key, said, o)
		if err != nil {
			return r, err
		}
		e.tell(o.known)
		r.Experiments = append(r.Experiments, e)
	}
	if o.Experiment != "" && len(r.Experiments) == 0 {
		return r, store.ErrNotFound
	}
	if o.Experiment == "" {
		if err := r.scores(ctx, s, o); err != nil {
			return r, err
		}
	}
	r.Ledger, err = countLedger(ctx, s, o)
	return r, err
}

// count fills in the report for options that ask for counts alone.
func (r *Report) count(ctx context.Context, s Reader, o Options) (err error) {
	if err := o.checkCounted(); err != nil {
		return err
	}
	if r.Ledger, err = countLedger(ctx, s, o); err != nil {
		return err
	}
	if o.Experiment == "" {
		if r.Scores, r.CountedAsOf, err = countScores(ctx, s, o); err != nil {
			return err
		}
		if r.Runs, err = countRuns(ctx, s, o); err != nil {
			return err
		}
		r.Deviations, err = deviations(ctx, s, o)
		return err
	}
	keys, err := s.Experiments(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key.Experiment != o.Experiment {
			continue
		}
		e, asOf, err := countVersion(ctx, s, key, o)
		if err != nil {
			return err
		}
		r.Experiments, r.CountedAsOf = append(r.Experiments, e), asOf
	}
	if len(r.Experiments) == 0 {
		return store.ErrNotFound
	}
	return nil
}

func buildExperiment(ctx context.Context, s Reader, key store.ExperimentKey, said map[scoring.Run]RunState, o Options) (Experiment, error) {
	e := Experiment{Name: key.Experiment, Version: key.Version}
	if shown, err := e.folded(ctx, s, said, o); shown || err != nil {
		return e, err
	}
	ev, err := readEvidence(ctx, s, key, said, o)
	if err != nil {
		return e, err
	}
	if o.Session == (scoring.Session{}) {
		e.analyse(ev)
	} else {
		in, err := inSession(ctx, s, key, o.Session)
		if err != nil {
			return e, err
		}
		e.part(ev, in)
	}
	e.keep(o.By)
	return e, nil
}

// folded adds the experiment from its fold, if that is possible: with a known definition that has a window, for
// all units, now.
func (e *Experiment) folded(ctx context.Context, s Reader, said map[scoring.Run]RunState, o Options) (shown bool, err error) {
	x := o.known.experiment
	if x == nil || x.Definition().Maturity == 0 || o.Session != (scoring.Session{}) {
		return false, nil
	}
	overview, ok, err := fold.Folded(ctx, s, x, asked(said), o.Now)
	var invalid *scoring.InvalidError
	if errors.As(err, &invalid) || err == nil && (!ok || overview.Shadowed) {
		return false, nil // all rows say more
	}
	if err != nil {
		return false, err
	}
	e.show(overview, x, o)
	if o.Sequences {
		e.Sequence = course(x, overview)
	}
	e.keep(o.By)
	return true, nil
}

// keep keeps the rows of the tables that are selected.
func (e *Experiment) keep(by By) {
	e.Rows, e.Engine, e.Shadows = by.of(e.Rows), by.of(e.Engine), by.of(e.Shadows)
}

// maxLatest is how many of the last scores are shown.
const maxLatest = 20

// scores counts all scores by name and step type, and finds the last of them, newest first. The scores of a session are read: it has few.
func (r *Report) scores(ctx context.Context, s Reader, o Options) (err error) {
	if o.Session != (scoring.Session{}) {
		records, err := s.Scores(ctx, store.Filter{Session: o.Session})
		if err != nil {
			return err
		}
		r.Scores = o.By.of(tallied(records))
		r.Latest = slices.Clone(records[max(0, len(records)-maxLatest):])
		slices.Reverse(r.Latest)
		return nil
	}
	if r.Scores, r.CountedAsOf, err = countScores(ctx, s, o); err != nil {
		return err
	}
	if r.Deviations, err = deviations(ctx, s, o); err != nil {
		return err
	}
	r.Latest, _, err = s.ScorePage(ctx, store.Filter{}, store.Page{Limit: maxLatest})
	return err
}

// of returns the rows of the tables that are selected.
func (b By) of(rows []Row) []Row {
	return slices.DeleteFunc(rows, func(r Row) bool {
		return (b == ByVariant && r.Step != "") || (b == ByStep && r.Step == "")
	})
}

// sortRows orders rows for reading: run before steps, then by score and variant.
func sortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Score, b.Score), cmp.Compare(a.Variant, b.Variant),
			cmp.Compare(a.Day, b.Day), cmp.Compare(a.Build, b.Build), cmp.Compare(a.Value, b.Value))
	})
}
