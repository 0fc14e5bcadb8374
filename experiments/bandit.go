package experiments

import "math"

// Allocator is who sets the weights of an experiment while it runs.
type Allocator string

// The allocators.
const (
	// Manual: people do.
	Manual Allocator = "manual"
	// Thompson gives a variant the probability that it is the best: the most reward on the way.
	Thompson Allocator = "thompson"
	// TopTwo gives it half of that and half the probability of being the best of the rest: the earliest decision.
	TopTwo Allocator = "top_two"
)

// DefaultFloor is the share that every variant keeps under an allocator.
const DefaultFloor = 0.05

// Allocate turns probabilities of being best, as [Best] returns them, into weights with a floor. Only matured units may
// have entered the probabilities; the weights are recorded with each assignment, so that inference stays valid.
func (a Allocator) Allocate(best []float64, floor float64) []float64 {
	w := append([]float64(nil), best...)
	if a == TopTwo {
		w = topTwo(best)
	}
	return WithFloor(w, floor)
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

// WithFloor returns floor + (1 - K floor) w for each of K weights that sum to 1: every variant keeps the floor, and the
// rest is shared as before. Cutting the small weights and normalising again would bias. A negative floor is none, and
// one of 1/K or more makes all weights equal.
func WithFloor(w []float64, floor float64) []float64 {
	k := float64(len(w))
	floor = math.Min(math.Max(floor, 0), 1/k)
	out := make([]float64, len(w))
	for i := range w {
		out[i] = floor + (1-k*floor)*w[i]
	}
	return out
}
