package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/estimate"
)

const (
	alpha   = 0.05
	planned = 2000
	burnIn  = 100 // units a variant before an interval is looked at
)

// scores is a distribution of scores, with the score in [0, 1] that is bet on.
type scores struct {
	name string
	draw func(rng *rand.Rand, treated bool) float64
	unit func() func(y float64) float64
}

func identity() func(float64) float64 { return func(y float64) float64 { return y } }

func ranked() func(float64) float64 {
	var r estimate.Ranks
	return r.Next
}

func capped(limit float64) func() func(float64) float64 {
	return func() func(float64) float64 { return func(y float64) float64 { return min(y, limit) / limit } }
}

func bernoulli(p, q float64) scores {
	name := fmt.Sprintf("Bernoulli %.2f", p)
	if p != q {
		name += fmt.Sprintf(" v %.2f", q)
	}
	return scores{name, func(rng *rand.Rand, treated bool) float64 {
		rate := p
		if treated {
			rate = q
		}
		if rng.Float64() < rate {
			return 1
		}
		return 0
	}, identity}
}

// quality is a beta distribution with whole parameters, as the a-th smallest of a+b-1 uniform numbers.
func quality(a, b int, shift float64) scores {
	return scores{fmt.Sprintf("Beta(%d,%d)", a, b), func(rng *rand.Rand, treated bool) float64 {
		var x [16]float64
		n := a + b - 1
		for i := range n {
			v := rng.Float64()
			k := i
			for ; k > 0 && x[k-1] > v; k-- {
				x[k] = x[k-1]
			}
			x[k] = v
		}
		if treated {
			return min(1, x[a-1]+shift)
		}
		return x[a-1]
	}, identity}
}

func lognormal(sigma float64) scores {
	return scores{fmt.Sprintf("lognormal(%g), ranked", sigma), func(rng *rand.Rand, _ bool) float64 {
		return math.Exp(sigma * rng.NormFloat64())
	}, ranked}
}

func revenue(limit float64) scores {
	return scores{fmt.Sprintf("5%% x lognormal, cap %g", limit), func(rng *rand.Rand, _ bool) float64 {
		if rng.Float64() >= 0.05 {
			return 0
		}
		return math.Exp(rng.NormFloat64())
	}, capped(limit)}
}

// race is two variants looked at after every unit. Fields are the first looks at which a method stopped; 0 is never.
type race struct {
	bet, sequence, both, naive int
}

// watch runs one experiment of n units, a share pi of them treated, until every method in need has stopped.
func watch(rng *rand.Rand, s scores, pi float64, n int, tuned float64, onlyBoth bool) race {
	var better, worse estimate.EProcess
	var centre estimate.Centre
	var b, j estimate.Moments
	unit := s.unit()
	cs := estimate.Sequence{Alpha: alpha, Planned: tuned}
	limit := math.Log(2 / alpha) // two-sided: each direction at half
	barrier := 2 / alpha
	csLimit := math.Log(1 / alpha)
	z := estimate.FixedHorizon{Alpha: alpha}.Interval(estimate.Effect{SE: 1}).Hi
	var r race
	for i := 1; i <= n; i++ {
		treated := rng.Float64() < pi
		y := s.draw(rng, treated)
		u := unit(y)
		own := pi
		if !treated {
			own = 1 - pi
		}
		stake := estimate.Stake(u, centre.Value(), own, 1-own)
		centre.Add(u)
		if treated {
			b.Add(y)
		} else {
			stake = -stake
			j.Add(y)
		}
		better.Bet(stake)
		worse.Bet(-stake)
		if r.bet == 0 && (better.PValue() <= 1/barrier || worse.PValue() <= 1/barrier) {
			r.bet = i
		}
		if b.N < 2 || j.N < 2 || (r.sequence > 0 && r.naive > 0 && !onlyBoth) {
			continue
		}
		e := estimate.Difference(b.Estimate(), j.Estimate())
		covers := true
		if min(b.N, j.N) >= burnIn {
			covers = cs.LogE(e) < csLimit
			if !covers && r.sequence == 0 {
				r.sequence = i
			}
			if r.naive == 0 && math.Abs(e.Value) > z*e.SE {
				r.naive = i
			}
		} else if onlyBoth && min(b.N, j.N) >= analysis.MinUnits {
			covers = cs.LogE(e) < csLimit
		}
		if onlyBoth && r.both == 0 && !covers && (better.LogE() >= limit || worse.LogE() >= limit) {
			r.both = i
			if r.sequence > 0 && r.bet > 0 {
				return r
			}
		}
	}
	return r
}

func typeI(s size) []row { return nulls(s, 1, 0.5) }

func typeIUneven(s size) []row { return nulls(s, 2, 0.1) }

