package analysis

import (
	"encoding/json"

	"github.com/verdict-dev/verdict/internal/packed"
)

// Course is how the primary metric compared with the control as units matured.
type Course struct {
	Points []CoursePoint
	// Changes are the first units of weight epochs.
	Changes []CourseChange
	// Matured is how many units have matured.
	Matured int

	every, epoch int // a point is at every so many units
}

// CoursePoint is the state after a number of matured units.
type CoursePoint struct {
	Units int
	// Versus compares each variant with the control, in the order of the report.
	Versus []*Comparison
}

// CourseChange is the begin of a weight epoch, after so many matured units.
type CourseChange struct{ After, Epoch int }

// mostPoints is how many points a course keeps. Of one that has more, it keeps every other.
const mostPoints = 100

// add adds a matured unit. compare compares the variants now.
func (c *Course) add(epoch int, compare func() []*Comparison) {
	if c.Matured > 0 && epoch > c.epoch {
		c.Changes = append(c.Changes, CourseChange{c.Matured, epoch})
	}
	c.epoch = max(c.epoch, epoch)
	c.every = max(1, c.every)
	if c.Matured++; c.Matured%c.every != 0 {
		return
	}
	c.Points = append(c.Points, CoursePoint{c.Matured, compare()})
	if len(c.Points) <= mostPoints {
		return
	}
	c.every *= 2
	kept := c.Points[:0]
	for _, p := range c.Points {
		if p.Units%c.every == 0 {
			kept = append(kept, p)
		}
	}
	c.Points = kept
}

// upTo returns the course with the last unit as its last point.
func (c Course) upTo(compare func() []*Comparison) Course {
	if n := len(c.Points); c.Matured > 0 && (n == 0 || c.Points[n-1].Units < c.Matured) {
		c.Points = append(c.Points[:n:n], CoursePoint{c.Matured, compare()})
	}
	return c
}

func (c *Course) code(p *packed.Coder) {
	packed.Int(p, &c.Matured)
	packed.Int(p, &c.every)
	packed.Int(p, &c.epoch)
	packed.List(p, &c.Changes, func(x *CourseChange) {
		packed.Int(p, &x.After)
		packed.Int(p, &x.Epoch)
	})
	packed.List(p, &c.Points, func(x *CoursePoint) {
		packed.Int(p, &x.Units)
		data := ""
		if !p.Reading() {
			text, err := json.Marshal(x.Versus)
			if err != nil {
				p.Refuse()
			}
			data = string(text)
		}
		if p.Text(&data); p.Reading() && json.Unmarshal([]byte(data), &x.Versus) != nil {
			p.Refuse()
		}
	})
}

// versus compares the variants with the control on the primary metric now.
func (f *Fold) versus() []*Comparison {
	j := f.main.judge(f.main.last)
	var all []*Comparison
	for v := range f.main.exp.names {
		all = append(all, j.result(j.read[0], v).Versus)
	}
	return all
}
