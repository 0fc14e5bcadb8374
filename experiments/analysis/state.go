package analysis

import (
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/packed"
)

// stateForm is the form of a state. A change of what a state has, or of what its fields mean, is another form: states of
// an older one are refused, and made again from the rows.
const stateForm = 1

// MarshalBinary returns the state: an analysis that is read back from it continues to the same bytes. Its size depends on
// the variants, the metrics, the versions of judges and the weight epochs, and on how many units were reset after their seal, and not on how many
// units there are.
func (a *Analysis) MarshalBinary() ([]byte, error) { return packed.Write(stateForm, a.code) }

// Resume returns the analysis of an experiment whose state MarshalBinary has returned. It refuses the state of an experiment
// with another definition.
func Resume(exp *experiments.Experiment, state []byte) (*Analysis, error) {
	a := New(exp)
	if err := packed.Read(stateForm, state, a.code); err != nil {
		return nil, err
	}
	return a, nil
}

// code writes or reads the state.
func (a *Analysis) code(c *packed.Coder) {
	fingerprint := a.exp.def.Fingerprint()
	if c.Text(&fingerprint); fingerprint != a.exp.def.Fingerprint() {
		c.Refuse()
		return
	}
	packed.Map(c, &a.epochs, stratum.compare, func(at *stratum, e **epoch) {
		if c.Reading() {
			*e = &epoch{}
		}
		at.code(c)
		(*e).code(c)
	})
	packed.Int(c, &a.units)
	packed.Int(c, &a.late)
	packed.Int(c, &a.matured)
	c.Time(&a.first, &a.last, &a.known)
	packed.Int(c, &a.arrivals)
	packed.Int(c, &a.crossed)
	packed.Int(c, &a.absent)
	a.many.code(c)
	a.unusable.code(c)
	packed.List(c, &a.changes, func(x *change) { c.Time(&x.at, &x.known, &x.until) })
	packed.Map(c, &a.weights, stratum.compare, func(at *stratum, i *int) {
		at.code(c)
		if packed.Int(c, i); *i < 0 || *i >= len(a.changes) {
			c.Refuse()
		}
	})
	packed.List(c, &a.states, func(s *state) {
		c.Time(&s.since)
		packed.Int(c, &s.epoch)
		packed.List(c, &s.stopped, func(b *bool) { c.Bool(b) })
		a.sized(c, len(s.stopped))
	})
	packed.Map(c, &a.strata, stratum.compare, func(at *stratum, b *bool) {
		at.code(c)
		c.Bool(b)
	})
	a.assigned.code(c)
	a.arrived.code(c)
	a.seals.code(c)
	packed.Fixed(c, a.metrics, func(m **tally) { (*m).code(c) })
	packed.Fixed(c, a.held, func(t **heldTo) { (*t).code(c) })
}

// sized refuses a list that has not one element a variant.
func (a *Analysis) sized(c *packed.Coder, n int) {
	if n != len(a.exp.names) {
		c.Refuse()
	}
}

func (s *stratum) code(c *packed.Coder) {
	packed.Int(c, &s.epoch)
	c.Text(&s.shares)
}

func (m *moment) code(c *packed.Coder) {
	packed.Int(c, &m.unit)
	c.Time(&m.at)
}

func (e *epoch) code(c *packed.Coder) {
	c.Time(&e.since)
	c.Floats(&e.shares)
	c.Floats(&e.assigned)
	packed.Int(c, &e.units)
	c.Floats(&e.matured)
}

func (r *ratio) code(c *packed.Coder) {
	r.counts.Code(c)
	packed.List(c, &r.own, func(t *betting.Test) { c.Binary(t) })
	r.warned.code(c)
	r.alarm.code(c)
}

func (s *seals) code(c *packed.Coder) {
	packed.Fixed(c, s.counts, func(n *SealCounts) {
		for _, x := range []*int{&n.Sealed, &n.InGrace, &n.Reset, &n.Corrected, &n.TooLate} {
			packed.Int(c, x)
		}
	})
	packed.List(c, &s.resets.all, func(u *resetUnit) {
		packed.Int(c, &u.v)
		packed.Int(c, &u.place)
		c.Floats(&u.p)
		if c.Time(&u.at); u.v < 0 || u.v >= len(u.p) {
			c.Refuse()
		}
	})
}