// nulls measures how often a method finds a difference where there is none, looking after every unit.
func nulls(s size, check int, pi float64) []row {
	cases := []scores{bernoulli(.5, .5), bernoulli(.05, .05)}
	if s.full {
		cases = []scores{
			bernoulli(.5, .5), bernoulli(.3, .3), bernoulli(.05, .05), bernoulli(.01, .01), bernoulli(.95, .95),
			quality(8, 2, 0), lognormal(2), revenue(8),
		}
	}
	var rows []row
	for c, dist := range cases {
		var bet, cs, naive rate
		for i := range s.pick(150, 2000) {
			r := watch(s.rng(check*100+c, i), dist, pi, s.pick(6000, 20_000), planned, false)
			bet.add(r.bet > 0)
			cs.add(r.sequence > 0)
			naive.add(r.naive > 0)
		}
		what := fmt.Sprintf("%s, %.0f/%.0f", dist.name, 100*(1-pi), 100*pi)
		rows = append(rows, never(what, "e-process", bet, alpha))
		if pi == 0.5 && dist.name != "lognormal(2), ranked" {
			rows = append(rows, never(what, "confidence sequence", cs, alpha))
		} else {
			rows = append(rows, shown(what, "confidence sequence", cs))
		}
		rows = append(rows, erring(what, "z test at every look", naive, s.naive()))
	}
	return rows
}

// naive is how often a naive test must be seen to err: over fewer looks it errs less.
func (s size) naive() float64 {
	if s.full {
		return 0.3
	}
	return 0.15
}

// coverage measures how often an interval ever misses the true effect.
func coverage(s size) []row {
	var rows []row
	for c, p := range [][2]float64{{.3, .36}, {.05, .065}, {.5, .55}} {
		var absolute, relative, marked, fixed rate
		for i := range s.pick(150, 2000) {
			rng := s.rng(300+c, i)
			cs := estimate.Sequence{Alpha: alpha, Planned: planned}
			z := estimate.FixedHorizon{Alpha: alpha}
			var b, j estimate.Moments
			var missA, missR, missAll, missF bool
			d := bernoulli(p[0], p[1])
			for range s.pick(6000, 20_000) {
				if rng.Float64() < .5 {
					b.Add(d.draw(rng, true))
				} else {
					j.Add(d.draw(rng, false))
				}
				if min(b.N, j.N) < burnIn {
					continue
				}
				eb, ej := b.Proportion(), j.Proportion()
				a := estimate.Difference(eb, ej)
				missA = missA || !cs.Interval(a).Contains(p[1]-p[0])
				missF = missF || !z.Interval(a).Contains(p[1]-p[0])
				if r, ok := estimate.Relative(eb, ej); ok {
					miss := !cs.Interval(r).Contains(p[1]/p[0] - 1)
					missAll = missAll || miss
					missR = missR || miss && !ej.Uncertain()
				}
			}
			absolute.add(missA)
			relative.add(missR)
			marked.add(missAll)
			fixed.add(missF)
		}
		what := fmt.Sprintf("%.2f v %.3g, ever missed", p[0], p[1])
		rows = append(rows, never(what, "difference", absolute, .06), never(what, "lift", relative, .06),
			shown(what, "lift, also where marked approximate", marked), erring(what, "fixed interval", fixed, s.naive()))
	}
	return rows
}

// samples measures how many units a decision takes, compared with a fixed-horizon test of 80% power; the sequence is
// tuned for that test's size.
func samples(s size) []row {
	cases := []struct {
		p, q, share float64
		e, both     float64 // expected medians; 0: none known
	}{
		{.30, .36, .5, 2250, 2265}, {.90, .60, .5, 86, 90}, {.05, .065, .5, 8610, 8715}, {.50, .55, .5, 3465, 0}, {.30, .36, .1, 6195, 6245},
	}
	var rows []row
	for c, x := range cases[:s.pick(2, len(cases))] {
		fixed := experiments.FixedTotal(x.q-x.p, (x.p*(1-x.p)+x.q*(1-x.q))/2, x.share, alpha, .8)
		const most = 60_000
		var e, cs, both []float64
		for i := range s.pick(150, 1000) {
			r := watch(s.rng(400+c, i), bernoulli(x.p, x.q), x.share, most, fixed, true)
			e, cs, both = append(e, at(r.bet, most)), append(cs, at(r.sequence, most)), append(both, at(r.both, most))
		}
		what := fmt.Sprintf("%.2f v %.3g, %.0f/%.0f, median units", x.p, x.q, 100*(1-x.share), 100*x.share)
		rows = append(rows, near(what, "e-process", median(e), x.e, s.slack(.1)))
		if x.both > 0 {
			rows = append(rows, near(what, "e-process and sequence", median(both), x.both, s.slack(.1)))
		}
		if fixed > 4*burnIn {
			rows = append(rows, near(what, "confidence sequence", median(cs), .95*fixed, s.slack(.1)))
		}
		rows = append(rows, row{what: what, method: "fixed horizon, 80% power", measured: fmt.Sprintf("%.0f", fixed), rule: "formula", ok: true})
	}
	return rows
}

// at returns a look, or one after the last if it never came.
func at(look, most int) float64 {
	if look == 0 {
		return float64(most + 1)
	}
	return float64(look)
}

// slack widens a tolerance for the fast sizes, whose medians are noisier.
func (s size) slack(share float64) float64 {
	if s.full {
		return share
	}
	return 2.5 * share
}
