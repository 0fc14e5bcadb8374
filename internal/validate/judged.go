package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/judges/agreement"
)

// world is what a judge and an outcome are drawn from. The judge gives a success 0.8 on average and a failure 0.3; a part of
// the failures looks like a success to it, and a part of its judgements is noise.
type world struct{ rate, gamed, noise float64 }

var sharp, flat = quality(8, 2), quality(3, 7)

func (w world) draw(rng *rand.Rand) (judged, outcome float64) {
	outcome = score(rng, w.rate)
	d := flat
	if outcome == 1 || rng.Float64() < w.gamed {
		d = sharp
	}
	judged = d.draw(rng, false)
	if w.noise > 0 && rng.Float64() < w.noise {
		judged = rng.Float64()
	}
	return judged, outcome
}

// knowing draws a judge that knows the outcome.
func knowing(rate float64) func(*rand.Rand) (float64, float64) {
	return func(rng *rand.Rand) (float64, float64) {
		y := score(rng, rate)
		return y, y
	}
}

// trust measures who is trusted, and who is revoked, when one looks after every pair.
func trust(s size) []row {
	// The squared error of a judge that is right four times in five is 0.8 of the base rate's, which is the bar.
	border := func(rng *rand.Rand) (float64, float64) {
		y := score(rng, .5)
		if rng.Float64() < .2 {
			return 1 - y, y
		}
		return y, y
	}
	var rows []row
	for c, x := range []struct {
		what             string
		draw             func(*rand.Rand) (float64, float64)
		trusted, revoked string // "always", "never", or shown
	}{
		{"a judge with r = .89", world{rate: .5}.draw, "always", "never"},
		{"the same where 95% are good: worse than the base rate", world{rate: .95}.draw, "never", ""},
		{"a judge that knows, 95% good", knowing(.95), "always", "never"},
		{"half of its judgements are noise", world{rate: .5, noise: .5}.draw, "", ""},
		{"right in 80%: at the bar", border, "rare", "rare"},
		{"all noise", world{rate: .5, noise: 1}.draw, "never", "always"},
		{"the base rate", func(rng *rand.Rand) (float64, float64) { return .5, score(rng, .5) }, "never", "always"},
		{"all failures gamed", world{rate: .5, gamed: 1}.draw, "never", "always"},
	} {
		var trusted, revoked rate
		var up, down []float64
		for i := range s.pick(100, 500) {
			rng := s.rng(1700+c, i)
			var t agreement.Trust
			at := [2]float64{math.Inf(1), math.Inf(1)}
			for n := range s.pick(1000, 3000) {
				_ = t.Add(x.draw(rng)) // within range
				switch k := t.Standing(); {
				case k == agreement.Trusted && math.IsInf(at[0], 1):
					at[0] = float64(n + 1)
				case k == agreement.Revoked && math.IsInf(at[1], 1):
					at[1] = float64(n + 1)
				}
			}
			trusted.add(!math.IsInf(at[0], 1))
			revoked.add(!math.IsInf(at[1], 1))
			up, down = append(up, at[0]), append(down, at[1])
		}
		for _, of := range []struct {
			method, rule string
			r            rate
			at           []float64
		}{{"trusted", x.trusted, trusted, up}, {"revoked", x.revoked, revoked, down}} {
			r := shown(x.what, of.method, of.r)
			switch of.rule {
			case "always":
				r.rule, r.ok = ">= 0.99", of.r.value() >= .99
			case "never":
				r.rule, r.ok = "<= 0.01", of.r.value() <= .01
			case "rare":
				r = never(x.what, of.method, of.r, .05)
			}
			if m := median(of.at); !math.IsInf(m, 1) {
				r.measured += fmt.Sprintf(", median %.0f pairs", m)
			}
			rows = append(rows, r)
		}
	}
	return append(rows, agreementGate(s))
}

// agreementGate is the rule that the test of skill replaces: to trust a judge that agrees with 70% of 200 outcomes or more, at any look.
func agreementGate(s size) row {
	var r rate
	for i := range s.pick(100, 500) {
		rng := s.rng(1750, i)
		agree, passed := 0, false
		for n := 1; n <= 1000; n++ {
			y := score(rng, .7)
			if y == 1 { // the judge always says "good"
				agree++
			}
			passed = passed || n >= 200 && float64(agree) >= .7*float64(n)
		}
		r.add(passed)
	}
	return erring("a judge that always says \"good\", 70% good", "trusted by 70% agreement of 200", r, .5)
}

