// Package results has the results of an experiment's version, as reports have them and the HTTP API answers with them: package
// report computes them, and verdict.Client reads them. It computes nothing and brings in no statistics.
package results

import (
	"strings"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
)

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
	Analysis *Analysis `json:"analysis,omitempty"`
	// Sequence is set if report.Options.Sequences asked for it and there is an analysis. The HTTP API does not.
	Sequence *Sequence `json:"sequence,omitempty"`
}

// Row is about the scores of one name, in one place, of one variant.
type Row struct {
	Step  string `json:"step,omitempty"` // activity type; empty: the run
	Score string `json:"score"`
	// Category is of a categorical score, which has a row for each: Mean is its share of the scored units, and the counts are of the
	// whole score. [OtherCategories] stands for the ones beyond the first [scoring.MaxCategories].
	Category string `json:"category,omitempty"`
	Variant  string `json:"variant,omitempty"`
	// Day, Build and Value (of an attribute) are what counts are broken down by, if they are. Marked is how many of Assigned have
	// an attribute that was said after their run's first assignment.
	Day    string `json:"day,omitempty"`
	Build  string `json:"build,omitempty"`
	Value  string `json:"value,omitempty"`
	Marked int    `json:"marked,omitempty"`
	// Counts are numbers of units. Without an experiment, and where counts alone were asked for, they are numbers of scores; of a
	// session, of runs.
	Counts
	// Errors is Counts.Error, by the name that it has in a row's JSON.
	Errors int `json:"errors"`
	// Mean is over the scored units, with true as 1 and false as 0; nil if there is none. Where the experiment has a
	// maturity window, it is over the units whose window has closed.
	Mean *float64 `json:"mean"`
	// Interval covers the mean at all times at once, and Best is the probability that the variant is the best one.
	Interval       *Interval `json:"interval,omitempty"`
	IntervalMethod Method    `json:"interval_method,omitempty"`
	Best           *float64  `json:"best,omitempty"`
	// Versus compares with the control; nil for the control itself, and while there are too few units.
	Versus *Comparison `json:"versus,omitempty"`
}

// Failure counts runs of a variant that failed alike.
type Failure struct {
	Variant string `json:"variant"`
	// Status is failed, timed_out or terminated.
	Status scoring.RunStatus `json:"status"`
	// Step is the activity type that made the run fail. Empty: the workflow's own code did, or it is not known.
	Step string `json:"step,omitempty"`
	// Type is the type of the last error, an application's own. Empty: it has none, or it is not known. "further types" stands for
	// the ones beyond the first hundred of a variant.
	Type string `json:"type,omitempty"`
	Runs int    `json:"runs"`
}

// Place is the row's score, and its step type if it has one, as a metric is called.
func (r Row) Place() string {
	return experiments.Metric{Name: r.Score, Step: r.Step, Category: r.Category}.String()
}

// OtherCategories are the categories that a report does not tell apart.
const OtherCategories = "(others)"

// String says how and where the runs failed.
func (f Failure) String() string {
	how := strings.ReplaceAll(string(f.Status), "_", " ")
	if f.Step != "" {
		how += " in " + f.Step
	}
	if f.Type != "" {
		how += " (" + f.Type + ")"
	}
	return how
}
