package analysis

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/scoring"
)

// Report has an experiment's results at a moment. All numbers are finite, so that it can be written as JSON; others are
// left out.
type Report struct {
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
	// SampleRatio compares the counts at assignment with the weights, and Matured the counts of the matured units.
	SampleRatio SampleRatio   `json:"sample_ratio"`
	Matured     SampleRatio   `json:"matured_sample_ratio"`
	Epochs      []EpochReport `json:"epochs"`
	// Seals count units by what became of them at and after their seals. Nil without a window.
	Seals []SealCounts `json:"seals,omitempty"`
	// Metrics are the primary one and then the guardrails.
	Metrics []MetricReport `json:"metrics"`
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
	// Planned is the number of units of a pair that its interval is tuned for.
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
	// once. For an unbounded metric they are descriptive.
	Mean     *float64  `json:"mean,omitempty"`
	Interval *Interval `json:"interval,omitempty"`
	SD       *float64  `json:"sd,omitempty"`
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

// Comparison is a variant against the control, stratified by epoch. Values are as the metric is measured: a negative
// difference is good when lower is better.
type Comparison struct {
	Units int `json:"units"`
	// Difference is variant minus control; Lift is the difference as a share of the control. For an unbounded metric Lift
	// is the ratio of the geometric means minus 1, and Difference is descriptive and has no interval.
	Difference         float64   `json:"difference"`
	DifferenceInterval *Interval `json:"difference_interval,omitempty"`
	Lift               *float64  `json:"lift,omitempty"`
	LiftInterval       *Interval `json:"lift_interval,omitempty"`
	// LiftUndefined tells that there is no lift because the control's mean is 0, up to rounding.
	LiftUndefined bool `json:"lift_undefined,omitempty"`
	// LiftApproximate tells that the lift is over a baseline that is too uncertain for its interval to be trusted.
	LiftApproximate bool `json:"lift_approximate,omitempty"`
	// PValue is two-sided and valid at every look.
	PValue float64 `json:"p_value"`
	// LogEBetter and LogEWorse are the natural logarithms of the evidence that the variant is better or worse. Left out for
	// a ratio.
	LogEBetter *float64 `json:"log_e_better,omitempty"`
	LogEWorse  *float64 `json:"log_e_worse,omitempty"`
	// Approximate tells that the interval leans on few units, on a skewed distribution or on the delta method of a ratio.
	Approximate bool `json:"approximate,omitempty"`
}

// Report returns the results of the units added so far, at the given moment. It changes nothing.
func (a *Analysis) Report(now time.Time) Report {
	j := a.judge(now)
	d := a.exp.def
	r := Report{
		Experiment: d.Name, Version: d.Version, Fingerprint: d.Fingerprint(), At: now.UTC(), Control: d.Control,
		Decision: j.decide(), Units: a.units, Crossed: a.crossed,
		SampleRatio: a.sampleRatio(false), Matured: a.sampleRatio(true),
	}
	for _, n := range strata(a.epochs) {
		r.Epochs = append(r.Epochs, a.epochReport(n))
	}
	r.Seals = a.seals.report(a.exp.names)
	for i := range j.read {
		r.Metrics = append(r.Metrics, j.metric(i))
	}
	r.Notes = j.notes()
	return r
}

// Decide returns the decision alone, which costs a small part of a report.
func (a *Analysis) Decide(now time.Time) experiments.Decision { return a.judge(now).decide() }

func (a *Analysis) epochReport(n stratum) EpochReport {
	e := a.epochs[n]
	out := EpochReport{Number: n.epoch, Since: e.since.UTC()}
	for _, c := range e.assigned {
		out.Units += int(c)
	}
	if e.shares != nil {
		out.Weights = map[string]float64{}
		for v, name := range a.exp.names {
			out.Weights[name] = e.shares[v]
		}
	}
	return out
}

func (j *judge) metric(i int) MetricReport {
	r := j.read[i]
	out := MetricReport{
		Name: r.metric.String(), Role: "guardrail", Type: r.metric.Type, Direction: r.metric.Direction,
		Planned: j.d.Planned, MissingLogE: r.mismatch(),
	}
	for v := range j.a.exp.names {
		out.Variants = append(out.Variants, j.result(r, v))
	}
	if i == 0 {
		out.Role = "primary"
		active := make([]int, 0, len(j.harmful))
		for v := range j.harmful {
			if !j.stopped(v) {
				active = append(active, v)
			}
		}
		if posteriors, ok := r.posteriors(active); ok {
			best, loss := estimate.Best(posteriors)
			for i, v := range active {
				b, l := rounded(best[i]), rounded(loss[i])
				out.Variants[v].Best, out.Variants[v].Loss = &b, &l
			}
		}
	}
	return out
}

func (j *judge) result(r reading, v int) Result {
	out := Result{Variant: j.name(v), Counts: r.counts[v], Harmful: j.harmful[v]}
	c := r.pooled(v)
	if c.y.N == 0 {
		return out
	}
	e := c.y.Estimate()
	s := estimate.Sequence{Alpha: j.d.Alpha, Planned: float64(j.d.Planned) / 2}
	switch {
	case r.metric.Denominator != "":
		ratio, ok := c.xy.Ratio()
		if !ok {
			return out
		}
		e = ratio
	case r.metric.Type == experiments.Boolean && !r.broken:
		i := Interval(estimate.BernoulliInterval(math.Round(c.y.Sum()), c.y.N, j.d.Alpha, s.Planned))
		out.Interval = &i
	}
	if out.Mean = number(e.Mean); out.Mean == nil {
		return out
	}
	if out.Interval == nil && e.N >= MinUnits {
		out.Interval = ends(s.Interval(estimate.Effect{N: e.N, Value: e.Mean, SE: math.Sqrt(e.Variance)}))
	}
	if r.metric.Denominator == "" {
		out.SD = number(c.y.SD())
		out.Quantiles = r.quantiles(v)
	}
	out.Versus = j.versus(r, v)
	return out
}

// number returns x, without the sign of a 0, or nil if it is none: what cannot be said is left out.
func number(x float64) *float64 {
	if !estimate.Finite(x) {
		return nil
	}
	x += 0 // -0 becomes 0
	return &x
}

// ends returns an interval, or nil if either end is not finite.
func ends(i estimate.Interval) *Interval {
	lo, hi := number(i.Lo), number(i.Hi)
	if lo == nil || hi == nil {
		return nil
	}
	return &Interval{*lo, *hi}
}

// quantiles merges the sketches of a variant's epochs.
func (r reading) quantiles(v int) *Quantiles {
	var all cell
	for _, e := range r.epochs {
		if err := all.merge(r.cells[e][v]); err != nil {
			return nil
		}
	}
	if all.sketch == nil {
		return nil
	}
	q, err := all.sketch.GetValuesAtQuantiles([]float64{0.5, 0.95, 0.99})
	if err != nil {
		return nil
	}
	return &Quantiles{significant(q[0]), significant(q[1]), significant(q[2])}
}

// rounded cuts figures that are only shown to nine decimals: below that, mathematical functions differ between
// architectures, and a report should not.
func rounded(x float64) float64 { return math.Round(x*1e9) / 1e9 }

// significant cuts a quantile, which is known within 1%, to six digits.
func significant(x float64) float64 {
	y, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64) // its own output
	return y
}

