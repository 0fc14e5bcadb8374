package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// order is when an outcome reaches Verdict.
type order int

const (
	beforeDefer order = iota
	beforeFirstTask
	beforeWait // the expectation is committed, and the scorer does not know it yet
	whileSettling
	inLastTask // of the parent
	afterWindow
	twice  // with one id
	twoIDs // the same event
	noWorker
	orders
)

func (o order) String() string {
	return [...]string{"before Defer", "before the scorer's first task", "between expectation and wait", "while it settles",
		"in the parent's last task", "after the window", "twice", "with two ids", "no scorer worker"}[o]
}

// fate is what becomes of the parent.
type fate int

const (
	completes fate = iota
	fails
	isCanceled
	isTerminated
	timesOut
	continues // as new, three times
	resetBefore
	resetAfter
	retries
	scheduled
	fates
)

func (f fate) String() string {
	return [...]string{"completes", "fails", "is cancelled", "is terminated", "times out", "continues as new",
		"is reset to before Defer", "is reset to after Defer", "is retried", "runs on a schedule"}[f]
}

// stage is a moment in the life of a scorer, which the gates hold for as long as something is to happen in it.
type stage int

const (
	starting   stage = iota // the parent has not called Defer
	deferred                // the scorer has no worker
	expecting               // its expectation is committed
	waiting                 // it waits
	struck                  // the parent's last task is in flight
	settling                // its function has decided
	closed                  // its window is over
	noDelivery              // in this stage
)

// kind is how the scorer decides. Its score is the sum of what it counted.
type kind int

const (
	counted kind = iota // as soon as it has all of the outcomes
	first               // on the first outcome
	tallied             // when the window ends, which is a short one
)

func (k kind) String() string {
	return [...]string{"counts all", "takes the first", "waits for the end"}[k]
}

// said is an outcome of a plan. Its value is a power of two, so that a sum says what it is made of.
type said struct {
	order    order
	value    float64
	at       stage
	again    stage // when it is delivered once more
	straddle bool  // its delivery is held, after the commit, until the scorer has expected
	stamped  bool  // its source says when it happened
}

// plan is an interleaving. It follows from its seed.
type plan struct {
	seed    int
	orders  [2]order
	fate    fate
	kind    kind
	strike  stage // when the fate strikes
	ended   bool  // a reset is of a run that has ended
	deferAt int   // which run of a chain calls Defer
	inRun   bool  // what comes before Defer comes after the run's start
	down    bool  // the scorer has no worker at first
	lost    string
	said    []said
}

// combinations is how many pairs of orders there are, times the fates.
const combinations = int(orders*(orders+1)/2) * int(fates)

// pairs are the unordered pairs of orders.
var pairs = func() (all [][2]order) {
	for a := range orders {
		for b := a; b < orders; b++ {
			all = append(all, [2]order{a, b})
		}
	}
	return all
}()

// planOf returns the plan of a seed. Seeds that are combinations apart differ in everything but orders and fate.
func planOf(seed int) plan {
	r := rand.New(rand.NewPCG(uint64(seed), 3))
	p := plan{seed: seed, orders: pairs[seed%len(pairs)], fate: fate((seed%len(pairs) + seed/len(pairs)) % int(fates))}
	if r.IntN(2) == 0 {
		p.orders[0], p.orders[1] = p.orders[1], p.orders[0]
	}
	switch {
	case p.has(whileSettling) || p.has(afterWindow):
		p.kind = tallied
	default:
		p.kind = []kind{counted, counted, first}[r.IntN(3)]
	}
	p.strike = []stage{deferred, waiting, settling, closed}[r.IntN(4)]
	if p.strike >= settling && (p.has(inLastTask) || p.kind != tallied) {
		// What must be counted has to come before the scorer settles.
		p.strike = []stage{deferred, waiting}[r.IntN(2)]
	}
	p.ended, p.inRun = r.IntN(2) == 0, r.IntN(2) == 0
	p.down = p.has(beforeFirstTask) || r.IntN(4) == 0
	switch p.fate {
	case continues:
		p.deferAt = r.IntN(4)
	case retries:
		p.deferAt = r.IntN(2)
	}
	p.lost = []string{"", "", "", "expect", "receive", "settle"}[r.IntN(6)]
	for _, o := range p.orders {
		p.say(r, o)
	}
	return p
}

// say adds the outcomes of an order.
func (p *plan) say(r *rand.Rand, o order) {
	s := said{order: o, at: noDelivery, again: noDelivery, stamped: p.kind == tallied || p.kind == counted && r.IntN(2) == 0}
	switch o {
	case beforeDefer:
		s.at = starting
	case beforeFirstTask:
		s.at = deferred
	case beforeWait:
		s.at = expecting
	case whileSettling:
		s.at = settling
	case inLastTask:
		s.at = struck
	case afterWindow:
		s.at, s.stamped = []stage{settling, closed}[r.IntN(2)], false
	case twice:
		s.at = []stage{starting, expecting, waiting}[r.IntN(3)]
		s.again = waiting
	case twoIDs, noWorker:
		s.at = waiting
	}
	s.straddle = s.at <= deferred && r.IntN(2) == 0
	n := 1
	if o == twoIDs {
		n = 2
	}
	for range n {
		s.value = float64(int(1) << len(p.said))
		p.said = append(p.said, s)
	}
}

func (p plan) has(o order) bool { return slices.Contains(p.orders[:], o) }

func (p plan) String() string {
	return fmt.Sprintf("outcomes %s and %s; the parent %s (stage %d, deferring run %d); the scorer %s; lost reply %q",
		p.orders[0], p.orders[1], p.fate, p.strike, p.deferAt, p.kind, p.lost)
}

// trial is the input of the scorer.
type trial struct {
	Key    string
	Times  int
	Window time.Duration
}

const shortWindow = 300 * time.Millisecond

func (p plan) trial(key string) trial {
	switch p.kind {
	case first:
		return trial{key, 1, time.Hour}
	case tallied:
		return trial{key, 99, shortWindow}
	}
	return trial{key, len(p.said), time.Hour}
}

// enough is how many seeds bring each order together with each order and with each fate. After combinations of them, each
// pair of orders has met each fate.
const enough = 7 * int(orders*(orders+1)/2)

func TestPlansCoverAllPairs(t *testing.T) {
	t.Parallel()
	type triple struct {
		a, b order
		f    fate
	}
	triples, ordersMet, fatesMet := map[triple]bool{}, map[[2]order]bool{}, map[[2]int]bool{}
	for seed := range combinations {
		p := planOf(seed)
		require.Equal(t, p, planOf(seed))
		a, b := min(p.orders[0], p.orders[1]), max(p.orders[0], p.orders[1])
		triples[triple{a, b, p.fate}] = true
		if seed < enough {
			ordersMet[[2]order{a, b}] = true
			fatesMet[[2]int{int(a), int(p.fate)}], fatesMet[[2]int{int(b), int(p.fate)}] = true, true
		}
	}
	require.GreaterOrEqual(t, enough, 300)
	require.Len(t, ordersMet, len(pairs))
	require.Len(t, fatesMet, int(orders)*int(fates))
	require.Len(t, triples, combinations)
}
