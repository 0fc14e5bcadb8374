package analysis

import (
	"maps"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/packed"
	"github.com/verdict-dev/verdict/scoring"
)

// asked says which scores are read, and which number each of them is.
type asked struct {
	Place      // with a category: 1 if it is that one, 0 if it is another one
	any   bool // 1 for each category
}

func (m metric) asked() asked { return asked{Place{m.Step, m.Name, m.Category}, m.any} }

func (q asked) number(s scoring.Score) (y float64, ok bool) {
	switch {
	case q.any || q.Category != "" && s.Category == q.Category:
		return 1, s.Category != ""
	case q.Category != "":
		return 0, s.Category != ""
	}
	return s.Value.Float()
}

// Share is how many units have a category, by variant.
type Share struct {
	// Category is empty for the ones beyond the first [scoring.MaxCategories].
	Category string `json:"category"`
	// Units count a unit by the part of its scores that have the category: 1/2 for one of its two runs.
	Units []float64 `json:"units"`
}

// shares counts the categories of a score by variant.
type shares struct {
	scored []int // units with a category, by variant
	by     map[string][]float64
}

func newShares(variants int) *shares { return &shares{make([]int, variants), map[string][]float64{}} }

// add counts the categories of a unit of variant v.
func (s *shares) add(v int, of map[string]float64) {
	if len(of) == 0 {
		return
	}
	s.scored[v]++
	for _, c := range slices.Sorted(maps.Keys(of)) {
		as := c
		if s.by[c] == nil && len(s.by) >= scoring.MaxCategories {
			as = ""
		}
		if s.by[as] == nil {
			s.by[as] = make([]float64, len(s.scored))
		}
		s.by[as][v] += of[c]
	}
}

// list returns the categories in the order of their names.
func (s *shares) list() (all []Share) {
	for _, c := range slices.Sorted(maps.Keys(s.by)) {
		all = append(all, Share{c, slices.Clone(s.by[c])})
	}
	return all
}

func (s *shares) code(c *packed.Coder) {
	packed.Fixed(c, s.scored, func(n *int) { packed.Int(c, n) })
	packed.Map(c, &s.by, strings.Compare, func(category *string, units *[]float64) {
		c.Text(category)
		if c.Reading() {
			*units = make([]float64, len(s.scored))
		}
		packed.Fixed(c, *units, func(x *float64) { c.Float(x) })
	})
}

// categories returns which part of a unit's scores in a place each category is; nil: it has none.
func (r *Reader) categories(s *subject, p Place) map[string]float64 {
	found := map[string]float64{}
	groups := r.groups(s)
	for _, g := range groups {
		for _, c := range append([]view{g.own}, g.others...) {
			for _, rec := range c.records[p.Name] {
				if rec.Category != "" && placeStep(rec) == p.Step {
					found[rec.Category] = 0
				}
			}
		}
	}
	for category := range found {
		m := metric{Metric: experiments.Metric{Name: p.Name, Step: p.Step, FailureUnknown: true}.Equals(category)}
		if o := s.window().read(m, groups); o.State == scoring.Scored && o.Value > 0 {
			found[category] = o.Value
		} else {
			delete(found, category)
		}
	}
	return found
}
