package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
)

const (
	alpha   = 0.05
	planned = 2000
	burnIn  = 100 // units a variant before an interval is looked at
)

// scores is a distribution of scores, with the score in [0, 1] that is bet on, and the means of that.
type scores struct {
	name           string
	draw           func(rng *rand.Rand, treated bool) float64
	unit           func() func(y float64) float64
	treated, other float64
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
		return score(rng, rate)
	}, identity, q, p}
}

// quality is a beta distribution with whole parameters, as the a-th smallest of a+b-1 uniform numbers.
func quality(a, b int) scores {
	return scores{fmt.Sprintf("Beta(%d,%d)", a, b), func(rng *rand.Rand, _ bool) float64 {
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
		return x[a-1]
	}, identity, float64(a) / float64(a+b), float64(a) / float64(a+b)}
}

func lognormal(sigma float64) scores {
	return scores{fmt.Sprintf("lognormal(%g), ranked", sigma), func(rng *rand.Rand, _ bool) float64 {
		return math.Exp(sigma * rng.NormFloat64())
	}, ranked, .5, .5}
}

func revenue(limit float64) scores {
	l := math.Log(limit)
	under := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	mean := 0.05 * (math.Exp(.5)*under(l-1) + limit*(1-under(l))) / limit
	return scores{fmt.Sprintf("5%% x lognormal, cap %g", limit), func(rng *rand.Rand, _ bool) float64 {
		if rng.Float64() >= 0.05 {
			return 0
		}
		return math.Exp(rng.NormFloat64())
	}, capped(limit), mean, mean}
}

// typeI is the intervals and the tests where there is no effect, looked at after every unit.
func typeI(s size) []row { return misses(s, 1, 0.5, s.nulls()) }

func typeIUneven(s size) []row { return misses(s, 2, 0.1, s.nulls()) }

func (s size) nulls() []scores {
	if !s.full {
		return []scores{bernoulli(.5, .5), bernoulli(.05, .05)}
	}
	return []scores{
		bernoulli(.5, .5), bernoulli(.3, .3), bernoulli(.05, .05), bernoulli(.01, .01), bernoulli(.95, .95),
		quality(8, 2), lognormal(2), revenue(8),
	}
}

// coverage is the same where there is one.
func coverage(s size) []row {
	cases := []scores{bernoulli(.3, .36), bernoulli(.05, .065), bernoulli(.9, .6), bernoulli(.5, .55)}[:s.pick(2, 4)]
	return append(misses(s, 3, 0.5, cases), misses(s, 4, 0.1, cases)...)
}

// misses measures how often an interval ever misses the true effect, which a test of the true effect finds.
func misses(s size, check int, pi float64, cases []scores) []row {
	var rows []row
	cs := estimate.Sequence{Alpha: alpha, Planned: planned}
	z := estimate.FixedHorizon{Alpha: alpha}
	for c, dist := range cases {
		var difference, lift, mean, asymptotic, delta, naive rate
		d, l := dist.treated-dist.other, dist.treated/dist.other-1
		within := dist.name != "lognormal(2), ranked" // the ranks of a variant have no mean of their own
		for i := range s.pick(150, 600) {
			x := stream{rng: s.rng(check*100+c, i)}
			unit := dist.unit()
			var byDifference, byLift ends
			var low, high betting.Test
			var missA, missD, missF bool
			for n := range s.pick(6000, 20_000) {
				treated := x.treat(pi)
				u := unit(dist.draw(x.rng, treated))
				stake := x.bet(treated, u, pi)
				byDifference.difference(stake, d)
				byLift.lift(stake, l)
				if within && !treated {
					low.Bet((u - dist.other) / dist.other)
					high.Bet((dist.other - u) / (1 - dist.other))
				}
				if x.smaller() < analysis.MinUnits || n%5 > 0 {
					continue
				}
				e := x.effect()
				missA = missA || !cs.Interval(e).Contains(d)
				if r, ok := estimate.Relative(x.b.Estimate(), x.j.Estimate()); ok {
					missD = missD || !cs.Interval(r).Contains(l)
				}
				if x.smaller() >= burnIn {
					missF = missF || !z.Interval(e).Contains(d)
				}
			}
			difference.add(byDifference.missed())
			lift.add(byLift.missed())
			mean.add(max(low.Peak(), high.Peak()) >= 2/alpha)
			asymptotic.add(missA)
			delta.add(missD)
			naive.add(missF)
		}
		what := fmt.Sprintf("%s, %.0f/%.0f, ever missed", dist.name, 100*(1-pi), 100*pi)
		rows = append(rows, never(what, "difference", difference, alpha), never(what, "lift", lift, alpha))
		if within {
			rows = append(rows, never(what, "mean of the control", mean, alpha))
		}
		rows = append(rows, shown(what, "difference, asymptotic", asymptotic), shown(what, "lift, asymptotic", delta),
			erring(what, "fixed interval at every look", naive, s.naive()))
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

// samples measures how many units a decision takes, compared with a fixed-horizon test of 80% power.
func samples(s size) []row {
	cases := []struct{ p, q, share, want float64 }{
		{.90, .60, .1, 204}, {.90, .60, .5, 90}, {.30, .36, .5, 2300}, {.50, .55, .5, 3600}, {.30, .36, .1, 6450}, {.05, .065, .5, 8850},
	}
	var rows []row
	for c, x := range cases[:s.pick(3, len(cases))] {
		fixed := experiments.FixedTotal(x.q-x.p, (x.p*(1-x.p)+x.q*(1-x.q))/2, x.share, alpha, .8)
		const most = 60_000
		var exact, asymptotic []float64
		for i := range s.pick(150, 400) {
			u := stream{rng: s.rng(450+c, i)}
			cs := estimate.Sequence{Alpha: alpha, Planned: max(fixed, 2*burnIn)}
			var e ends
			first, second := most+1, most+1
			for n := 1; n <= most && (first > most || second > most); n++ {
				treated := u.treat(x.share)
				rate := x.p
				if treated {
					rate = x.q
				}
				e.difference(u.bet(treated, score(u.rng, rate), x.share), 0)
				if first > most && e.missed() {
					first = n
				}
				if second > most && u.smaller() >= burnIn && !cs.Interval(u.effect()).Contains(0) {
					second = n
				}
			}
			exact, asymptotic = append(exact, float64(first)), append(asymptotic, float64(second))
		}
		what := fmt.Sprintf("%.2f v %.3g, %.0f/%.0f, median units", x.p, x.q, 100*(1-x.share), 100*x.share)
		rows = append(rows, near(what, "decided by the bets", median(exact), x.want, s.slack(.1)),
			row{what: what, method: "asymptotic, 100 units a variant or more", measured: fmt.Sprintf("%.0f", median(asymptotic)), rule: "shown", ok: true},
			row{what: what, method: "fixed horizon, 80% power", measured: fmt.Sprintf("%.0f", fixed), rule: "formula", ok: true})
	}
	return rows
}

// slack widens a tolerance for the fast sizes, whose medians are noisier.
func (s size) slack(share float64) float64 {
	if s.full {
		return share
	}
	return 2.5 * share
}