func (j *judge) versus(r reading, v int) *Comparison {
	c := j.a.exp.control
	sv, sc := estimate.Stratify(r.estimates(v), r.estimates(c))
	effect, ok := r.effect(v, c)
	if !ok && r.scale == relative {
		effect, ok = r.plain(sv, sc) // a control whose mean is 0 has no lift over it, but a difference
	}
	if v == c || !ok {
		return nil
	}
	sign := r.metric.sign()
	s := j.sequence(j.d.Alpha)
	out := &Comparison{Units: int(sv.N + sc.N), PValue: s.PValue(effect), Approximate: r.approximate(v, c, effect)}
	if r.metric.Denominator == "" {
		better, worse := r.logE(v, c), r.logE(c, v)
		out.LogEBetter, out.LogEWorse = &better, &worse
	}
	if r.scale == logarithmic {
		lift := math.Expm1(sign * effect.Value)
		i := s.Interval(estimate.Effect{N: effect.N, Value: sign * effect.Value, SE: effect.SE})
		out.Lift, out.LiftInterval = number(lift), ends(estimate.Interval{Lo: math.Expm1(i.Lo), Hi: math.Expm1(i.Hi)})
		out.Difference = r.pooled(v).y.Mean - r.pooled(c).y.Mean + 0
		return out
	}
	d := estimate.Difference(sv, sc)
	out.Difference, out.DifferenceInterval = d.Value+0, ends(s.Interval(d))
	l, ok := r.lift(v, c)
	if !ok {
		out.LiftUndefined = r.zero(c)
		return out
	}
	out.Lift, out.LiftApproximate = number(l.Value), sc.Uncertain()
	if l.SE > 0 { // of a variant whose mean is 0 the delta method knows no width, which is a limit of it and no certainty
		out.LiftInterval = ends(s.Interval(l))
	}
	return out
}

