package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// size says how large the simulations are.
type size struct {
	full bool
	seed uint64
}

// pick returns the fast or the full number.
func (s size) pick(fast, full int) int {
	if s.full {
		return full
	}
	return fast
}

// rng returns the random numbers of a repetition of a check: the same for the same seed, independent of other checks.
func (s size) rng(check, repetition int) *rand.Rand {
	return rand.New(rand.NewPCG(s.seed, uint64(check)<<32|uint64(repetition)))
}

// rate is a share of repetitions.
type rate struct{ hits, n int }

func (r *rate) add(hit bool) {
	r.n++
	if hit {
		r.hits++
	}
}

func (r rate) value() float64 { return float64(r.hits) / float64(r.n) }

func (r rate) String() string { return fmt.Sprintf("%.3f (%d of %d)", r.value(), r.hits, r.n) }

// atMost tells whether the rate is compatible with a probability of at most p: three standard errors of slack.
func (r rate) atMost(p float64) bool {
	return r.value() <= p+3*math.Sqrt(p*(1-p)/float64(r.n))
}

// never returns a row for a method whose error probability must not pass alpha.
func never(what, method string, r rate, alpha float64) row {
	return row{what: what, method: method, measured: r.String(), rule: fmt.Sprintf("<= %g + 3 se", alpha), ok: r.atMost(alpha)}
}

// erring returns a row for a naive method that must be seen to fail.
func erring(what, method string, r rate, least float64) row {
	return row{what: what, method: method + " (naive)", measured: r.String(), rule: fmt.Sprintf("> %g", least), ok: r.value() > least}
}

// shown returns a row without a rule.
func shown(what, method string, r rate) row {
	return row{what: what, method: method, measured: r.String(), rule: "shown", ok: true}
}

// near returns a row for a number that must be within a share of the expected one.
func near(what, method string, got, want, share float64) row {
	return row{
		what: what, method: method, measured: fmt.Sprintf("%.4g", got),
		rule: fmt.Sprintf("%.4g +- %.0f%%", want, 100*share), ok: math.Abs(got-want) <= share*want,
	}
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	slices.Sort(x)
	return x[len(x)/2]
}
