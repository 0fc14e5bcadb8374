package estimate

import (
	"math"

	"github.com/verdict-dev/verdict/internal/exact"
)

// Ranks turns values of any size into scores in [0, 1] without looking ahead: the mid-rank of a value among the values
// before it. Values within 2% of each other count as equal. The zero Ranks is empty; one takes 40 kB once it has a value.
type Ranks struct {
	tree  []float64 // Fenwick tree of counts by bucket
	total float64
}

// Buckets are logarithmic: bucket k of a sign has the sizes in (growth^(k-1), growth^k] around smallest.
const (
	rankGrowth   = 1.02
	rankSmallest = 1e-9
	rankBuckets  = 2500 // a sign, up to 3e12
)

var rankLog = exact.Ln(rankGrowth)

func rankBucket(y float64) int {
	size := math.Abs(y)
	if size < rankSmallest {
		return rankBuckets
	}
	k := min(1+int(exact.Ln(size/rankSmallest)/rankLog), rankBuckets)
	if y < 0 {
		k = -k
	}
	return rankBuckets + k
}

// Next returns the mid-rank of y among the values so far, (less + equal/2 + 1/2)/(n + 1), and then adds y.
func (r *Ranks) Next(y float64) float64 {
	if r.tree == nil {
		r.tree = make([]float64, 2*rankBuckets+2)
	}
	b := rankBucket(y) + 1
	less := r.sum(b - 1)
	equal := r.sum(b) - less
	u := (less + equal/2 + 0.5) / (r.total + 1)
	for i := b; i < len(r.tree); i += i & -i {
		r.tree[i]++
	}
	r.total++
	return u
}

func (r *Ranks) sum(b int) float64 {
	s := 0.0
	for i := b; i > 0; i -= i & -i {
		s += r.tree[i]
	}
	return s
}

// Merge adds the values of o.
func (r *Ranks) Merge(o *Ranks) {
	if o.tree == nil {
		return
	}
	if r.tree == nil {
		r.tree = make([]float64, len(o.tree))
	}
	for i, c := range o.tree { // a Fenwick tree is linear in its counts
		r.tree[i] += c
	}
	r.total += o.total
}
