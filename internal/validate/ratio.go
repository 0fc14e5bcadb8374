package main

import (
	"fmt"
	"math"

	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/estimate"
)

// ratioAlarms measures how often a sample-ratio check cries wolf over 50,000 units, looking every 50.
func ratioAlarms(s size) []row {
	half := []float64{.5, .5}
	var e100, e20, chi rate
	for i := range s.pick(100, 2000) {
		rng := s.rng(500, i)
		counts := []float64{0, 0}
		var a100, a20, c bool
		for range s.pick(400, 1000) {
			for range 50 {
				counts[rng.IntN(2)]++
			}
			e := estimate.SampleRatioLogE(counts, half, estimate.SampleRatioConcentration)
			a100 = a100 || e >= math.Log(analysis.AlarmE)
			a20 = a20 || e >= math.Log(analysis.WarnE)
			c = c || estimate.ChiSquareP(counts, half) < 0.05
		}
		e100.add(a100)
		e20.add(a20)
		chi.add(c)
	}
	const what = "no mismatch, false alarms"
	return []row{never(what, "e >= 100", e100, .01), never(what, "e >= 20", e20, .05), erring(what, "chi-square p < 0.05", chi, .3)}
}

// ratioDetection measures how many units it takes to see a mismatch.
func ratioDetection(s size) []row {
	var rows []row
	for c, x := range []struct{ share, want float64 }{{.60, 650}, {.55, 1600}, {.52, 7050}} {
		var at []float64
		for i := range s.pick(60, 1000) {
			rng := s.rng(600+c, i)
			counts := []float64{0, 0}
			for n := 1; ; n++ {
				for range 50 {
					if rng.Float64() < x.share {
						counts[0]++
					} else {
						counts[1]++
					}
				}
				if estimate.SampleRatioLogE(counts, []float64{.5, .5}, estimate.SampleRatioConcentration) >= math.Log(analysis.AlarmE) {
					at = append(at, float64(n*50))
					break
				}
			}
		}
		rows = append(rows, near(fmt.Sprintf("%.0f/%.0f instead of 50/50, median units", 100*x.share, 100*(1-x.share)), "e >= 100", median(at), x.want, s.slack(.15)))
	}
	return rows
}