// corrections measures experiments that are decided on the corrected value: false winners, and the units they take.
func corrections(s size) []row {
	var rows []row
	reps, most := s.pick(40, 300), s.pick(6000, 20_000)
	for c, x := range []struct {
		what  string
		b     world
		share float64
		null  bool
		most  float64 // median units of the corrected value
	}{
		{"no effect", world{rate: .5}, .1, true, 0},
		{"no effect, gamed (judge +.25)", world{rate: .5, gamed: 1}, .1, true, 0},
		{"no effect, gamed (judge +.25)", world{rate: .5, gamed: 1}, .3, true, 0},
		{"outcome .5 to .6", world{rate: .6}, .3, false, 2038},
		{"outcome .5 to .6", world{rate: .6}, .1, false, 4835},
		{"outcome .5 to .6, 30% gamed", world{rate: .6, gamed: .3}, .3, false, 2344},
	} {
		names := []string{"all outcomes", "drawn outcomes alone", "judge alone", "corrected value"}
		hits, at, missed := make([]rate, 4), make([][]float64, 4), rate{}
		for i := range reps {
			rng := s.rng(1800+c, i)
			correction, _ := agreement.NewCorrection(x.share)
			lo, hi := correction.Range()
			streams, done := make([]stream, 4), make([]float64, 4)
			tests := make([]ends, 4)
			var truth ends
			for k := range streams {
				streams[k].rng, done[k] = rng, math.Inf(1)
			}
			for n := 1; n <= most; n++ {
				treated := rng.Float64() < .5
				from := world{rate: .5}
				if treated {
					from = x.b
				}
				j, y := from.draw(rng)
				drawn := rng.Float64() < x.share
				bet := func(k int, u float64) betting.Stake {
					stake := streams[k].bet(treated, u, .5)
					tests[k].more.Than(stake, 0)
					return stake
				}
				bet(0, y)
				w := 0.0
				if drawn {
					bet(1, y)
					w = correction.Drawn(j, y)
				} else {
					w = correction.Left(j)
				}
				bet(2, j)
				truth.difference(bet(3, (w-lo)/(hi-lo)), (x.b.rate-.5)/(hi-lo))
				for k := range tests {
					if math.IsInf(done[k], 1) && tests[k].more.E() >= 2/alpha {
						done[k] = float64(n)
					}
				}
				if !x.null && !slices.ContainsFunc(done, func(d float64) bool { return math.IsInf(d, 1) }) && n > 4000 {
					break
				}
			}
			missed.add(truth.missed())
			for k, d := range done {
				hits[k].add(!math.IsInf(d, 1))
				at[k] = append(at[k], d)
			}
		}
		what := fmt.Sprintf("%s, %.0f%% of the outcomes drawn", x.what, 100*x.share)
		for k, name := range names {
			r := shown(what+", a winner", name, hits[k])
			switch {
			case k == 2 && x.null && x.b.gamed > 0:
				r = erring(what+", a winner", name, hits[k], .9)
			case k == 3 && x.null:
				r = never(what+", a winner", name, hits[k], alpha/2)
			case k == 3 && s.full:
				r.rule, r.ok = fmt.Sprintf("median <= %.0f", x.most), median(at[k]) <= x.most
			}
			if m := median(at[k]); !math.IsInf(m, 1) {
				r.measured += fmt.Sprintf(", median %.0f units", m)
			}
			rows = append(rows, r)
		}
		rows = append(rows, never(what+", ever missed", "interval of the corrected value", missed, alpha))
	}
	return rows
}

