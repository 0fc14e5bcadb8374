package analysis

import "github.com/verdict-dev/verdict/experiments/rollout"

// FindingOf returns a report in a size that a history can hold. The policy of a started experiment acts on it.
func FindingOf(r Report) rollout.Finding {
	f := rollout.Finding{At: r.At, Decision: r.Decision, Units: r.Units, Scored: map[string]int{}, Best: map[string]float64{}}
	for _, v := range r.Metrics[0].Variants {
		f.Scored[v.Variant] = v.Scored
		if v.Best != nil {
			f.Best[v.Variant] = *v.Best
		}
	}
	return f
}
