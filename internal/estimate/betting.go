package estimate

import "math"

// The grid of bets: 0.004 * 1.4^g while it is under 0.9. Because the grid is fixed and does not follow the data, the
// wealths of shards multiply and the order of units in a shard does not matter.
const (
	bets       = 17
	firstBet   = 0.004
	betsGrowth = 1.4
)

var grid = func() (g [bets]float64) {
	f := firstBet
	for i := range g {
		g[i] = f
		f *= betsGrowth
	}
	return g
}()

// Centre is the running mean of scores in [0, 1] that a bet is placed around: (0.5 + sum)/(1 + count) of the units
// before. It is known before the unit is, so that it biases nothing.
type Centre struct {
	Sum   float64 `json:"sum"`
	Count float64 `json:"count"`
}

// Value returns the centre for the next unit.
func (c Centre) Value() float64 { return (0.5 + c.Sum) / (1 + c.Count) }

// Add accumulates the score of a unit of any variant.
func (c *Centre) Add(u float64) { c.Sum += u; c.Count++ }

// Stake returns the evidence of a unit about a pair of variants: m z of equations F1 and F2, in [-1, 1]. u in [0, 1] is
// its score, c the centre before it, own and other the probabilities that it had of getting its own variant and the
// other one. Positive favours its own variant. A unit that could not have got both has stake 0.
func Stake(u, c, own, other float64) float64 {
	sum := own + other
	if own <= 0 || other <= 0 {
		return 0
	}
	p := own / sum
	return float64(min(p, other/sum) * (u - c) / p)
}

// EProcess is the wealth of a gambler who bets that variant b is better than variant j, at fair odds if it is not: the
// mean over a grid of bets f of the products of 1 + f stake. As long as b is not better its expectation is at most 1,
// whenever one stops, so that P(it ever reaches 1/a) <= a (Ville). It assumes only that the scores are in [0, 1] and
// that the assignment was random with the recorded probabilities: it holds at every sample size, at 90/10, under drift,
// and under weights that follow the data. It is the capital process of Waudby-Smith and Ramdas, "Estimating means of
// bounded random variables by betting", JRSS-B 2024, arXiv:2010.09686, on the inverse-probability difference of Howard
// et al. 2021, Corollary 2. The zero EProcess has bet nothing.
//
// The products are kept as such, each with a binary exponent, and not as sums of logarithms: multiplication is exact to
// the last bit on every architecture, logarithms are not.
type EProcess struct {
	wealth   [bets]float64
	exponent [bets]int     // of 2, for each wealth
	shown    [bets]float64 // 1 where the exponent is 0, else 0
	played   int           // bets since the start or the last rescaling
	peak     float64
	started  bool
}

// A bet multiplies a wealth by 0.129 to 1.871. Rescaled to within 2^-200 and 2^200, it stays a normal number over the
// next 256 bets: the loop of Bet needs no checks.
const (
	rescaleEvery = 256
	comfortable  = 0x1p200
	scale        = 512
)

// Bet multiplies the wealth by a unit's payoff: the stake of [Stake], negated when the unit was given j.
func (e *EProcess) Bet(stake float64) {
	e.start()
	sum := 0.0
	for g := range bets {
		w := e.wealth[g] * (1 + float64(grid[g]*stake))
		e.wealth[g] = w
		sum += float64(w * e.shown[g])
	}
	// Wealths with a negative exponent are too small to show in the sum; with a positive one it is already infinite.
	e.peak = max(e.peak, sum/bets)
	if e.played++; e.played == rescaleEvery {
		e.rescale()
	}
}

func (e *EProcess) start() {
	if e.started {
		return
	}
	e.started = true
	e.peak = 1
	for g := range e.wealth {
		e.wealth[g], e.shown[g] = 1, 1
	}
}

// rescale moves powers of two between wealths and exponents, which is exact.
func (e *EProcess) rescale() {
	e.played = 0
	for g, w := range e.wealth {
		if x := e.exponent[g]; w > 1/comfortable && w < comfortable && x != 0 && x > -scale && x < scale {
			w, e.exponent[g] = math.Ldexp(w, x), 0 // it came back
		}
		if w <= 1/comfortable || w >= comfortable {
			f, x := math.Frexp(w)
			w, e.exponent[g] = f, e.exponent[g]+x
		}
		e.wealth[g] = w
		e.shown[g] = 0
		switch {
		case e.exponent[g] == 0:
			e.shown[g] = 1
		case e.exponent[g] > 0:
			e.peak = math.Inf(1)
		}
	}
}

// LogE returns the natural logarithm of the wealth.
func (e *EProcess) LogE() float64 {
	if !e.started {
		return 0
	}
	top := e.exponent[0]
	for _, x := range e.exponent[1:] {
		top = max(top, x)
	}
	sum := 0.0
	for g, w := range e.wealth {
		sum += math.Ldexp(w, e.exponent[g]-top)
	}
	return math.Log(sum/bets) + float64(top)*math.Ln2
}

// PValue returns 1 over the largest wealth so far, at most 1: a p-value that is valid at every look.
func (e *EProcess) PValue() float64 {
	if !e.started {
		return 1
	}
	return 1 / e.peak
}

// Merge multiplies in the wealth of another shard of the same pair. The peak of a shard is not a wealth of the whole,
// so the peak restarts from the product.
func (e *EProcess) Merge(o EProcess) {
	if !o.started {
		return
	}
	e.start()
	for g := range e.wealth {
		f, x := math.Frexp(e.wealth[g])
		h, y := math.Frexp(o.wealth[g])
		e.wealth[g], e.exponent[g] = f*h, e.exponent[g]+o.exponent[g]+x+y
	}
	e.rescale()
	e.peak = max(1, math.Exp(e.LogE()))
}

// MeanE returns the logarithm of the mean of e-processes over the same units, which is an e-process again: two
// directions of a pair make a two-sided test. It returns 0 for none.
func MeanE(processes ...*EProcess) float64 {
	top := math.Inf(-1)
	logs := make([]float64, len(processes))
	for i, p := range processes {
		logs[i] = p.LogE()
		top = max(top, logs[i])
	}
	if len(logs) == 0 {
		return 0
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum/float64(len(logs)))
}
