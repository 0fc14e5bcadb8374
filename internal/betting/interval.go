package betting

import (
	"math"
	"slices"

	"github.com/verdict-dev/verdict/internal/exact"
)

// Pair is the tests of the difference of two variants and of its lift, for all values at once: what an interval is the
// inverse of. It takes the units that either variant got.
type Pair struct {
	origin       float64
	more, less   Bound // of the difference: b over j, and j over b
	above, below Bound // of the lift
	adjusted     bool
	// Sums of the stakes' terms, and of the weights m/p and the weighted scores of the units of either variant.
	a, m, mb, mj   float64
	wb, ub, wj, uj float64
	units          float64
}

// NewPair returns the empty tests of a pair. origin is how far the zero of the metric lies under the score 0, in units of
// the scores, and 0 or more; a pair of a metric that may be negative has no lift, which a negative origin says. adjusted tells that centres
// come from a covariate. more and less are bounds that are decided on, in units of the scores: the difference is tested at exactly these against "at
// most" and "at least".
func NewPair(origin float64, adjusted bool, more, less []float64) *Pair {
	p := &Pair{origin: origin, adjusted: adjusted, more: differences(more), less: differences(negated(less))}
	if p.lifts() {
		p.above, p.below = lifts(), lifts()
	}
	return p
}

func (p *Pair) lifts() bool { return p.origin >= 0 }

func negated(x []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = -x[i]
	}
	return out
}

// differences has the nodes (k/16)^2 with their sign, which lie closer where effects are small.
func differences(extra []float64) Bound {
	const n = 16
	var nodes []float64
	for k := -n; k <= n; k++ {
		nodes = append(nodes, math.Copysign(float64(k*k)/(n*n), float64(k)))
	}
	edges := []float64{0, 1. / 16, 1. / 4}
	for _, v := range extra {
		if v > -1 && v < 1 {
			nodes, edges = append(nodes, v), append(edges, v)
		}
	}
	slices.Sort(nodes)
	return newBound(slices.Compact(nodes), edges)
}

// lifts has the lifts of the ratios 2^(k^2/100), with the sign of k in the exponent, and of the ratio 0.
func lifts() Bound {
	const n = 20
	nodes := []float64{-1}
	var edges []float64
	for k := 1 - n; k <= n; k++ {
		v := exact.Exp(math.Copysign(float64(k*k)/100, float64(k))*math.Ln2) - 1
		nodes = append(nodes, v)
		if k%5 == 0 && k != -15 && k != 15 {
			edges = append(edges, v)
		}
	}
	return newBound(nodes, edges)
}

// Add plays a unit that b or j got; s is of b against j.
func (p *Pair) Add(s Stake) {
	t := s.Reversed()
	p.more.play(s.a, s.m, s.difference())
	p.less.play(t.a, t.m, t.difference())
	p.a += s.a
	p.m += s.m
	p.units++
	if s.own {
		p.wb += s.r
		p.ub += float64(s.r * s.u)
	} else {
		p.wj += s.s
		p.uj += float64(s.s * s.u)
	}
	if !p.lifts() {
		return
	}
	b, r := s.lift(p.origin)
	p.above.play(s.a, b, r)
	p.mj += b
	b, r = t.lift(p.origin)
	p.below.play(t.a, b, r)
	p.mb += b
}

// Units is how many units have been played.
func (p *Pair) Units() int { return int(p.units) }

// Difference returns the estimate of the mean of b minus that of j, and the interval that is not rejected at a threshold on
// either side. All are in [-1, 1]. The estimate weighs units as the bets do, by m/p, so that a ramp does not move it away
// from its interval: it is the difference of the weighted means, equal to that of the plain means while the weights stay
// the same, and with a covariate the sum of the terms a over the sum of the m.
func (p *Pair) Difference(threshold float64) (value, lo, hi float64) {
	switch {
	case p.adjusted && p.m > 0:
		value = max(-1, min(1, p.a/p.m))
	case p.wb > 0 && p.wj > 0:
		value = p.ub/p.wb - p.uj/p.wj
	}
	return value, p.more.lower(threshold), -p.less.lower(threshold)
}

// widest is the ratio, up and down, that a lift's interval must not span in both directions to be worth showing.
const widest = 4

// Lift returns the difference as a share of the mean of j with its interval, -1 at least. It passes 0 exactly where the
// interval of the difference does. ok is false while nothing is known of the lift: while the interval spans more than a
// quarter to four times the mean of j, or has no upper end.
func (p *Pair) Lift(threshold float64) (value, lo, hi float64, ok bool) {
	mb, mj := p.mb, p.mj
	if !p.adjusted && p.wb > 0 && p.wj > 0 {
		mb, mj = p.ub/p.wb+p.origin, p.uj/p.wj+p.origin
	}
	if !p.lifts() || !(mj > 0) {
		return 0, 0, 0, false
	}
	lo = p.above.lower(threshold)
	inverse := 1 + p.below.lower(threshold)
	hi = 1/inverse - 1
	ok = inverse > smallestRatio && (1+lo >= 1./widest || 1+hi <= widest)
	return max(-1, mb/mj-1), lo, hi, ok
}

// smallestRatio is the smallest ratio that an end is said to be at: under it the other end is not known.
const smallestRatio = 1. / 100

// Mean is the tests of the mean of one variant.
type Mean struct{ more, less Bound }

// NewMean returns the empty tests of a mean in [0, 1].
func NewMean() *Mean {
	const n = 16
	var nodes []float64
	for k := range 2*n + 1 {
		v := float64(k*k) / (2 * n * n)
		if k > n {
			v = 1 - float64(float64((2*n-k)*(2*n-k))/(2*n*n))
		}
		nodes = append(nodes, v)
	}
	edges := []float64{nodes[n/4], nodes[n/2], nodes[n], nodes[3*n/2]}
	return &Mean{newBound(nodes, edges), newBound(nodes, edges)}
}

// Add plays a score in [0, 1].
func (m *Mean) Add(u float64) {
	r := reach{0, 1, 0, 1} // v - u is at most v
	m.more.play(u, 1, r)
	m.less.play(1-u, 1, r)
}

// Interval returns the interval of the mean that is not rejected at a threshold on either side, in [0, 1]. It covers a
// mean that stays the same.
func (m *Mean) Interval(threshold float64) (lo, hi float64) {
	return m.more.lower(threshold), 1 - m.less.lower(threshold)
}
