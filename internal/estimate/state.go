package estimate

import "github.com/verdict-dev/verdict/internal/packed"

// Code writes or reads the state.
func (m *Moments) Code(c *packed.Coder) { c.Float(&m.N, &m.Mean, &m.M2, &m.M3) }

// Code writes or reads the state.
func (m *CoMoments) Code(c *packed.Coder) { c.Float(&m.N, &m.MeanX, &m.MeanY, &m.Mxx, &m.Mxy, &m.Myy) }

// Code writes or reads the state.
func (s *SampleRatio) Code(c *packed.Coder) {
	for _, g := range []*grown{&s.near, &s.wide} {
		c.Float(&g.by)
		packed.Int(c, &g.x)
		c.Bool(&g.started)
	}
}

// Code writes or reads the state: the buckets that have values.
func (r *Ranks) Code(c *packed.Coder) {
	var used []int
	for i, n := range r.tree {
		if n != 0 {
			used = append(used, i)
		}
	}
	c.Float(&r.total)
	packed.List(c, &used, func(i *int) {
		packed.Int(c, i)
		if c.Reading() {
			if *i < 0 || *i >= 2*rankBuckets+2 {
				c.Refuse()
				return
			}
			if r.tree == nil {
				r.tree = make([]float64, 2*rankBuckets+2)
			}
		}
		c.Float(&r.tree[*i])
	})
}

// Code writes or reads the state of sojourns within the same window.
func (s *Sojourns) Code(c *packed.Coder) {
	c.Float(&s.n)
	for age := range s.events {
		c.Float(&s.events[age], &s.gone[age])
	}
}
