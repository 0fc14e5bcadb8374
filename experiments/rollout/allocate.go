package rollout

import (
	"math"

	"github.com/verdict-dev/verdict/experiments"
)

// Weights turns probabilities of being best, which sum to 1, into the weights that an allocator gives, with a floor. Only
// matured units may have entered the probabilities; the weights are recorded with each assignment, so that inference stays
// valid.
func Weights(a experiments.Allocator, best []float64, floor float64) []float64 {
	w := append([]float64(nil), best...)
	if a == experiments.TopTwo {
		w = topTwo(best)
	}
	return withFloor(w, floor)
}

// topTwo returns the probabilities of top-two Thompson sampling with an even coin (Russo, "Simple Bayesian algorithms
// for best-arm identification", 2016): half of the units get the best, the others the best among the rest.
func topTwo(best []float64) []float64 {
	w := make([]float64, len(best))
	for j, p := range best {
		rest := 1 - p
		for b, q := range best {
			switch {
			case b == j:
				w[b] += p / 2
			case rest > 1e-12:
				w[b] += p / 2 * q / rest
			default: // there is no telling who is second
				w[b] += p / 2 / float64(len(best)-1)
			}
		}
	}
	return w
}

// withFloor returns floor + (1 - K floor) w for each of K weights that sum to 1: every variant keeps the floor, and the
// rest is shared as before. Cutting the small weights and normalising again would bias. A negative floor is none, and
// one of 1/K or more makes all weights equal.
func withFloor(w []float64, floor float64) []float64 {
	k := float64(len(w))
	floor = math.Min(math.Max(floor, 0), 1/k)
	out := make([]float64, len(w))
	for i := range w {
		out[i] = floor + (1-k*floor)*w[i]
	}
	return out
}
