package analysis

import (
	"fmt"
	"math"

	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/internal/exact"
	"github.com/verdict-dev/verdict/scoring"
)

// Thresholds of the checks that make an experiment invalid.
const (
	AlarmE = 100
	WarnE  = 20
)

// ratio is the state of a sample-ratio check. Units whose probabilities are shared by many are tested by their counts;
// the others, whose probabilities differ unit by unit, by bets. The product of both is an e-process, for a unit is in
// one or the other by its probabilities alone.
type ratio struct {
	counts estimate.SampleRatio
	// own has two tests a variant: it comes more often than its probabilities say, and less often.
	own    []betting.Test
	warned moment
	alarm  moment
}

// add plays a unit of variant v with the probabilities p. counts are of the units before it with the same shares; shares
// are nil where its probabilities are its own.
func (r *ratio) add(e *design, counts, shares []float64, v int, p []float64, at moment) {
	switch {
	case p == nil:
		return
	case shares == nil || e.def.Selection == scoring.ByCustom:
		r.bet(v, p)
	default:
		r.counts.Add(counts, shares, v)
	}
	if r.alarm.unit > 0 {
		return
	}
	now := r.counts.E() * r.meanE()
	if r.warned.unit == 0 && now >= WarnE {
		r.warned = at
	}
	if now >= AlarmE {
		r.alarm = at
	}
}

// bet plays [A=a]/p_a - 1, whose expectation is 0 if a has its probability p_a, for each variant a.
func (r *ratio) bet(v int, p []float64) {
	if r.own == nil {
		r.own = make([]betting.Test, 2*len(p))
	}
	for a, share := range p {
		if !(share > 0 && share < 1) {
			continue
		}
		more, less := -1.0, share/(1-share)
		if a == v {
			more, less = 1/share-1, -1
		}
		r.own[2*a].Bet(more)
		r.own[2*a+1].Bet(less)
	}
}

func (r *ratio) meanE() float64 {
	if r.own == nil {
		return 1
	}
	sum := 0.0
	for i := range r.own {
		sum += r.own[i].E()
	}
	return sum / float64(len(r.own))
}

func (r *ratio) logE() float64 {
	logs := make([]float64, len(r.own))
	for i := range r.own {
		logs[i] = r.own[i].LogE()
	}
	l := r.counts.LogE() + logMean(logs)
	return max(min(l, math.MaxFloat64), -math.MaxFloat64)
}

// sampleRatio reports the check of the assigned or the matured units.
func (a *Analysis) sampleRatio(matured bool) SampleRatio {
	r := &a.assigned
	if matured {
		r = &a.arrived
	}
	k := len(a.exp.names)
	counts, shares := make([]float64, k), make([]float64, k)
	for _, n := range strata(a.epochs) {
		e := a.epochs[n]
		if e.shares == nil {
			continue
		}
		observed := e.assigned
		if matured {
			observed = e.matured
		}
		sum := 0.0
		for _, c := range observed {
			sum += c
		}
		for v := range k {
			counts[v] += observed[v]
			shares[v] += float64(sum * e.shares[v])
		}
	}
	return SampleRatio{
		LogE: r.logE(), ChiSquareP: estimate.ChiSquareP(counts, shares),
		Alarm: r.alarm.unit > 0, Warn: r.warned.unit > 0 || r.alarm.unit > 0, Since: r.alarm.at,
	}
}

// eText writes an e-value for people.
func eText(logE float64) string {
	if logE > 30 {
		return fmt.Sprintf("10^%.0f", math.Floor(logE/math.Ln10))
	}
	return fmt.Sprintf("%.3g", exact.Exp(logE))
}
