package promises

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var whole = flag.Bool("whole", false, "run every combination of the factors, not only every pair of their values")

// factors are where environments differ, and what users do in them.
var factors = [][]string{
	{"store at hand", "no store", "slow store", "store away and back"},
	{"default worker", "one slot", "rate", "tuner", "no cache", "lives for 3 s"},
	{"plain", "encrypting"},
	{"default namespace", "another namespace"},
	{"ASCII", "any script", "escapes"},
	{"workflow function", "update handler"},
	{"score", "correct", "flush in a loop", "experiment", "defer", "child", "continue as new", "continue with options", "retry", "reset"},
}

// cell is a value of each factor. The first ones make the environment, which cells may share.
type cell [7]string

const shared = 4

func (c cell) store() string     { return c[0] }
func (c cell) worker() string    { return c[1] }
func (c cell) codec() string     { return c[2] }
func (c cell) namespace() string { return c[3] }
func (c cell) names() string     { return c[4] }
func (c cell) where() string     { return c[5] }
func (c cell) does() string      { return c[6] }

// product returns every cell.
func product() []cell {
	cells := []cell{{}}
	for i, values := range factors {
		var next []cell
		for _, c := range cells {
			for _, v := range values {
				c[i] = v
				next = append(next, c)
			}
		}
		cells = next
	}
	return cells
}

// pair is two values that a cell brings together.
type pair struct {
	i, j int
	a, b string
}

func (c cell) pairs() []pair {
	var all []pair
	for i := range c {
		for j := i + 1; j < len(c); j++ {
			all = append(all, pair{i, j, c[i], c[j]})
		}
	}
	return all
}

// pairwise returns cells in which every pair of values meets, by always taking the best of some that have a pair which is
// still missing.
func pairwise() []cell {
	rnd := rand.New(rand.NewPCG(1, 2))
	missing := map[pair]bool{}
	var order []pair
	for _, c := range product() {
		for _, p := range c.pairs() {
			if !missing[p] {
				missing[p] = true
				order = append(order, p)
			}
		}
	}
	var cells []cell
	for len(missing) > 0 {
		first := order[slices.IndexFunc(order, func(p pair) bool { return missing[p] })]
		var best cell
		most := -1
		for range 200 {
			var c cell
			for i, values := range factors {
				c[i] = values[rnd.IntN(len(values))]
			}
			c[first.i], c[first.j] = first.a, first.b
			n := 0
			for _, p := range c.pairs() {
				if missing[p] {
					n++
				}
			}
			if n > most {
				best, most = c, n
			}
		}
		for _, p := range best.pairs() {
			delete(missing, p)
		}
		cells = append(cells, best)
	}
	return cells
}

// Every pair of values is met, so that a run of the tests has seen each two of them together.
func TestEveryPairIsMet(t *testing.T) {
	t.Parallel()
	met := map[pair]bool{}
	for _, c := range pairwise() {
		for _, p := range c.pairs() {
			met[p] = true
		}
	}
	for _, c := range product() {
		for _, p := range c.pairs() {
			require.True(t, met[p], p)
		}
	}
}
