package main

import (
	"math"
	"math/rand/v2"

	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
)

// stream makes the units of two variants and what every method needs of them.
type stream struct {
	rng    *rand.Rand
	centre betting.Centre
	b, j   estimate.Moments // of the treated and of the others
}

// treat says which variant the next unit gets.
func (s *stream) treat(pi float64) bool { return s.rng.Float64() < pi }

// bet accumulates a unit with the score u, and returns its stake, of the treated against the others.
func (s *stream) bet(treated bool, u, pi float64) betting.Stake {
	return s.betAround(treated, u, s.centre.Value(), pi)
}

func (s *stream) betAround(treated bool, u, centre, pi float64) betting.Stake {
	own := pi
	if !treated {
		own = 1 - pi
	}
	stake, _ := betting.NewStake(u, centre, own, 1-own)
	s.centre.Add(u)
	if !treated {
		stake = stake.Reversed()
		s.j.Add(u)
	} else {
		s.b.Add(u)
	}
	return stake
}

// ends are the tests of both ends of an interval at one value: whether it ever misses that.
type ends struct{ more, less betting.Test }

func (e *ends) difference(s betting.Stake, v float64) {
	e.more.Than(s, v)
	e.less.Than(s.Reversed(), -v)
}

func (e *ends) lift(s betting.Stake, v float64) {
	e.more.ThanLift(s, 0, v)
	e.less.ThanLift(s.Reversed(), 0, 1/(1+v)-1)
}

// missed tells whether an interval with half of alpha at either end has ever missed.
func (e *ends) missed() bool { return max(e.more.Peak(), e.less.Peak()) >= 2/alpha }

// fixed is the width of a fixed-horizon interval.
func (s *stream) fixed() float64 {
	z := estimate.FixedHorizon{Alpha: alpha}.Interval(estimate.Effect{SE: 1})
	return (z.Hi - z.Lo) * s.effect().SE
}

func (s *stream) effect() estimate.Effect { return estimate.Difference(s.b.Estimate(), s.j.Estimate()) }

// smaller is how many units the smaller variant has.
func (s *stream) smaller() float64 { return math.Min(s.b.N, s.j.N) }

func score(rng *rand.Rand, p float64) float64 {
	if rng.Float64() < p {
		return 1
	}
	return 0
}
