package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// stratum is a set of units that were assigned with the same probabilities: the units of an epoch, unless its number
// stands for several, because a deploy changed the weights of the code, or the caller's own choice has probabilities of
// its own. Units of different strata are never pooled.
type stratum struct {
	epoch  int
	shares string // empty: unusable, or one of too many
}

// maxStrata is how many sets of probabilities of one epoch are distinguished.
const maxStrata = 64

func (s stratum) compare(o stratum) int {
	return cmp.Or(cmp.Compare(s.epoch, o.epoch), cmp.Compare(s.shares, o.shares))
}

// strata returns the keys in their order.
func strata[T any](m map[stratum]T) []stratum {
	return slices.SortedFunc(maps.Keys(m), stratum.compare)
}

// epoch has the counts of units of a stratum by variant, and the shares that were expected.
type epoch struct {
	since    time.Time // of its first assignment
	shares   []float64 // nil: not the same for all units, so there is no sample ratio to check
	assigned []float64 // as the store learned of them
	units    int       // of the assigned, the ones that are still units
	matured  []float64
}

// lastShares spares most units the text of their probabilities.
type lastShares struct {
	p    []float64
	text string
}

func (l *lastShares) of(p []float64) string {
	if !slices.Equal(l.p, p) {
		l.p, l.text = append(l.p[:0], p...), fmt.Sprint(p)
	}
	return l.text
}

// probabilities returns the probabilities of a unit of variant v by variant, or nil if they are unusable.
func (a *Analysis) probabilities(by map[string]float64, v int) []float64 {
	sum := 0.0
	for i, name := range a.exp.names {
		a.p[i] = by[name]
		sum += a.p[i]
	}
	if !(math.Abs(sum-1) < 1e-6 && a.p[v] > 0) {
		return nil
	}
	return a.p
}

// stratum returns the stratum of a unit with the probabilities p.
func (a *Analysis) stratum(epoch int, p []float64) stratum {
	if p == nil {
		return stratum{epoch: epoch}
	}
	s := stratum{epoch, a.shares.of(p)}
	if !a.strata[s] {
		n := 0
		for other := range a.strata {
			if other.epoch == epoch {
				n++
			}
		}
		if n >= maxStrata {
			return stratum{epoch: epoch}
		}
		a.strata[s] = true
	}
	return s
}

func (a *Analysis) epoch(at stratum, p []float64) *epoch {
	e := a.epochs[at]
	if e == nil {
		k := len(a.exp.names)
		e = &epoch{assigned: make([]float64, k), matured: make([]float64, k)}
		if at.shares != "" {
			e.shares = slices.Clone(p)
		}
		a.epochs[at] = e
	}
	return e
}
