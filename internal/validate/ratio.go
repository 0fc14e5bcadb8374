package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/estimate"
)

// arrive draws a variant.
func arrive(rng *rand.Rand, p []float64) int {
	x, v := rng.Float64(), 0
	for ; v < len(p)-1 && x >= p[v]; v++ {
		x -= p[v]
	}
	return v
}

// ratioAlarms measures how often a sample-ratio check cries wolf, looking after every unit.
func ratioAlarms(s size) []row {
	var rows []row
	for c, shares := range [][]float64{{.5, .5}, {.9, .1}, {.2, .2, .2, .2, .2}} {
		var e100, e20, chi rate
		for i := range s.pick(100, 600) {
			rng := s.rng(500+c, i)
			counts := make([]float64, len(shares))
			var test estimate.SampleRatio
			top, naive := 0.0, false
			for n := range s.pick(10_000, 20_000) {
				v := arrive(rng, shares)
				test.Add(counts, shares, v)
				counts[v]++
				top = max(top, test.E())
				naive = naive || n > 100 && n%50 == 0 && estimate.ChiSquareP(counts, shares) < 0.05
			}
			e100.add(top >= analysis.AlarmE)
			e20.add(top >= analysis.WarnE)
			chi.add(naive)
		}
		what := fmt.Sprintf("shares %v, false alarms", shares)
		rows = append(rows, never(what, "e >= 100", e100, .01), never(what, "e >= 20", e20, .05), erring(what, "chi-square p < 0.05 every 50 units", chi, .3))
	}
	return rows
}

// ratioDetection measures how many units it takes to see a mismatch.
func ratioDetection(s size) []row {
	var rows []row
	for c, x := range []struct {
		declared, truth []float64
		want            float64
		reps            int
	}{
		{[]float64{.5, .5}, []float64{.9, .1}, 16, 1000}, {[]float64{.5, .5}, []float64{.8, .2}, 33, 1000}, {[]float64{.9, .1}, []float64{.5, .5}, 11, 1000},
		{[]float64{.2, .2, .2, .2, .2}, []float64{.6, .1, .1, .1, .1}, 20, 500},
		{[]float64{.5, .5}, []float64{.6, .4}, 344, 400}, {[]float64{.5, .5}, []float64{.55, .45}, 1472, 400}, {[]float64{.5, .5}, []float64{.52, .48}, 7777, 400},
	} {
		var at []float64
		for i := range s.pick(60, x.reps) {
			rng := s.rng(600+c, i)
			counts := make([]float64, len(x.declared))
			var test estimate.SampleRatio
			n := 0.0
			for ; test.E() < analysis.AlarmE; n++ {
				v := arrive(rng, x.truth)
				test.Add(counts, x.declared, v)
				counts[v]++
			}
			at = append(at, n)
		}
		slices.Sort(at)
		what := fmt.Sprintf("%v declared as %v, units", x.truth, x.declared)
		rows = append(rows, near(what+", median", "e >= 100", median(at), x.want, s.slack(.15)))
		if c == 0 {
			by := at[len(at)*95/100]
			rows = append(rows, row{what: what + ", 95%", method: "e >= 100", measured: fmt.Sprintf("%.0f", by), rule: "<= 40", ok: by <= 40},
				row{what: what + ", median", method: "e >= 100", measured: fmt.Sprintf("%.0f", median(at)), rule: "<= 20", ok: median(at) <= 20})
		}
	}
	return rows
}
