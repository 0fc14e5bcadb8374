// Package report computes results of experiments and scores from a store: what the command line, the page and the HTTP API of the
// worker show.
//
// [Build] makes a [Report] of a moment. A program that has the store calls it; any other one reads the results of an experiment's
// version from the worker, by verdict.Client.Report, as a value of the same type. That is the type of another package
// (experiments/results), which links no statistics.
//
//	r, err := report.Build(ctx, store, report.Options{Experiment: "retriever", Now: time.Now()})
//	if err != nil {
//		return err
//	}
//	for _, e := range r.Experiments {
//		fmt.Println(e.Name, e.Version, e.Decision)
//	}
//
// What the store does not know a Temporal server does, if [Options.WithTemporal] has a client: whether a run that has handed over nothing
// is open still, which runs ended without a word, and what a started experiment is defined as.
package report

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/experiments"
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
	// Experiment is the name of one; empty means all, and the scores of runs outside of any. Version keeps to one of its versions.
	Experiment, Version string
	By                  By
	// Since and Until keep to counts of whole days: see store.CountFilter. Zero: no limit.
	Since, Until time.Time
	// Build and Against compare two builds of a worker, on every score, over the runs that the store has learned of from Since, by default
	// seven days before, to Until.
	Build, Against string
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
	// Builds are set if two builds are compared, and then nothing else is.
	Builds *Builds `json:"builds,omitempty"`
	// Unflushed are runs that ended without handing over their scores.
	Unflushed []Ended `json:"unflushed"`
	// UnflushedCut tells that there may be more of them: the server is asked about the newest.
	UnflushedCut bool `json:"unflushed_cut,omitempty"`
	// Ledger counts outcomes by what became of them.
	Ledger Ledger `json:"ledger"`
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

// WithTemporal returns o with what a server says, by a client of a namespace: [AskTemporal], [DefinedByControl] and [ClosedOnTemporal].
func (o Options) WithTemporal(c client.Client, namespace string) Options {
	o.Ask, o.Define, o.Closed = AskTemporal(c), DefinedByControl(c), ClosedOnTemporal(c, namespace)
	return o
}

// about tells whether a version of an experiment is asked for.
func (o Options) about(key store.ExperimentKey) bool {
	return (o.Experiment == "" || o.Experiment == key.Experiment) && (o.Version == "" || o.Version == key.Version)
}

// Build computes a report.
//
// Errors: [store.ErrNotFound] for an experiment, or a version of it, that has no assignments, [scoring.InvalidError] for options that
// exclude each other, and errors of the store. What only a Temporal server knows is left out where it does not answer.
func Build(ctx context.Context, s Reader, o Options) (Report, error) {
	r := Report{AsOf: o.Now.UTC(), Session: o.Session, Experiments: []Experiment{}, Unflushed: []Ended{}}
	if o.Version != "" && o.Experiment == "" {
		return r, scoring.Invalid("version", "of which experiment?")
	}
	if o.Build != "" || o.Against != "" {
		if err := o.checkBuilds(); err != nil {
			return r, err
		}
		var err error
		r.Builds, err = compareBuilds(ctx, s, o)
		return r, err
	}
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
		if !o.about(key) {
			continue
		}
		if err := o.define(ctx, s, key.Experiment, key.Version); err != nil {
			return r, err
		}
		e, err := buildExperiment(ctx, s, key, said, o)
		if err != nil {
			return r, err
		}
		if err := e.mark(ctx, s, o); err != nil {
			return r, err
		}
		e.tell(o.known)
		r.Experiments = append(r.Experiments, e.Experiment)
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
		if !o.about(key) {
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

// draft is an experiment's results in the making.
type draft struct{ Experiment }

func buildExperiment(ctx context.Context, s Reader, key store.ExperimentKey, said map[scoring.Run]RunState, o Options) (draft, error) {
	e := draft{Experiment{Name: key.Experiment, Version: key.Version}}
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
func (e *draft) folded(ctx context.Context, s Reader, said map[scoring.Run]RunState, o Options) (shown bool, err error) {
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
func (e *draft) keep(by By) {
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
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Score, b.Score), cmp.Compare(a.Category, b.Category), cmp.Compare(a.Variant, b.Variant),
			cmp.Compare(a.Day, b.Day), cmp.Compare(a.Build, b.Build), cmp.Compare(a.Value, b.Value))
	})
}
