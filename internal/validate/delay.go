package main

import (
	"math/rand/v2"
	"time"

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
		for i := range s.pick(60, 1000) {
			units := arrivals(s.rng(check, i), .3, .3, 1, delayB)
			var matured, bet, early, naive bool
			var better, worse estimate.EProcess
			var centre estimate.Centre
			var b, j estimate.Moments
			next := 0
			for d := 1; d <= endWeek; d++ {
				now := time.Duration(d) * day
				for ; next < len(units) && units[next].at+window <= now; next++ {
					u := units[next]
					y := 0.0
					if u.success {
						y = 1
					}
					stake := estimate.Stake(y, centre.Value(), .5, .5)
					centre.Add(y)
					if u.treated {
						b.Add(y)
					} else {
						j.Add(y)
						stake = -stake
					}
					better.Bet(stake)
					worse.Bet(-stake)
				}
				missing := func(e estimate.Effect) bool { return !cs.Interval(e).Contains(0) }
				matured = matured || min(b.N, j.N) >= burnIn && missing(estimate.Difference(b.Proportion(), j.Proportion()))
				bet = bet || min(better.PValue(), worse.PValue()) <= alpha/2
				var soFar [2]estimate.Moments
				var sojourns [2][]estimate.Sojourn
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
						sojourns[arm] = append(sojourns[arm], j)
					}
				}
				naive = naive || missing(estimate.Difference(soFar[1].Proportion(), soFar[0].Proportion()))
				if min(b.N, j.N) >= burnIn && (s.full || d%7 == 0) {
					early = early || missing(estimate.Difference(estimate.KaplanMeier(sojourns[1], window), estimate.KaplanMeier(sojourns[0], window)))
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
		never(a, "matured units, sequence", differ.matured, alpha), never(a, "matured units, e-process", differ.bet, alpha),
		never(a, "Kaplan-Meier, sequence", differ.early, alpha), erring(a, "outcomes so far", differ.naive, .3),
		never(b, "matured units, sequence", same.matured, alpha), never(b, "outcomes so far", same.naive, alpha),
	}
}

// drift has a baseline that rises by 27 points while the treated share goes from half to 80%.
func drift(s size) []row {
	var pooled, stratified, bet rate
	const half = 5000
	cs := estimate.Sequence{Alpha: alpha, Planned: planned}
	for i := range s.pick(100, 2000) {
		rng := s.rng(800, i)
		var m [2][2]estimate.Moments // by epoch and variant
		var better, worse estimate.EProcess
		var centre estimate.Centre
		var missP, missS, missE bool
		for n := range 2 * half {
			epoch, pi, p := 0, .5, .2
			if n >= half {
				epoch, pi, p = 1, .8, .47
			}
			arm, own := 0, 1-pi
			if rng.Float64() < pi {
				arm, own = 1, pi
			}
			y := 0.0
			if rng.Float64() < p {
				y = 1
			}
			m[epoch][arm].Add(y)
			stake := estimate.Stake(y, centre.Value(), own, 1-own)
			centre.Add(y)
			if arm == 0 {
				stake = -stake
			}
			better.Bet(stake)
			worse.Bet(-stake)
			if n < 2*burnIn || n%10 > 0 {
				continue
			}
			b, j := m[0][1], m[0][0]
			b.Merge(m[1][1])
			j.Merge(m[1][0])
			missP = missP || !cs.Interval(estimate.Difference(b.Proportion(), j.Proportion())).Contains(0)
			sb, sj := estimate.Stratify(
				[]estimate.Estimate{m[0][1].Proportion(), m[1][1].Proportion()},
				[]estimate.Estimate{m[0][0].Proportion(), m[1][0].Proportion()})
			missS = missS || !cs.Interval(estimate.Difference(sb, sj)).Contains(0)
		}
		missE = min(better.PValue(), worse.PValue()) <= alpha/2
		pooled.add(missP)
		stratified.add(missS)
		bet.add(missE)
	}
	const what = "no effect, baseline +27 points, ramp 50% to 80%"
	return []row{never(what, "by epoch, sequence", stratified, alpha), never(what, "e-process", bet, alpha), erring(what, "pooled epochs", pooled, .5)}
}

// clusters has customers with 20 runs each, whose rates differ.
func clusters(s size) []row {
	var runs, entities, ratio rate
	cs := estimate.Sequence{Alpha: alpha, Planned: planned}
	for i := range s.pick(100, 1000) {
		rng := s.rng(900, i)
		var byRun, byEntity [2]estimate.Moments
		var sums [2]estimate.CoMoments
		var better, worse estimate.EProcess
		var centre estimate.Centre
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
			byEntity[arm].Add(u)
			sums[arm].Add(k, sum)
			stake := estimate.Stake(u, centre.Value(), .5, .5)
			centre.Add(u)
			if arm == 0 {
				stake = -stake
			}
			better.Bet(stake)
			worse.Bet(-stake)
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
		entities.add(min(better.PValue(), worse.PValue()) <= alpha/2)
	}
	const what = "no effect, 1,000 customers with 20 runs"
	return []row{never(what, "customers, e-process", entities, alpha), never(what, "ratio, delta method", ratio, alpha), erring(what, "runs as units", runs, .5)}
}
