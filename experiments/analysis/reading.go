package analysis

import (
	"math"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/estimate"
)

// Sizes below which a pair of variants has no result, and below which its interval is marked approximate.
const (
	MinUnits         = 20
	ApproximateUnits = 100
	ApproximateSkew  = 0.15
)

// scaleOf is the scale of a metric's effect in decisions.
type scaleOf int

const (
	additive    scaleOf = iota // the metric's own unit
	logarithmic                // the logarithm of the ratio of geometric means
	relative                   // a share of the other variant's mean
)

// reading is a metric at the moment of a report: estimates and effects, oriented so that larger is better.
type reading struct {
	*tally
	epochs  []stratum
	scale   scaleOf
	cuped   bool
	theta   float64
	centreX float64
}

func (m *tally) read() reading {
	r := reading{tally: m, epochs: strata(m.cells)}
	if m.metric.Type == experiments.Unbounded && m.metric.Denominator == "" {
		r.scale = logarithmic
		if m.signed {
			r.scale = relative
		}
	}
	// A covariate narrows the effect in the metric's own unit only, and only if every unit has it.
	if m.metric.Covariate != "" && !m.bare && r.scale != logarithmic {
		var all, within estimate.CoMoments
		for _, e := range r.epochs {
			for _, c := range m.cells[e] {
				all.Merge(c.xy)
				within.Mxx += c.xy.Mxx
				within.Mxy += c.xy.Mxy
			}
		}
		r.cuped, r.theta, r.centreX = true, within.Theta(), all.MeanX
	}
	return r
}

// estimate returns the mean of a cell on the scale of the metric.
func (r reading) estimate(c cell) estimate.Estimate {
	switch {
	case r.metric.Denominator != "":
		e, _ := c.xy.Ratio()
		return e
	case r.cuped:
		return c.xy.Adjusted(r.theta, r.centreX)
	case r.scale == logarithmic:
		return c.log.Estimate()
	case r.metric.Type == experiments.Boolean:
		return c.y.Proportion()
	}
	return c.y.Estimate()
}

func (r reading) estimates(v int) []estimate.Estimate {
	out := make([]estimate.Estimate, len(r.epochs))
	for i, e := range r.epochs {
		out[i] = r.estimate(r.cells[e][v])
	}
	return out
}

// effect returns by how much b is better than j, on the scale on which it is decided. ok is false when either has too
// few units to speak of.
func (r reading) effect(b, j int) (estimate.Effect, bool) {
	sb, sj := estimate.Stratify(r.estimates(b), r.estimates(j))
	least := float64(MinUnits)
	if r.metric.Denominator != "" {
		least = ApproximateUnits // only the interval decides
	}
	if min(sb.N, sj.N) < least || (r.metric.Denominator != "" && r.mixed()) {
		return estimate.Effect{}, false
	}
	e := estimate.Difference(sb, sj)
	if !e.Known() {
		return estimate.Effect{}, false
	}
	if r.scale == relative {
		var ok bool
		if e, ok = r.lift(b, j); !ok {
			return estimate.Effect{}, false
		}
	}
	if e.SE == 0 && (e.Value == 0 || r.metric.Denominator != "") {
		return estimate.Effect{}, false // no unit differs from another yet
	}
	e.Value *= r.metric.sign()
	e.Skew *= r.metric.sign()
	return e, true
}

// lift returns the difference of b and j as a share of j, as the metric is measured.
func (r reading) lift(b, j int) (estimate.Effect, bool) {
	sb, sj := estimate.Stratify(r.estimates(b), r.estimates(j))
	plain := r
	plain.cuped = false
	pb, pj := estimate.Stratify(plain.estimates(b), plain.estimates(j))
	if pj.Zero() {
		return estimate.Effect{}, false
	}
	return estimate.RelativeTo(sb, sj, pb.Mean, pj.Mean)
}

// distance turns a difference that the definition speaks of (a margin, an MDE, a ROPE) into the scale of effect.
// better says which way it goes.
func (r reading) distance(x float64, better bool) float64 {
	if r.scale != logarithmic {
		return x
	}
	if better == (r.metric.Direction == experiments.Higher) {
		return math.Log1p(x)
	}
	if x >= 1 {
		return math.Inf(1)
	}
	return -math.Log1p(-x)
}

// mixed tells whether units with different probabilities had to be pooled, since there are too many sets of them. The bets
// know each unit's own; a mean does not, and decides nothing then.
func (r reading) mixed() bool {
	return slices.ContainsFunc(r.epochs, func(s stratum) bool { return s.shares == "" })
}

// pooled returns the moments of a variant over all epochs.
func (r reading) pooled(v int) cell {
	var c cell
	for _, e := range r.epochs {
		c.y.Merge(r.cells[e][v].y)
		c.log.Merge(r.cells[e][v].log)
		c.xy.Merge(r.cells[e][v].xy)
	}
	return c
}

// posteriors returns the posterior of each variant's mean, larger being better. With several epochs each variant's mean
// covers the epochs in which all active variants have units, with equal weights, so that a drifting baseline favours no
// variant. ok is false while any variant has too few units.
func (r reading) posteriors(active []int) (posteriors []estimate.Posterior, ok bool) {
	sign := r.metric.sign()
	if len(r.epochs) == 1 && r.metric.Type == experiments.Boolean && !r.broken && !r.cuped && r.metric.Denominator == "" {
		for _, v := range active {
			y := r.cells[r.epochs[0]][v].y
			if y.N < 2 {
				return nil, false
			}
			s := math.Round(y.Sum())
			p := estimate.Beta{A: 0.5 + s, B: 0.5 + y.N - s}
			if sign < 0 {
				p = estimate.Beta{A: p.B, B: p.A}
			}
			posteriors = append(posteriors, p)
		}
		return posteriors, true
	}
	sums := make([]estimate.Estimate, len(active))
	total := 0.0
	for _, e := range r.epochs {
		n := 0.0
		for _, v := range active {
			c := r.estimate(r.cells[e][v])
			if c.N < 2 {
				n = 0
				break
			}
			n += c.N
		}
		if n == 0 {
			continue
		}
		total += n
		for i, v := range active {
			sums[i].Add(r.estimate(r.cells[e][v]), n)
		}
	}
	if total == 0 {
		return nil, false
	}
	for _, s := range sums {
		sd := math.Sqrt(s.Variance) / total
		if sd == 0 || !estimate.Finite(sd) || !estimate.Finite(s.Mean) {
			return nil, false
		}
		posteriors = append(posteriors, estimate.Normal{Mean: sign * s.Mean / total, SD: sd})
	}
	return posteriors, true
}
