package analysis

import "github.com/verdict-dev/verdict/scoring"

// Counts are numbers of units of a variant.
type Counts struct {
	Assigned int `json:"assigned"`
	Matured  int `json:"matured"`
	Pending  int `json:"pending"`            // not matured
	InGrace  int `json:"in_grace,omitempty"` // of the pending: the window has closed, and the grace has not passed
	// The matured ones are scored, or unscored for one of four reasons.
	Scored        int `json:"scored"`
	Missing       int `json:"missing"`
	Expired       int `json:"expired"`
	NotApplicable int `json:"not_applicable"`
	Error         int `json:"error"`
	Imputed       int `json:"imputed"`          // of the scored: by the policy for failed runs and missing scores
	Capped        int `json:"capped,omitempty"` // of the scored: a score in the value was cut, at the cap or at 0
	Late          int `json:"late"`             // of the matured: had a score after the window or the seal, which is not counted
}

// Add adds the numbers of other units.
func (c *Counts) Add(o Counts) {
	c.Assigned += o.Assigned
	c.Matured += o.Matured
	c.Pending += o.Pending
	c.InGrace += o.InGrace
	c.Scored += o.Scored
	c.Missing += o.Missing
	c.Expired += o.Expired
	c.NotApplicable += o.NotApplicable
	c.Error += o.Error
	c.Imputed += o.Imputed
	c.Capped += o.Capped
	c.Late += o.Late
}

// count counts a unit by its outcome.
func (c *Counts) count(u Unit, o Outcome) {
	c.Assigned++
	if !u.Mature {
		c.Pending++
		if u.InGrace {
			c.InGrace++
		}
		return
	}
	c.Matured++
	if o.Late {
		c.Late++
	}
	switch o.State {
	case scoring.Scored:
		c.Scored++
		if o.Imputed {
			c.Imputed++
		}
		if o.Capped {
			c.Capped++
		}
	case scoring.Expired:
		c.Expired++
	case scoring.Declined:
		c.NotApplicable++
	case scoring.Failed:
		c.Error++
	default:
		c.Missing++
	}
}
