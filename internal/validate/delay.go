package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
)

const (
	day     = 24 * time.Hour
	window  = 7 * day
	perDay  = 200
	endWeek = 60 // days
)

// arrival is a unit whose outcome comes with a delay.
type arrival struct {
	at      time.Duration
	treated bool
	success bool
	delay   time.Duration
}

// arrivals draws units of 60 days. A success comes after an exponential delay, given that it comes within the window.
func arrivals(rng *rand.Rand, rateA, rateB, delayA, delayB float64) []arrival {
	var out []arrival
	for i := range perDay * endWeek {
		a := arrival{at: time.Duration(i) * day / perDay, treated: rng.Float64() < .5}
		p, d := rateA, delayA
		if a.treated {
			p, d = rateB, delayB
		}
		a.success = rng.Float64() < p
		a.delay = window + 1
		for a.success && a.delay > window {
			a.delay = time.Duration(d * rng.ExpFloat64() * float64(day))
		}
		out = append(out, a)
	}
	return out
}

// delays compares estimators that look every day while outcomes of one variant come later than of the other.
func delays(s size) []row {
	type finding struct{ matured, bet, early, naive rate }
	measure := func(check int, delayB float64) (f finding) {
		cs := estimate.Sequence{Alpha: alpha, Planned: planned}
		for i := range s.pick(60, 300) {
			units := arrivals(s.rng(check, i), .3, .3, 1, delayB)
			var matured, bet, early, naive bool
			x := stream{}
			var e ends
			next := 0
			for d := 1; d <= endWeek; d++ {
				now := time.Duration(d) * day
				for ; next < len(units) && units[next].at+window <= now; next++ {
					u := units[next]
					y := 0.0
					if u.success {
						y = 1
					}
					e.difference(x.bet(u.treated, y, .5), 0)
				}
				missing := func(e estimate.Effect) bool { return !cs.Interval(e).Contains(0) }
				matured = matured || x.smaller() >= burnIn && missing(x.effect())
				bet = e.missed()
				var soFar [2]estimate.Moments
				sojourns := [2]*estimate.Sojourns{estimate.NewSojourns(window), estimate.NewSojourns(window)}
				for _, u := range units {
					if u.at > now {
						break
					}
					arm, y := 0, 0.0
					if u.treated {
						arm = 1
					}
					age := now - u.at
					j := estimate.Sojourn{After: min(age, window)}
					if u.delay <= age && u.success {
						y = 1
						j = estimate.Sojourn{After: u.delay, Success: true}
					}
					soFar[arm].Add(y)
					if s.full || d%7 == 0 {
						sojourns[arm].Add(j)
					}
				}
				naive = naive || missing(estimate.Difference(soFar[1].Proportion(), soFar[0].Proportion()))
				if x.smaller() >= burnIn && (s.full || d%7 == 0) {
					early = early || missing(estimate.Difference(sojourns[1].Estimate(), sojourns[0].Estimate()))
				}
			}
			f.matured.add(matured)
			f.bet.add(bet)
			f.early.add(early)
			f.naive.add(naive)
		}
		return f
	}
	differ, same := measure(700, 3), measure(701, 1)
	const a, b = "no effect, delays of 1 and 3 days", "no effect, delays of 1 and 1 day"
	return []row{
		never(a, "matured units, bets", differ.bet, alpha), never(a, "matured units, asymptotic", differ.matured, alpha),
		never(a, "Kaplan-Meier, asymptotic", differ.early, alpha), erring(a, "outcomes so far", differ.naive, .3),
		never(b, "matured units, bets", same.bet, alpha), never(b, "outcomes so far", same.naive, alpha),
	}
}

// course is how a baseline, an effect and the share of the treated move over an experiment, t going from 0 to 1.
type course struct {
	what string
	at   func(t float64, x *stream) (base, effect, share float64)
	// pooled is how often the pooled asymptotic sequence must be seen to miss.
	pooled float64
}

// drift moves the baseline while the weights change, also by the scores so far; the effect is 0 or changes its sign.
func drift(s size) []row {
	courses := []course{
		{"no effect, baseline .3 to .57 in a step, ramp 50% to 80%", func(t float64, _ *stream) (float64, float64, float64) {
			if t > .5 {
				return .57, 0, .8
			}
			return .3, 0, .5
		}, .5},
		{"no effect, baseline .3 to .57 smoothly, ramp 10% to 50%", func(t float64, _ *stream) (float64, float64, float64) {
			if t > .5 {
				return .3 + .27*t, 0, .5
			}
			return .3 + .27*t, 0, .1
		}, .5},
		{"no effect, wave of 20 points, weights that follow the data", func(t float64, x *stream) (float64, float64, float64) {
			share := .5
			if x.smaller() > 20 {
				share = min(.9, max(.1, .5+3*(x.b.Mean-x.j.Mean)))
			}
			return .3 + .2*math.Sin(6*t), 0, share
		}, .05},
		{"effect .1, baseline .3 to .57 smoothly, ramp 10% to 50%", func(t float64, _ *stream) (float64, float64, float64) {
			if t > .5 {
				return .3 + .27*t, .1, .5
			}
			return .3 + .27*t, .1, .1
		}, .5},
	}
	var rows []row
	cs := estimate.Sequence{Alpha: alpha, Planned: planned}
	for c, k := range courses {
		var exact, pooled rate
		outside, looks := 0, 0
		for i := range s.pick(60, 600) {
			x := stream{rng: s.rng(800+c, i)}
			p := betting.NewPair(-1, false, nil, nil)
			shown := i < s.pick(3, 20)
			var e ends
			missed := false
			const units = 8000
			share, effect := .5, 0.0
			for n := range units {
				var base, to float64
				if base, effect, to = k.at(float64(n)/units, &x); n%200 == 0 || k.pooled > .4 {
					share = to
				}
				treated := x.treat(share)
				if treated {
					base += effect
				}
				stake := x.bet(treated, score(x.rng, base), share)
				e.difference(stake, effect)
				if shown {
					p.Add(stake)
				}
				if x.smaller() < burnIn || n%10 > 0 {
					continue
				}
				missed = missed || !cs.Interval(x.effect()).Contains(effect)
				if shown && n%200 == 0 {
					looks++
					if v, lo, hi := p.Difference(2 / alpha); v < lo || v > hi {
						outside++
					}
				}
			}
			exact.add(e.missed())
			pooled.add(missed)
		}
		rows = append(rows, never(k.what+", ever missed", "difference", exact, alpha), erring(k.what+", ever missed", "asymptotic, pooled", pooled, k.pooled*s.weight()),
			row{what: k.what, method: "estimate outside its interval", measured: fmt.Sprintf("%d of %d looks", outside, looks), rule: "none", ok: outside == 0})
	}
	return append(append(rows, turning(s)...), covariate(s)...)
}

