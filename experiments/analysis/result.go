package analysis

import (
	"math"
	"strconv"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/internal/exact"
)

func (j *judge) metric(i int) MetricReport {
	r := j.read[i]
	out := MetricReport{
		Name: r.metric.String(), Role: "guardrail", Type: r.metric.Type, Direction: r.metric.Direction,
		Planned: j.d.Planned, MissingLogE: r.missing.logE(),
	}
	for v := range j.a.exp.names {
		out.Variants = append(out.Variants, j.result(r, v))
	}
	if i == 0 {
		out.Role = "primary"
		active := make([]int, 0, len(j.harmful))
		for v := range j.harmful {
			if !j.stopped(v, j.now) {
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
	if r.metric.Denominator != "" {
		ratio, ok := c.xy.Ratio()
		if !ok {
			return out
		}
		e = ratio
	}
	if out.Mean = number(e.Mean); out.Mean == nil {
		return out
	}
	switch {
	case r.metric.Type == experiments.Boolean && r.metric.exact():
		// The mixture holds for shares as well, as a wider one: its factors are convex in the value.
		i := Interval(estimate.BernoulliInterval(max(0, min(c.y.Sum(), c.y.N)), c.y.N, j.d.Alpha, s.Planned))
		out.Interval, out.IntervalMethod = &i, BetaBinomial
	case r.metric.exact():
		first, size, _ := r.metric.bounds()
		size -= first
		lo, hi := r.evidence.means[v].Interval(2 / j.d.Alpha)
		out.Interval, out.IntervalMethod = ends(estimate.Interval{Lo: first + lo*size, Hi: first + hi*size}), Betting
		if r.metric.of != nil { // the mean is the mean outcome
			first, last, _ := r.metric.uncorrected().bounds()
			if i := out.Interval; i != nil {
				i.Lo, i.Hi = max(first, min(last, i.Lo)), max(first, min(last, i.Hi))
			}
		}
	case e.N >= MinUnits:
		out.Interval, out.IntervalMethod = ends(s.Interval(estimate.Effect{N: e.N, Value: e.Mean, SE: math.Sqrt(e.Variance)})), Asymptotic
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
	return &Interval{Lo: *lo, Hi: *hi}
}

// quantiles are of a variant, over all epochs.
func (m *tally) quantiles(v int) *Quantiles {
	if m.sketches[v] == nil {
		return nil
	}
	q, err := m.sketches[v].GetValuesAtQuantiles([]float64{0.5, 0.95, 0.99})
	if err != nil {
		return nil
	}
	return &Quantiles{P50: significant(q[0]), P95: significant(q[1]), P99: significant(q[2])}
}

// rounded cuts figures that are only shown to nine decimals: below that, mathematical functions differ between
// architectures, and a report should not.
func rounded(x float64) float64 { return math.Round(x*1e9) / 1e9 }

// significant cuts a quantile, which is known within 1%, to six digits.
func significant(x float64) float64 {
	y, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64) // its own output
	return y
}

// versus compares a variant with the control; nil while there are too few units.
func (j *judge) versus(r reading, v int) *Comparison {
	c := j.a.exp.control
	if v == c {
		return nil
	}
	var out *Comparison
	if r.metric.exact() {
		out = j.inverse(r, v, c)
	} else {
		out = j.asymptotic(r, v, c)
	}
	if out == nil || r.metric.Denominator != "" {
		return out
	}
	better, worse := r.evidence.logE(v, c), r.evidence.logE(c, v)
	out.LogEBetter, out.LogEWorse = &better, &worse
	return out
}

// inverse compares by the bets.
func (j *judge) inverse(r reading, v, c int) *Comparison {
	p, size := r.evidence.pairs[v], r.metric.size()
	if r.evidence.ready(v, c).unit == 0 || p.Units() == 0 {
		return nil
	}
	threshold := j.k / j.d.Alpha
	value, lo, hi := p.Difference(threshold)
	out := &Comparison{
		Units: r.counts[v].Scored + r.counts[c].Scored, Method: Betting,
		Difference: value*size + 0, DifferenceInterval: ends(estimate.Interval{Lo: lo * size, Hi: hi * size}),
	}
	most := max(r.evidence.test(ahead, v, c).Peak(), r.evidence.test(ahead, c, v).Peak())
	out.PValue = min(1, 2/most)
	if b, ok := j.harmBound(r, v); ok && r.evidence.shown(worse, c, v, j.now) {
		out.HarmAtLeast = &b
	}
	if r.zero(c) {
		out.LiftUndefined = !r.zero(v)
		return out
	}
	if lift, lo, hi, ok := p.Lift(threshold); ok {
		out.Lift, out.LiftInterval = number(lift), ends(estimate.Interval{Lo: lo, Hi: hi})
	}
	return out
}

// asymptotic compares by the confidence sequence.
func (j *judge) asymptotic(r reading, v, c int) *Comparison {
	sv, sc := estimate.Stratify(r.estimates(v), r.estimates(c))
	effect, ok := r.effect(v, c)
	if !ok && r.scale == relative {
		effect, ok = r.plain(sv, sc) // a control whose mean is 0 has no lift over it, but a difference
	}
	if !ok {
		return nil
	}
	sign := r.metric.sign()
	s := j.a.exp.sequence(2 * j.d.Alpha / j.k) // at either end as the others
	out := &Comparison{Units: int(sv.N + sc.N), Method: Asymptotic, PValue: min(1, exact.Exp(-r.evidence.peaks[v])), Approximate: true}
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
