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
)

// trial is an experiment from the first unit to the decision: three variants, a baseline that drifts, a window of seven
// days, 200 units a day and a look every day. A variant that is found harmful gets no more units.
type trial struct {
	winner string
	day    int
	harmed map[string]bool
}

func play(rng *rand.Rand, e *experiments.Experiment, rates []float64, days int, adaptive bool) trial {
	type pending struct {
		unit analysis.Unit
		due  time.Time
	}
	var queue []pending
	a := analysis.New(e)
	t := trial{harmed: map[string]bool{}}
	weights := equal(3)
	var m [3]estimate.Moments
	epoch := 0
	for d := range days {
		for i := range perDay {
			at := began.Add(time.Duration(d)*day + time.Duration(i)*day/perDay)
			v, p := draw(rng, weights)
			drift := .05 * math.Sin(float64(d)/8)
			queue = append(queue, pending{analysis.Unit{
				Variant: name(v), Probabilities: p, Epoch: epoch, At: at, Mature: true, Outcomes: outcome(rng, rates[v]+drift),
			}, at.Add(window)})
		}
		now := began.Add(time.Duration(d+1) * day)
		for len(queue) > 0 && !queue[0].due.After(now) {
			u := queue[0].unit
			queue = queue[1:]
			if err := a.Add(u); err != nil {
				panic(err)
			}
			m[u.Variant[1]-'0'].Add(u.Outcomes[0].Value)
		}
		decision := a.Decide(now)
		changed := false
		switch decision.Verdict {
		case experiments.Winner:
			t.winner, t.day = decision.Variants[0], d+1
			return t
		case experiments.Harm:
			for _, v := range decision.Variants {
				changed = changed || !t.harmed[v]
				t.harmed[v] = true
			}
		}
		if adaptive && min(m[0].N, m[1].N, m[2].N) >= 100 {
			var posteriors []estimate.Posterior
			for _, x := range m {
				est := x.Proportion()
				posteriors = append(posteriors, estimate.Normal{Mean: est.Mean, SD: math.Sqrt(est.Variance) + 1e-9})
			}
			best, _ := estimate.Best(posteriors)
			weights, changed = rollout.Weights(experiments.Thompson, best, .1), true
		} else if changed {
			weights = equal(3)
		}
		if changed {
			epoch++
			sum := 0.0
			for v := range weights {
				if t.harmed[name(v)] {
					weights[v] = 0
				}
				sum += weights[v]
			}
			for v := range weights {
				weights[v] /= sum
			}
		}
	}
	return t
}

// endToEnd runs whole experiments.
func endToEnd(s size) []row {
	var rows []row
	for c, adaptive := range []bool{false, true} {
		how, allocator := "equal weights", experiments.Manual
		if adaptive {
			how, allocator = "Thompson weights", experiments.Thompson
		}
		e := arms(3, func(d *experiments.Definition) { d.Maturity, d.Allocator, d.MaxUnits = window, allocator, 1<<30 })
		reps := s.pick(8, 120)
		var wrong, tied, found, harm, falseHarm rate
		var days []float64
		for i := range reps {
			t := play(s.rng(1200+10*c, i), e, []float64{.3, .3, .3}, s.pick(25, 60), adaptive)
			wrong.add(t.winner != "")
			falseHarm.add(len(t.harmed) > 0)
			t = play(s.rng(1201+10*c, i), e, []float64{.3, .38, .38}, s.pick(25, 60), adaptive)
			tied.add(t.winner != "")
			t = play(s.rng(1202+10*c, i), e, []float64{.3, .3, .38}, 60, adaptive)
			found.add(t.winner == "v2")
			if t.winner == "v2" {
				days = append(days, float64(t.day))
			}
			t = play(s.rng(1203+10*c, i), e, []float64{.5, .5, .35}, 60, adaptive)
			harm.add(t.harmed["v2"] || t.winner != "" && t.winner != "v2")
		}
		rows = append(rows,
			never("no effect, "+how, "a winner", wrong, alpha), never("no effect, "+how, "a harm", falseHarm, alpha),
			never("two tied best, "+how, "a winner", tied, alpha),
			row{what: "one best, .38 v .30, " + how, method: "found", measured: found.String(), rule: ">= 0.95", ok: found.value() >= .95},
			row{what: "one best, " + how, method: "median day, 7 of them the window", measured: fmt.Sprintf("%.0f", median(days)), rule: "shown", ok: true},
			row{what: "harm, .35 v .50, " + how, method: "stopped, and not invalid by a false alarm", measured: harm.String(), rule: ">= 0.97", ok: harm.value() >= .97})
	}
	return rows
}