// divergence measures the alarm that judge and outcome have come apart.
func divergence(s size) []row {
	var rows []row
	reps := s.pick(60, 1000)
	all := [2]float64{1, 1}
	for c, x := range []struct {
		what     string
		b        world
		known    [2]float64 // probability that an outcome of b is known, by outcome
		share    float64
		rule     string // "none", "rare", "soon" or shown
		within   int
		at       float64 // of the experiments
		unknowns bool    // outcomes that are not known count as such
	}{
		{what: "same", b: world{rate: .5}, known: all, share: .5, rule: "none"},
		{what: "truly better, .5 to .7", b: world{rate: .7}, known: all, share: .5, rule: "none"},
		{what: "truly worse, .5 to .3", b: world{rate: .3}, known: all, share: .5, rule: "none"},
		{what: "same", b: world{rate: .5}, known: all, share: .1, rule: "none"},
		{what: "truly better, .5 to .7", b: world{rate: .7}, known: all, share: .1, rule: "none"},
		{what: "truly worse, .5 to .3", b: world{rate: .3}, known: all, share: .1, rule: "none"},
		{what: "border: judge and lead +.05", b: world{rate: .5, gamed: .2}, known: all, share: .5, rule: "rare"},
		{what: "judge +.05, lead +.05, outcomes of b choose themselves", b: world{rate: .5, gamed: .2}, known: [2]float64{.9, .2}, share: .5, rule: "rare", unknowns: true},
		{what: "judge +.10", b: world{rate: .5, gamed: .4}, known: all, share: .5},
		{what: "judge +.25", b: world{rate: .5, gamed: 1}, known: all, share: .5, rule: "soon", within: 450, at: .95},
		{what: "judge +.25, outcome -.10", b: world{rate: .4, gamed: 1}, known: all, share: .5, rule: "soon", within: 300, at: .95},
		{what: "judge +.25, outcome -.10", b: world{rate: .4, gamed: 1}, known: all, share: .1},
	} {
		var alarms, lead, soon, covered rate
		var at []float64
		for i := range reps {
			rng := s.rng(1900+c, i)
			var d agreement.Divergence
			var alone betting.Test
			var centre betting.Centre
			first := math.Inf(1)
			for n := 1; n <= 3000; n++ {
				treated := rng.Float64() < x.share
				from := world{rate: .5}
				if treated {
					from = x.b
				}
				j, y := from.draw(rng)
				if known := !treated || rng.Float64() < x.known[int(y)]; known {
					_ = d.Add(treated, x.share, j, y) // within range
				} else {
					_ = d.AddUnknown(treated, x.share, j)
				}
				own := x.share
				if !treated {
					own = 1 - own
				}
				u := (1 + j - y) / 2
				stake, _ := betting.NewStake(u, centre.Value(), own, 1-own)
				centre.Add(u)
				if !treated {
					stake = stake.Reversed()
				}
				alone.Than(stake, agreement.DivergenceGap/2)
				if math.IsInf(first, 1) && d.Alarmed(2) {
					first = float64(n)
				}
			}
			alarms.add(!math.IsInf(first, 1))
			soon.add(first <= float64(x.within))
			lead.add(alone.Peak() >= agreement.DivergenceE)
			at = append(at, first)
			if gap, ok := d.Gap(.95); ok && !x.unknowns {
				truth := .5*(1-x.b.rate)*x.b.gamed + (.3 + .5*x.b.rate - x.b.rate) - .05
				covered.add(gap.Lo <= truth && truth <= gap.Hi)
			}
		}
		what := fmt.Sprintf("%s, %.0f/%.0f", x.what, 100*(1-x.share), 100*x.share)
		r := shown(what, "alarms", alarms)
		switch x.rule {
		case "none":
			r.rule, r.ok = "none", alarms.hits == 0
		case "rare":
			r = never(what, "alarms", alarms, .01)
		case "soon":
			r = shown(fmt.Sprintf("%s, within %d units", what, x.within), "alarms", soon)
			r.rule, r.ok = fmt.Sprintf(">= %g", x.at), soon.value() >= x.at
		}
		if m := median(at); !math.IsInf(m, 1) {
			r.measured += fmt.Sprintf(", median %.0f units", m)
		}
		rows = append(rows, r)
		if covered.n > 0 {
			uncovered := rate{covered.n - covered.hits, covered.n}
			rows = append(rows, never(what, "interval of the gap, missed at the end", uncovered, alpha))
		}
		if x.what == "truly worse, .5 to .3" && x.share == .5 {
			rows = append(rows, erring(what, "alarms on the lead alone", lead, .5))
		}
	}
	return rows
}

// powered measures prediction-powered means: how often the interval covers at the planned number of outcomes, and which
// share of the outcomes it needs for the error of all of them.
func powered(s size) []row {
	var rows []row
	reps := s.pick(300, 2000)
	for c, x := range []struct {
		w             world
		units, judged int
	}{
		{world{rate: .5}, 1000, 3000}, {world{rate: .5}, 1000, 10_000},
		{world{rate: .5, noise: .5}, 1000, 3000}, {world{rate: .8}, 1000, 3000},
	} {
		r2 := x.w.correlation(s.rng(2000+c, 1<<20))
		share, _ := agreement.OutcomesNeeded(math.Sqrt(r2), float64(x.units), float64(x.judged))
		n := int(math.Round(share * float64(x.units)))
		var covered, naive rate
		variance := 0.0
		for i := range reps {
			rng := s.rng(2010+c, i)
			var outcomes, judged, others []float64
			for k := range x.judged {
				j, y := x.w.draw(rng)
				if k < n {
					outcomes, judged = append(outcomes, y), append(judged, j)
				} else {
					others = append(others, j)
				}
			}
			e, err := agreement.PPI{Convention: agreement.Unclipped}.Mean(outcomes, judged, others, .95)
			if err != nil {
				continue
			}
			covered.add(e.Lo <= x.w.rate && x.w.rate <= e.Hi)
			variance += e.SE * e.SE / float64(reps)
			mean, err := agreement.Mean(append(slices.Clone(judged), others...), nil, .95)
			if err != nil {
				continue
			}
			naive.add(!(mean.Lo <= x.w.rate && x.w.rate <= mean.Hi))
		}
		all := x.w.rate * (1 - x.w.rate) / float64(x.units)
		what := fmt.Sprintf("r = %.2f, %d outcomes of %d judged", math.Sqrt(r2), n, x.judged)
		cover := row{what: what, method: "covers", measured: covered.String(), rule: "0.935 to 0.965", ok: covered.value() >= .935 && covered.value() <= .965}
		if !s.full {
			cover.rule, cover.ok = "0.91 to 0.98", covered.value() >= .91 && covered.value() <= .98
		}
		needed := share * variance / all
		rows = append(rows, cover,
			near(what+fmt.Sprintf(", share of %d outcomes for their error", x.units), "formula", needed, share, .03),
			erring(what, "mean of the judge misses", naive, .5))
	}
	return rows
}

// correlation is the square of the correlation of judgements and outcomes.
func (w world) correlation(rng *rand.Rand) float64 {
	var m estimate.CoMoments
	for range 400_000 {
		m.Add(w.draw(rng))
	}
	return m.Mxy * m.Mxy / m.Mxx / m.Myy
}