// turning has an effect that changes its sign in the middle: the interval is of its average so far.
func turning(s size) []row {
	var rows []row
	for c, size := range []float64{.1, .3} {
		var average, last rate
		for i := range s.pick(10, 150) {
			x := stream{rng: s.rng(840+c, i)}
			p := betting.NewPair(-1, false, nil, nil)
			const units = 8000
			sum, missed, naive := 0.0, false, false
			for n := range units {
				effect := size
				if n >= units/2 {
					effect = -size
				}
				sum += effect
				treated := x.treat(.5)
				rate := .4
				if treated {
					rate += effect
				}
				p.Add(x.bet(treated, score(x.rng, rate), .5))
				if n%400 < 399 {
					continue
				}
				_, lo, hi := p.Difference(2 / alpha)
				a := sum / float64(n+1)
				missed = missed || a < lo || a > hi
				naive = naive || effect < lo || effect > hi
			}
			average.add(missed)
			last.add(naive)
		}
		what := fmt.Sprintf("effect +%.1f, then -%.1f, ever missed at 20 looks", size, size)
		rows = append(rows, never(what, "difference, its average so far", average, alpha), erring(what, "difference, the effect of the last unit", last, .5))
	}
	return rows
}

// weight lets a naive method of the fast sizes err less.
func (s size) weight() float64 {
	if s.full {
		return 1
	}
	return .3
}

// covariate measures what a covariate in the centre saves: a difference of .02 where the scores have a deviation of .12.
func covariate(s size) []row {
	var rows []row
	for c, rho := range []float64{0, .5, .7} {
		var plain, with []float64
		var missed rate
		for i := range s.pick(12, 200) {
			x := stream{rng: s.rng(850+c, i)}
			var bare, informed, truth ends
			most := 12_000
			first, second := most, most
			for n := 1; n < most && (first == most || second == most); n++ {
				z := x.rng.NormFloat64()
				treated := x.treat(.5)
				u := .5 + .12*(rho*z+math.Sqrt(1-rho*rho)*x.rng.NormFloat64())
				if treated {
					u += .02
				}
				u = min(1, max(0, u))
				given := x.centre.Given(z)
				before := x.centre
				bare.difference(x.bet(treated, u, .5), 0)
				x.centre = before
				stake := x.betAround(treated, u, given, .5)
				x.centre = before
				x.centre.AddGiven(u, z)
				informed.difference(stake, 0)
				truth.difference(stake, .02)
				if first == most && bare.missed() {
					first = n
				}
				if second == most && informed.missed() {
					second = n
				}
			}
			plain, with = append(plain, float64(first)), append(with, float64(second))
			missed.add(truth.missed())
		}
		what := fmt.Sprintf("difference .02, covariate with correlation %.1f", rho)
		a, b := median(plain), median(with)
		rows = append(rows,
			row{what: what + ", median units", method: "without it and with it", measured: fmt.Sprintf("%.0f and %.0f", a, b), rule: "fewer with it from .5 on", ok: rho == 0 || b < a},
			never(what+", ever missed", "with it", missed, alpha))
	}
	return rows
}

// clusters has customers with 20 runs each, whose rates differ.
func clusters(s size) []row {
	var runs, entities, ratio rate
	cs := estimate.Sequence{Alpha: alpha, Planned: planned}
	for i := range s.pick(100, 500) {
		rng := s.rng(900, i)
		var byRun [2]estimate.Moments
		var sums [2]estimate.CoMoments
		x := stream{}
		var e ends
		var missR, missQ bool
		for n := range 1000 {
			arm := rng.IntN(2)
			// A customer's rate is uniform: the runs of one customer say much the same.
			p := rng.Float64()
			k := float64(10 + rng.IntN(21))
			sum := 0.0
			for range int(k) {
				y := 0.0
				if rng.Float64() < p {
					y = 1
				}
				byRun[arm].Add(y)
				sum += y
			}
			u := sum / k
			sums[arm].Add(k, sum)
			e.difference(x.bet(arm == 1, u, .5), 0)
			if n < 2*burnIn {
				continue
			}
			missR = missR || !cs.Interval(estimate.Difference(byRun[1].Proportion(), byRun[0].Proportion())).Contains(0)
			b, _ := sums[1].Ratio()
			j, _ := sums[0].Ratio()
			missQ = missQ || !cs.Interval(estimate.Difference(b, j)).Contains(0)
		}
		runs.add(missR)
		ratio.add(missQ)
		entities.add(e.missed())
	}
	const what = "no effect, 1,000 customers with 20 runs"
	return []row{never(what, "customers, bets", entities, alpha), never(what, "ratio, delta method", ratio, alpha), erring(what, "runs as units", runs, .5)}
}
