package betting

import "github.com/verdict-dev/verdict/internal/exact"

// Bound is the tests of "the mean of a - v b is at most 0" for all v of a range at once: the tests of its nodes, and between
// them a bound from below. In a block of neighbouring nodes the reach is that at its last one, the largest. There each
// factor is linear in v, so the logarithm of a bet's wealth is concave in v, and lies over the chord between two nodes.
type Bound struct {
	blocks []block
	room   int
}

type block struct {
	nodes    []float64 // ascending
	wealth   [][bets]float64
	exponent [][bets]int32
}

// newBound makes a bound of nodes, ascending, with a block from each edge to the next. An edge between two blocks is a
// node of both; the first and the last node are edges, and so is each of the extra values, which become nodes.
func newBound(nodes, edges []float64) Bound {
	b := Bound{room: roomy}
	var in block
	add := func(v float64) {
		in.nodes = append(in.nodes, v)
		in.wealth = append(in.wealth, initial)
		in.exponent = append(in.exponent, [bets]int32{})
	}
	add(nodes[0])
	for _, v := range nodes[1:] {
		add(v)
		for _, e := range edges {
			if v == e {
				b.blocks = append(b.blocks, in)
				in = block{}
				add(v)
				break
			}
		}
	}
	if len(in.nodes) > 1 {
		b.blocks = append(b.blocks, in)
	}
	return b
}

// wealths is how many wealths b has.
func (b *Bound) wealths() (n int) {
	for i := range b.blocks {
		n += bets * len(b.blocks[i].nodes)
	}
	return n
}

// play multiplies in a unit.
func (b *Bound) play(a, m float64, r reach) {
	c := 0
	for i := range b.blocks {
		bl := &b.blocks[i]
		if d := r.at(bl.nodes[len(bl.nodes)-1]); d > 0 {
			c = max(c, cost((a-float64(bl.nodes[0]*m))/d)) // of its nodes the first pays most
		}
	}
	if b.room < c {
		b.normalise()
	}
	b.room -= c
	for i := range b.blocks {
		bl := &b.blocks[i]
		d := r.at(bl.nodes[len(bl.nodes)-1])
		if !(d > 0) {
			continue
		}
		for k, v := range bl.nodes {
			y := (a - float64(v*m)) / d
			bet(&bl.wealth[k], y)
		}
	}
}

func (b *Bound) normalise() {
	b.room = roomy
	for i := range b.blocks {
		for k := range b.blocks[i].wealth {
			normalise(&b.blocks[i].wealth[k], &b.blocks[i].exponent[k])
		}
	}
}

// lower returns the first v, going up, that is not rejected at a threshold: the lower end of what remains.
func (b *Bound) lower(threshold float64) float64 {
	limit := exact.Ln(threshold)
	lo := b.blocks[0].nodes[0]
	for i := range b.blocks {
		bl := &b.blocks[i]
		left := logs(&bl.wealth[0], &bl.exponent[0])
		if mixture(&left) < limit {
			return lo
		}
		for k := 1; k < len(bl.nodes); k++ {
			right := logs(&bl.wealth[k], &bl.exponent[k])
			from, to := bl.nodes[k-1], bl.nodes[k]
			if mixture(&right) < limit {
				return from + float64(crossing(&left, &right, limit)*(to-from))
			}
			left, lo = right, to
		}
	}
	return lo
}

// crossing returns how far from left to right the chord is over the limit, as a share.
func crossing(left, right *[bets]float64, limit float64) float64 {
	in, out := 0.0, 1.0
	var l [bets]float64
	for range 30 {
		mid := (in + out) / 2
		for g := range l {
			l[g] = left[g] + float64(mid*(right[g]-left[g]))
		}
		if mixture(&l) >= limit {
			in = mid
		} else {
			out = mid
		}
	}
	return in
}
