package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/scoring"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// arms returns an experiment of k variants v0, v1, ... with v0 as the control.
func arms(k int, change func(*experiments.Definition)) *experiments.Experiment {
	d := experiments.Definition{
		Name: "simulation", Version: "1", Control: "v0",
		Primary: experiments.Metric{Name: "success", Type: experiments.Boolean},
	}
	for i := range k {
		d.Variants = append(d.Variants, experiments.Variant{Name: name(i), Weight: 1})
	}
	change(&d)
	e, err := experiments.New(d)
	if err != nil {
		panic(err) // the definition is a constant
	}
	return e
}

func name(v int) string { return fmt.Sprintf("v%d", v) }

// draw picks a variant by weights and returns the probabilities by name.
func draw(rng *rand.Rand, weights []float64) (int, map[string]float64) {
	p := make(map[string]float64, len(weights))
	x, v := rng.Float64(), -1
	for i, w := range weights {
		p[name(i)] = w
		if x -= w; x < 0 && v < 0 {
			v = i
		}
	}
	for v < 0 || weights[v] == 0 { // rounding
		v = (v + len(weights)) % len(weights)
		if weights[v] == 0 {
			v--
		}
	}
	return v, p
}

func equal(k int) []float64 {
	w := make([]float64, k)
	for i := range w {
		w[i] = 1 / float64(k)
	}
	return w
}

func outcome(rng *rand.Rand, p float64) []analysis.Outcome {
	y := 0.0
	if rng.Float64() < p {
		y = 1
	}
	return []analysis.Outcome{{State: scoring.Scored, Value: y}}
}

// contest is what became of five variants.
type contest struct {
	winner string // by the decision of the package
	at     int
	bare   int  // when v4 had beaten every other by e-processes alone, at (K-1)/alpha; 0: never
	pairs  int  // the same at K(K-1)/alpha, the price of all pairs
	peeked bool // a z test at every look had found a winner that is not the single best
}

// compete plays five variants, looking every 100 units. Harm is switched off, so that it is the winner's rule alone that
// is measured.
func compete(rng *rand.Rand, e *experiments.Experiment, rates []float64, n int) (c contest) {
	a := analysis.New(e)
	var m [5]estimate.Moments
	var last [4]estimate.EProcess
	var centre estimate.Centre
	for u := 1; u <= n && (c.winner == "" || c.pairs == 0); u++ {
		v, p := draw(rng, equal(5))
		o := outcome(rng, rates[v])
		m[v].Add(o[0].Value)
		stake := estimate.Stake(o[0].Value, centre.Value(), .2, .2)
		centre.Add(o[0].Value)
		for j := range last {
			switch v {
			case 4:
				last[j].Bet(stake)
			case j:
				last[j].Bet(-stake)
			}
		}
		unit := analysis.Unit{Variant: name(v), Probabilities: p, Mature: true, Outcomes: o, At: began.Add(time.Duration(u) * time.Minute)}
		if err := a.Add(unit); err != nil {
			panic(err)
		}
		if u%100 > 0 {
			continue
		}
		c.peeked = c.peeked || beatsAll(m[:], rates)
		weakest := math.Inf(1)
		for j := range last {
			weakest = min(weakest, last[j].LogE())
		}
		if c.bare == 0 && weakest >= math.Log(4/alpha) {
			c.bare = u
		}
		if c.pairs == 0 && weakest >= math.Log(20/alpha) {
			c.pairs = u
		}
		if c.winner != "" {
			continue
		}
		if d := a.Decide(began.Add(1000 * day)); d.Verdict == experiments.Winner {
			c.winner, c.at = d.Variants[0], u
		}
	}
	return c
}

// manyArms looks for the best of five, and for one where there is none.
func manyArms(s size) []row {
	e := arms(5, func(d *experiments.Definition) { d.AlphaHarm, d.MaxUnits = 1e-300, 1<<30 })
	var right, wrong, peeked rate
	var took, bare, pairs []float64
	reps, most := s.pick(8, 400), 30_000
	for i := range reps {
		c := compete(s.rng(1000, i), e, []float64{.30, .30, .30, .30, .36}, most)
		right.add(c.winner == name(4))
		took, bare, pairs = append(took, at(c.at, most)), append(bare, at(c.bare, most)), append(pairs, at(c.pairs, most))
	}
	for i := range s.pick(40, 400) {
		c := compete(s.rng(1001, i), e, []float64{.30, .30, .30, .36, .36}, s.pick(3000, 20_000))
		wrong.add(c.winner != "")
		peeked.add(c.peeked)
	}
	each, all := median(bare), median(pairs)
	const one, two = "one best of five, .36 v .30", "two tied best of five"
	return []row{
		{what: one, method: "the package's rule, found", measured: right.String(), rule: ">= 0.95", ok: right.value() >= .95},
		{what: one + ", median units", method: "e-processes alone, best against each", measured: fmt.Sprintf("%.0f", each), rule: "fewer than all pairs", ok: each < all},
		{what: one + ", median units", method: "e-processes alone, all pairs", measured: fmt.Sprintf("%.0f", all), rule: "shown", ok: true},
		{what: one + ", median units", method: "the package's rule", measured: fmt.Sprintf("%.0f", median(took)), rule: "shown", ok: true},
		never(two, "the package's rule", wrong, alpha),
		erring(two, "z test of the leader", peeked, s.naive()),
	}
}

