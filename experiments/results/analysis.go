package results

import (
	"math"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Analysis has the statistics of the primary metric and the guardrails at a moment. All numbers are finite, so that it can be written as JSON; others are
// left out.
type Analysis struct {
	Experiment  string               `json:"experiment"`
	Version     string               `json:"version"`
	Fingerprint string               `json:"fingerprint"`
	At          time.Time            `json:"at"`
	Control     string               `json:"control"`
	Decision    experiments.Decision `json:"decision"`
	// Units counts units by variant, as the primary metric sees them, and by why they are kept out.
	Units    int                        `json:"units"`
	Excluded map[scoring.AssignedBy]int `json:"excluded,omitempty"`
	Crossed  int                        `json:"crossed"` // units seen with two variants
	// SampleRatio compares the counts at assignment with the weights, as the store learned of assignments, the ones that
	// were reset away later included. Matured compares the counts of the matured units.
	SampleRatio SampleRatio   `json:"sample_ratio"`
	Matured     SampleRatio   `json:"matured_sample_ratio"`
	Epochs      []EpochReport `json:"epochs"`
	// Seals count units by what became of them at and after their seals. Nil without a window.
	Seals []SealCounts `json:"seals,omitempty"`
	// Metrics are the primary one and then the guardrails.
	Metrics []MetricReport `json:"metrics"`
	// Judges are the judges of the definition, each held to each of its outcomes. Nil without a judge or an outcome.
	Judges []Judged `json:"judges,omitempty"`
	// Facts were shown once and stay. They are in the order of their times.
	Facts []Fact `json:"facts,omitempty"`
	// Notes are caveats for the reader, in words.
	Notes []string `json:"notes,omitempty"`
}

// EpochReport is one weight epoch, or a part of one whose units had the same probabilities.
type EpochReport struct {
	Number  int                `json:"number"`
	Since   time.Time          `json:"since"`
	Weights map[string]float64 `json:"weights,omitempty"` // left out when they were not the same for all units
	Units   int                `json:"units"`
}

// MetricReport is one metric.
type MetricReport struct {
	Name      string                `json:"name"`
	Role      string                `json:"role"` // "primary" or "guardrail"
	Type      experiments.Type      `json:"type"`
	Direction experiments.Direction `json:"direction"`
	// Planned is the number of units of a pair that an asymptotic interval is tuned for.
	Planned int `json:"planned"`
	// MissingLogE is the natural logarithm of the e-value against all variants missing equally often.
	MissingLogE float64  `json:"missing_log_e"`
	Variants    []Result `json:"variants"`
}

// Result is a variant on a metric.
type Result struct {
	Variant string `json:"variant"`
	Counts
	// Mean is over all scored units of all epochs; a ratio's is the ratio of the means. Interval covers it at all times at
	// once, if it stays the same, and is within the range of the metric. For an unbounded metric they are descriptive.
	Mean           *float64  `json:"mean,omitempty"`
	Interval       *Interval `json:"interval,omitempty"`
	IntervalMethod Method    `json:"interval_method,omitempty"`
	SD             *float64  `json:"sd,omitempty"`
	// Quantiles are the quantiles of a metric that is not boolean, within 1%.
	Quantiles *Quantiles `json:"quantiles,omitempty"`
	// Best is the probability that the variant is the best one, and Loss the expected loss of choosing it (of an unbounded
	// metric: as a logarithm of a ratio). Shown only. Of the primary metric.
	Best *float64 `json:"best,omitempty"`
	Loss *float64 `json:"loss,omitempty"`
	// Versus compares with the control; nil for the control itself, and while there are too few units.
	Versus  *Comparison `json:"versus,omitempty"`
	Harmful bool        `json:"harmful,omitempty"`
}

// Interval is a range of values, both ends included.
type Interval struct {
	Lo float64 `json:"lo"`
	Hi float64 `json:"hi"`
}

// Contains tells whether x is in the interval.
func (i Interval) Contains(x float64) bool { return x >= i.Lo && x <= i.Hi }

// Quantiles of a metric.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Method is how an interval was made.
type Method string

// The methods. All cover at every look.
const (
	// Betting is the inverse of the tests that decide: exact, at every number of units.
	Betting Method = "betting"
	// BetaBinomial is the interval of a share: exact too.
	BetaBinomial Method = "beta-binomial"
	// Asymptotic is the normal-mixture confidence sequence: approximate at few units and for skewed values.
	Asymptotic Method = "asymptotic"
)

// Comparison is a variant against the control. Values are as the metric is measured: a negative difference is good when
// lower is better.
type Comparison struct {
	Units  int    `json:"units"`
	Method Method `json:"method"`
	// Difference is variant minus control, with the weights of the bets where the method is [Betting] and stratified by epoch
	// otherwise; Lift is the difference as a share of the control. Both ends of an interval are at alpha over the number of
	// variants, so that the intervals of all variants cover together. For an unbounded metric Lift is the ratio of the
	// geometric means minus 1, and Difference is descriptive and has no interval.
	Difference         float64   `json:"difference"`
	DifferenceInterval *Interval `json:"difference_interval,omitempty"`
	// Lift is left out while nothing is known of it: while its interval spans more than a quarter to four times the control.
	Lift         *float64  `json:"lift,omitempty"`
	LiftInterval *Interval `json:"lift_interval,omitempty"`
	// LiftUndefined tells that there is no lift because the control's mean is 0, up to rounding, and the variant's is not.
	LiftUndefined bool `json:"lift_undefined,omitempty"`
	// LiftApproximate tells that an asymptotic lift is over a baseline that is too uncertain for its interval to be trusted.
	LiftApproximate bool `json:"lift_approximate,omitempty"`
	// PValue is two-sided and valid at every look: of the most that the evidence has been, and not of what it is now.
	PValue float64 `json:"p_value"`
	// LogEBetter and LogEWorse are the natural logarithms of the present evidence that the variant is better or worse. Left
	// out for a ratio.
	LogEBetter *float64 `json:"log_e_better,omitempty"`
	LogEWorse  *float64 `json:"log_e_worse,omitempty"`
	// HarmAtLeast is by how much a harmful variant is worse than the control at least: a one-sided bound at the level of
	// harm. Left out where it is not known.
	HarmAtLeast *float64 `json:"harm_at_least,omitempty"`
	// Approximate tells that the method is [Asymptotic].
	Approximate bool `json:"approximate,omitempty"`
}

// OnLift tells whether variants are compared by their lifts: an unbounded metric has no interval of the difference.
func OnLift(versus []*Comparison) bool {
	return slices.ContainsFunc(versus, func(c *Comparison) bool { return c != nil && c.DifferenceInterval == nil })
}

// Effect returns the difference, or the lift, and its interval. ok is false while it has no interval with two ends, and for a nil c.
func (c *Comparison) Effect(lift bool) (value float64, in Interval, ok bool) {
	switch {
	case c == nil:
	case lift && c.Lift != nil && c.LiftInterval.bounded():
		return *c.Lift, *c.LiftInterval, true
	case !lift && c.DifferenceInterval.bounded():
		return c.Difference, *c.DifferenceInterval, true
	}
	return 0, Interval{}, false
}

// bounded tells whether an interval has two ends.
func (i *Interval) bounded() bool { return i != nil && !math.IsInf(i.Lo, 0) && !math.IsInf(i.Hi, 0) }

// Counts are numbers of units of a variant.
type Counts struct {
	Assigned int `json:"assigned"`
	Matured  int `json:"matured"`
	Pending  int `json:"pending"`            // not matured
	InGrace  int `json:"in_grace,omitempty"` // of the pending: the window has closed, and the grace has not passed
	// The matured ones are scored, or unscored for one of four reasons.
	Scored        int `json:"scored"`
	Missing       int `json:"missing"`
	Expired       int `json:"expired"`
	NotApplicable int `json:"not_applicable"`
	Error         int `json:"error"`
	Imputed       int `json:"imputed"`          // of the scored: by the policy for failed runs and missing scores
	Capped        int `json:"capped,omitempty"` // of the scored: a score in the value was cut, at the cap or at 0
	Late          int `json:"late"`             // of the matured: had a score after the window or the seal, which is not counted
}

// Add adds the numbers of other units.
func (c *Counts) Add(o Counts) {
	c.Assigned += o.Assigned
	c.Matured += o.Matured
	c.Pending += o.Pending
	c.InGrace += o.InGrace
	c.Scored += o.Scored
	c.Missing += o.Missing
	c.Expired += o.Expired
	c.NotApplicable += o.NotApplicable
	c.Error += o.Error
	c.Imputed += o.Imputed
	c.Capped += o.Capped
	c.Late += o.Late
}

// SampleRatio tests whether units arrived in the ratio of their assignment.
type SampleRatio struct {
	// LogE is the natural logarithm of the e-value against the ratio. It may be looked at after every unit.
	LogE float64 `json:"log_e"`
	// ChiSquareP is the classical p-value, shown only: under repeated looks it cries wolf.
	ChiSquareP float64 `json:"chi_square_p"`
	// Alarm and Warn tell whether the e-value has ever reached 100 and 20.
	Alarm bool `json:"alarm"`
	Warn  bool `json:"warn"`
	// Since is when it first reached 100.
	Since time.Time `json:"since,omitzero"`
}

// SealCounts are numbers of units of a variant with a window.
type SealCounts struct {
	Variant string `json:"variant"`
	Sealed  int    `json:"sealed"`
	// InGrace are units whose window has closed and whose grace has not passed.
	InGrace int `json:"in_grace"`
	// Of the sealed: Reset counts units whose run was reset away after the seal or was found then to have been served
	// something else, and Corrected units with a score after the window or the seal. They count as they were sealed.
	Reset     int `json:"reset"`
	Corrected int `json:"corrected"`
	// TooLate are units whose assignment the store learned of after their seal: they are in the sample ratio alone.
	TooLate int `json:"too_late"`
}

// Fact is a statement that was shown once, at the unit at which its evidence first reached what it needed. A verdict is
// made of facts. The guarantee is of this crossing: a fact stays although its evidence may fall again.
type Fact struct {
	// Kind is better, ahead (better, but perhaps not by the margin), not_worse (by the ROPE), not_better (by the margin, or by
	// the MDE), harm, or guardrail (passed).
	Kind    string `json:"kind"`
	Metric  string `json:"metric"`
	Variant string `json:"variant"`
	Versus  string `json:"versus"`
	// Bound is the difference that the statement is about, in units of the metric.
	Bound float64 `json:"bound,omitempty"`
	// Unit is the number of the unit, in the order of assignment from 1, and At the end of its window.
	Unit int       `json:"unit"`
	At   time.Time `json:"at"`
	// LogE is the natural logarithm of the evidence at that unit, Needs what the evidence had to reach, and LogENow the
	// logarithm of what it is now. LogE and LogENow are left out for a ratio, which has an interval alone.
	LogE    *float64 `json:"log_e,omitempty"`
	Needs   float64  `json:"needs"`
	LogENow *float64 `json:"log_e_now,omitempty"`
	// Text says it in words.
	Text string `json:"text"`
}
