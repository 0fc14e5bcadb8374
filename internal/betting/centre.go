package betting

import (
	"math"

	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/internal/packed"
)

// Centre is what the score of the next unit is expected to be, from the units before it alone: known before the unit is,
// it biases nothing, and the nearer it comes the more a bet can be. The zero Centre is empty.
type Centre struct {
	Sum   float64 `json:"sum"`
	Count float64 `json:"count"`
	// With has the covariate as x and the score as y, of the units that have one.
	With estimate.CoMoments `json:"with"`
}

// Value returns the centre of a unit without a covariate: (0.5 + sum)/(1 + count) of the units of all variants before it.
func (c *Centre) Value() float64 { return (0.5 + c.Sum) / (1 + c.Count) }

// fewest is how many units with a covariate there must be before it is made use of.
const fewest = 20

// Given returns the centre of a unit with a covariate that was known at its assignment: the regression of the scores on
// the covariate so far, in [0, 1] (CUPED; Deng, Xu, Kohavi and Walker 2013).
func (c *Centre) Given(x float64) float64 {
	if c.With.N < fewest {
		return c.Value()
	}
	v := c.Value() + float64(c.With.Theta()*(x-c.With.MeanX))
	if math.IsNaN(v) {
		return c.Value()
	}
	return max(0, min(1, v))
}

// Add accumulates a score, and AddGiven one with its covariate.
func (c *Centre) Add(u float64) { c.Sum += u; c.Count++ }

// AddGiven accumulates the score of a unit with a covariate.
func (c *Centre) AddGiven(u, x float64) {
	c.Add(u)
	c.With.Add(x, u)
}

// Code writes or reads the state.
func (c *Centre) Code(w *packed.Coder) {
	w.Float(&c.Sum, &c.Count)
	c.With.Code(w)
}
