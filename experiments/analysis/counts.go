package analysis

import "github.com/verdict-dev/verdict/scoring"

// count counts a unit by its outcome.
func count(c *Counts, u Unit, o Outcome) {
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