// plain returns the difference of two estimates in the metric's own unit, if there is one to speak of.
func (r reading) plain(b, j estimate.Estimate) (estimate.Effect, bool) {
	e := estimate.Difference(b, j)
	e.Value *= r.metric.sign()
	return e, min(b.N, j.N) >= MinUnits && e.Known() && (e.SE > 0 || e.Value != 0)
}

// zero tells whether the mean of a variant is 0, up to rounding.
func (r reading) zero(v int) bool {
	y := r.pooled(v).y
	return y.N > 0 && y.Estimate().Zero()
}

// cut names the variants with values that were cut.
func (j *judge) cut(r reading) string {
	var all []string
	for v, c := range r.counts {
		if c.Capped > 0 {
			all = append(all, fmt.Sprintf("%d of %s", c.Capped, j.name(v)))
		}
	}
	return ": " + strings.Join(all, ", ")
}

func (j *judge) notes() []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for _, r := range j.read {
		var all Counts
		for _, c := range r.counts {
			all.Add(c)
		}
		name := r.metric.String()
		if n := all.Scored + all.Late; n > 0 && float64(all.Late) > 0.05*float64(n) {
			note("%d of %d scores of %s came after the window of %s and are not counted: a longer window is a new version", all.Late, n, name, j.d.Maturity)
		}
		if all.Capped > 0 {
			note("%d of %d values of %s were cut at 0 or at %v%s", all.Capped, all.Scored, name, r.metric.Cap, j.cut(r))
		}
		if r.scale == relative && r.zero(j.a.exp.control) {
			note("the mean of %s is 0 in %s, up to rounding: there is no lift over it, so this metric decides nothing", name, j.d.Control)
		}
		if all.Error > 0 {
			note("%s is an error or an impossible value in %d of %d units", name, all.Error, all.Assigned)
		}
		if r.metric.Denominator != "" {
			note("%s is a ratio: it is decided on its approximate interval alone", name)
		}
		if r.metric.Type == experiments.Unbounded && r.signed && r.metric.Denominator == "" {
			note("%s has values of 0 or less: its interval is of the plain means, and approximate", name)
		}
		if r.metric.Covariate != "" && !r.cuped {
			note("%s is not adjusted by %s: some units lack it, or the metric is unbounded", name, r.metric.Covariate)
		}
		if e := r.mismatch(); e >= math.Log(WarnE) && r.metric != j.read[0].metric {
			note("the variants differ in how often %s is missing (e = %s)", name, eText(e))
		}
	}
	sets := map[int]int{}
	for _, n := range strata(j.a.epochs) {
		if sets[n.epoch]++; sets[n.epoch] == 2 && j.d.Selection != scoring.ByCustom {
			note("the weights of epoch %d changed without a new epoch: its units are analysed separately, by the weights that each had", n.epoch)
		}
		if j.a.epochs[n].shares == nil {
			note("units of epoch %d have no usable probabilities or too many different ones: their ratio is not checked, and no interval decides", n.epoch)
		}
	}
	if j.d.Maturity == 0 {
		note("no maturity is set: units count in the order in which they become final, so nothing is guaranteed; the figures are right only if the scores of all variants take equally long")
	}
	return append(notes, j.a.seals.notes(j.a.exp.names)...)
}