// beatsAll tells whether a variant that is not the single best one beats every other by a fixed-horizon test.
func beatsAll(m []estimate.Moments, rates []float64) bool {
	for b := range m {
		beaten, best := 0, true
		for j := range m {
			if b == j || m[b].N < burnIn || m[j].N < burnIn {
				continue
			}
			best = best && rates[b] > rates[j]
			z := estimate.FixedHorizon{Alpha: alpha}
			if z.Lower(estimate.Difference(m[b].Proportion(), m[j].Proportion())) > 0 {
				beaten++
			}
		}
		if beaten == len(m)-1 && !best {
			return true
		}
	}
	return false
}

// bandits measures the regret of 10,000 units over five variants, with weights renewed every 100 units from the matured
// ones.
func bandits(s size) []row {
	rates := []float64{.30, .30, .30, .30, .36}
	const n, every, floor = 10_000, 100, 0.01
	regret := func(check int, a experiments.Allocator, delay int) float64 {
		total, reps := 0.0, s.pick(6, 200)
		for i := range reps {
			rng := s.rng(check, i)
			weights := equal(5)
			var success, failure [5]float64
			type played struct {
				v   int
				won bool
			}
			var queue []played
			for u := range n {
				if u%every == 0 && a != experiments.Manual {
					posteriors := make([]estimate.Posterior, 5)
					for v := range posteriors {
						// The normal of the same mean and variance: the quadrature of betas costs more than the play.
						x, y := success[v]+.5, failure[v]+.5
						posteriors[v] = estimate.Normal{Mean: x / (x + y), SD: math.Sqrt(x * y / ((x + y) * (x + y) * (x + y + 1)))}
					}
					best, _ := estimate.Best(posteriors)
					weights = rollout.Weights(a, best, floor)
				}
				v, _ := draw(rng, weights)
				queue = append(queue, played{v, rng.Float64() < rates[v]})
				total += .36 - rates[v]
				for len(queue) > delay {
					if queue[0].won {
						success[queue[0].v]++
					} else {
						failure[queue[0].v]++
					}
					queue = queue[1:]
				}
			}
		}
		return total / float64(reps)
	}
	var rows []row
	for c, delay := range []int{0, 1000} {
		what := fmt.Sprintf("regret of 10,000 units, outcomes %d units later", delay)
		even, ts, tt := regret(1100+c, experiments.Manual, delay), regret(1110+c, experiments.Thompson, delay), regret(1120+c, experiments.TopTwo, delay)
		want := []float64{111, 151}[c]
		rows = append(rows,
			near(what, "equal weights (naive)", even, 480, s.slack(.02)),
			row{what: what, method: "Thompson", measured: fmt.Sprintf("%.0f", ts), rule: fmt.Sprintf("< half of equal (%.0f elsewhere)", want), ok: ts < even/2},
			row{what: what, method: "top-two", measured: fmt.Sprintf("%.0f", tt), rule: "between", ok: ts < tt && tt < even})
	}
	return rows
}

// exact enumerates every path of seven units under the null.
func exact(size) []row {
	const n = 7
	var rows []row
	for _, pi := range []float64{.5, .1, .9} {
		worst := 0.0
		for _, p := range []float64{.5, .05, .8} {
			total := 0.0
			for path := range 1 << (2 * n) {
				var e estimate.EProcess
				var c estimate.Centre
				weight := 1.0
				for i := range n {
					y, own, sign := float64(path>>(2*i)&1), pi, 1.0
					if path>>(2*i+1)&1 == 0 {
						own, sign = 1-pi, -1
					}
					weight *= own * (y*p + (1-y)*(1-p))
					e.Bet(sign * estimate.Stake(y, c.Value(), own, 1-own))
					c.Add(y)
				}
				total += weight * math.Exp(e.LogE())
			}
			worst = max(worst, math.Abs(total-1))
		}
		rows = append(rows, row{
			what: fmt.Sprintf("all %d paths of 7 units, %.0f%% treated", 1<<(2*n), 100*pi), method: "e-process",
			measured: fmt.Sprintf("expected wealth 1 within %.1g", worst), rule: "<= 1e-12", ok: worst <= 1e-12,
		})
	}
	return rows
}