func (m *tally) code(c *packed.Coder) {
	packed.Fixed(c, m.counts, func(n *Counts) { codeCounts(c, n) })
	packed.Map(c, &m.cells, stratum.compare, func(at *stratum, cells *[]cell) {
		if c.Reading() {
			*cells = make([]cell, len(m.counts))
		}
		at.code(c)
		packed.Fixed(c, *cells, func(x *cell) {
			x.y.Code(c)
			x.log.Code(c)
			x.xy.Code(c)
		})
	})
	m.centre.Code(c)
	m.missing.code(c)
	if m.evidence != nil {
		m.evidence.code(c)
	}
	if m.early != nil {
		for v := range m.early.sojourns {
			m.early.sojourns[v].Code(c)
			c.Binary(&m.early.behind[v])
		}
	}
	m.ranks.Code(c)
	packed.Fixed(c, m.sketches, func(s **ddsketch.DDSketch) { codeSketch(c, s) })
	c.Bool(&m.signed, &m.bare, &m.broken)
	if m.correction != nil { // else a state is as releases without it write it
		c.Binary(m.correction)
		packed.Fixed(c, m.left, func(n *int) { packed.Int(c, n) })
	}
}

func codeCounts(c *packed.Coder, n *Counts) {
	for _, x := range []*int{
		&n.Assigned, &n.Matured, &n.Pending, &n.InGrace, &n.Scored, &n.Missing, &n.Expired, &n.NotApplicable, &n.Error, &n.Imputed, &n.Capped, &n.Late,
	} {
		packed.Int(c, x)
	}
}

func (m *mismatch) code(c *packed.Coder) {
	m.centre.Code(c)
	packed.Fixed(c, m.pairs, func(t *betting.Test) { c.Binary(t) })
	c.Float(&m.total)
	m.warned.code(c)
	m.alarm.code(c)
}

// code writes or reads the comparisons. Which there are says the definition.
func (v *evidence) code(c *packed.Coder) {
	for _, facts := range v.facts {
		packed.Fixed(c, facts, func(f *fact) {
			f.moment.code(c)
			c.Float(&f.e)
		})
	}
	for _, tests := range v.tests {
		packed.Fixed(c, tests, func(s *shift) { c.Binary(&s.test) })
	}
	for a := range v.k {
		if v.pairs[a] != nil {
			c.Binary(v.pairs[a])
		}
		if v.means[a] != nil {
			c.Binary(v.means[a])
		}
		packed.Int(c, &v.scored[a])
		v.enough[a].code(c)
		v.full[a].code(c)
		c.Float(&v.peaks[a])
	}
	packed.Int(c, &v.next)
}

// bin is how many values of a sketch are in a bucket.
type bin struct {
	index int
	count float64
}

// codeSketch writes or reads a sketch, whose own form depends on the order of a map.
func codeSketch(c *packed.Coder, s **ddsketch.DDSketch) {
	there := *s != nil
	if c.Bool(&there); !there {
		return
	}
	if c.Reading() {
		*s = newSketch()
	}
	zero := (*s).GetZeroCount()
	if c.Float(&zero); c.Reading() && zero > 0 {
		_ = (*s).AddWithCount(0, zero)
	}
	for _, of := range []store.Store{(*s).GetPositiveValueStore(), (*s).GetNegativeValueStore()} {
		var bins []bin
		if !c.Reading() {
			of.ForEach(func(index int, count float64) bool {
				bins = append(bins, bin{index, count})
				return false
			})
			slices.SortFunc(bins, func(a, b bin) int { return a.index - b.index })
		}
		packed.List(c, &bins, func(b *bin) {
			packed.Int(c, &b.index)
			c.Float(&b.count)
		})
		if !c.Reading() {
			continue
		}
		for _, b := range bins {
			if !(b.count > 0) || int(int32(b.index)) != b.index {
				c.Refuse()
				return
			}
			of.AddWithCount(b.index, b.count)
		}
	}
}
