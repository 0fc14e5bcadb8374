package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/betting"
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

// contest plays an experiment to the end and returns the decision, which rests on first crossings, and whether a z
// test at some look found a winner that is not the single best.
func contest(rng *rand.Rand, e *experiments.Experiment, rates []float64, n int, guardrail func(v int) float64) (experiments.Decision, bool) {
	a := analysis.New(e)
	m := make([]estimate.Moments, len(rates))
	peeked := false
	for u := 1; u <= n; u++ {
		v, p := draw(rng, equal(len(rates)))
		o := outcome(rng, rates[v])
		m[v].Add(o[0].Value)
		if guardrail != nil {
			o = append(o, outcome(rng, guardrail(v))...)
		}
		unit := analysis.Unit{Variant: name(v), Probabilities: p, Mature: true, Outcomes: o, At: began.Add(time.Duration(u) * time.Minute)}
		if err := a.Add(unit); err != nil {
			panic(err)
		}
		if u%100 == 0 {
			peeked = peeked || beatsAll(m, rates)
		}
	}
	return a.Decide(began.Add(1000 * day)), peeked
}

// manyArms looks for the best of several, and for one where there is none: verdicts at every look of every pair, latched.
func manyArms(s size) []row {
	only := func(d *experiments.Definition) { d.AlphaHarm, d.MaxUnits = 1e-300, 1<<30 } // of the winner's rule alone
	three := arms(3, only)
	var rows []row
	for c, x := range []struct {
		what  string
		rates []float64
		units int
	}{
		{"three alike", []float64{.3, .3, .3}, 10_000}, {"two tied best of three", []float64{.3, .36, .36}, 10_000},
	} {
		var wrong, peeked rate
		for i := range s.pick(30, 300) {
			d, z := contest(s.rng(1000+c, i), three, x.rates, s.pick(3000, x.units), nil)
			wrong.add(d.Verdict == experiments.Winner)
			peeked.add(z)
		}
		rows = append(rows, never(x.what+", a winner at any look", "the package's rule", wrong, alpha), erring(x.what+", a winner at any look", "z test of the leader", peeked, s.naive()))
	}
	guarded := arms(2, func(d *experiments.Definition) {
		only(d)
		d.Guardrails = []experiments.Metric{{Name: "ok", Type: experiments.Boolean, Required: true, Margin: .05}}
	})
	var wrong, found, right rate
	for i := range s.pick(30, 300) {
		d, _ := contest(s.rng(1010, i), guarded, []float64{.3, .5}, s.pick(3000, 10_000), func(v int) float64 { return .9 - .05*float64(v) })
		wrong.add(d.Verdict == experiments.Winner)
		d, _ = contest(s.rng(1011, i), guarded, []float64{.3, .5}, s.pick(3000, 5000), func(int) float64 { return .9 })
		found.add(d.Verdict == experiments.Winner)
	}
	rows = append(rows, never("better, and worse by just the margin on a guardrail, a winner at any look", "the package's rule", wrong, alpha),
		row{what: "better, and the same on the guardrail", method: "the package's rule, found", measured: found.String(), rule: ">= 0.95", ok: found.value() >= .95})
	five := arms(5, only)
	for i := range s.pick(4, 60) {
		d, _ := contest(s.rng(1020, i), five, []float64{.30, .30, .30, .30, .36}, 30_000, nil)
		right.add(d.Verdict == experiments.Winner && d.Variants[0] == name(4))
	}
	return append(rows, row{what: "one best of five, .36 v .30, by 30,000 units", method: "the package's rule, found", measured: right.String(), rule: ">= 0.95", ok: right.value() >= .95})
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
		total, reps := 0.0, s.pick(6, 60)
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
			near(what, "equal weights (naive)", even, 480, s.slack(.03)),
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
				var e betting.Test
				var c betting.Centre
				weight := 1.0
				for i := range n {
					y, own, treated := float64(path>>(2*i)&1), pi, path>>(2*i+1)&1 == 1
					if !treated {
						own = 1 - pi
					}
					weight *= own * (y*p + (1-y)*(1-p))
					stake, _ := betting.NewStake(y, c.Value(), own, 1-own)
					if !treated {
						stake = stake.Reversed()
					}
					e.Than(stake, 0)
					c.Add(y)
				}
				total += weight * e.E()
			}
			worst = max(worst, math.Abs(total-1))
		}
		rows = append(rows, row{
			what: fmt.Sprintf("all %d paths of 7 units, %.0f%% treated", 1<<(2*n), 100*pi), method: "a test",
			measured: fmt.Sprintf("expected wealth 1 within %.1g", worst), rule: "<= 1e-12", ok: worst <= 1e-12,
		})
	}
	return rows
}
