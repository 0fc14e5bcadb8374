package analysis

import (
	"maps"
	"math"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/scoring"
)

// ShadowReport has the results of a shadow variant, whose runs ran in parallel to the served runs. It decides nothing:
// no user has seen a shadow's answers.
type ShadowReport struct {
	Variant string `json:"variant"`
	// Metrics are the primary one and then the guardrails.
	Metrics []ShadowResult `json:"metrics"`
}

// ShadowResult is a shadow variant on a metric.
type ShadowResult struct {
	Name string `json:"name"`
	// Counts are of the served units with a shadow.
	Counts
	// Mean is over all scored units and Interval covers it at all times at once. A ratio has neither.
	Mean     *float64  `json:"mean,omitempty"`
	Interval *Interval `json:"interval,omitempty"`
	// Pairs are the units that were served the control and have both values, Difference the mean over them of the shadow's
	// value minus the control's, and DifferenceInterval covers it at all times at once: each unit is compared with itself,
	// so far fewer units are enough. An unbounded metric has no interval.
	Pairs              int       `json:"pairs"`
	Difference         *float64  `json:"difference,omitempty"`
	DifferenceInterval *Interval `json:"difference_interval,omitempty"`
	// PValue is of the difference, two-sided and valid at every look. 1 without an interval.
	PValue float64 `json:"p_value"`
}

// Shadows returns the results of the shadow variants, in the order of their names.
func (r *Reader) Shadows(exp *experiments.Experiment) ([]ShadowReport, error) {
	e := designOf(exp)
	if err := r.admitted(e); err != nil {
		return nil, err
	}
	tallies := map[string]*shadowTally{}
	plainly := e.uncorrected()
	for _, shadow := range r.shadows {
		t := tallies[shadow.first.Variant]
		if t == nil {
			t = e.newShadowTally()
			tallies[shadow.first.Variant] = t
		}
		var control *Unit
		if shadow.served.first.Variant == e.def.Control {
			u := r.unit(shadow.served, plainly)
			control = &u
		}
		t.add(r.unit(shadow, plainly), control)
	}
	var out []ShadowReport
	for _, variant := range slices.Sorted(maps.Keys(tallies)) {
		out = append(out, ShadowReport{variant, tallies[variant].results(e.def)})
	}
	return out, nil
}

// shadowTally is the state of a shadow variant: for each metric, its own values and the differences to the control.
type shadowTally struct {
	alone       []*tally
	differences []estimate.Moments
}

func (e *design) newShadowTally() *shadowTally {
	t := &shadowTally{}
	for _, m := range e.uncorrected() {
		t.alone = append(t.alone, newTally(m, 1))
		t.differences = append(t.differences, estimate.Moments{})
	}
	return t
}

func (t *shadowTally) add(shadow Unit, control *Unit) {
	for i, m := range t.alone {
		m.add(stratum{}, 0, shadow, shadow.Outcomes[i], nil, moment{}) // the weights do not matter to a shadow
		if control == nil || !shadow.Mature || !control.Mature || m.metric.Denominator != "" {
			continue
		}
		s, c := shadow.Outcomes[i], control.Outcomes[i]
		if s.State == scoring.Scored && c.State == scoring.Scored && m.metric.admits(s.Value) && m.metric.admits(c.Value) {
			t.differences[i].Add(s.Value - c.Value)
		}
	}
}

func (t *shadowTally) results(d experiments.Definition) []ShadowResult {
	s := estimate.Sequence{Alpha: d.Alpha, Planned: float64(d.Planned) / 2}
	mean := func(m estimate.Moments) (*float64, *Interval, float64) {
		if m.N == 0 {
			return nil, nil, 1
		}
		e := m.Estimate()
		if m.N < MinUnits || e.Variance == 0 || !estimate.Finite(e.Variance) {
			return number(e.Mean), nil, 1
		}
		effect := estimate.Effect{N: e.N, Value: e.Mean, SE: math.Sqrt(e.Variance)}
		return number(e.Mean), ends(s.Interval(effect)), s.PValue(effect)
	}
	out := make([]ShadowResult, len(t.alone))
	for i, m := range t.alone {
		r := ShadowResult{Name: m.metric.String(), Counts: m.counts[0], Pairs: int(t.differences[i].N), PValue: 1}
		if m.metric.Denominator == "" {
			y := m.read().pooled(0).y
			r.Mean, r.Interval, _ = mean(y)
			if m.metric.Type == experiments.Boolean && !m.broken && y.N > 0 {
				i := Interval(estimate.BernoulliInterval(math.Round(y.Sum()), y.N, d.Alpha, s.Planned))
				r.Interval = &i
			}
			r.Difference, r.DifferenceInterval, r.PValue = mean(t.differences[i])
		}
		if lo, hi, ok := m.metric.bounds(); ok {
			r.Interval, r.DifferenceInterval = cut(r.Interval, lo, hi), cut(r.DifferenceInterval, lo-hi, hi-lo)
		}
		if m.metric.Type == experiments.Unbounded {
			r.DifferenceInterval, r.PValue = nil, 1
		}
		out[i] = r
	}
	return out
}

// cut cuts an interval to a range that has the true value.
func cut(i *Interval, lo, hi float64) *Interval {
	if i == nil {
		return nil
	}
	return &Interval{Lo: max(i.Lo, lo), Hi: min(i.Hi, hi)}
}
