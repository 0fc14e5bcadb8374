package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

// moment is when an outcome reaches the store, in the life of a declared scorer.
type moment int

const (
	uncalled   moment = iota // before the call of Defer
	keeping                  // the call's write is under way, and not committed
	atKeep                   // with that commit, at once
	keptNow                  // it is committed, and the call has not returned
	opened                   // the run waits
	flushing                 // the flush is under way, and not committed
	atFlush                  // with that commit, at once
	flushedNow               // it is committed, and the last task is in flight
	over                     // the run has closed
	windowOver               // the window has ended; what happened inside arrives in time
	atClose                  // with the closer, at once
	afterClose               // after the closer, carried: it had arrived in time
	unheeded                 // it happened inside and arrives too late
	outside                  // it happened after the window: in its grace, if it has one
	oneIDTwice               // at once and again
	twoIDsOfIt               // the same event
	storeAway                // the store refuses it for a while
	moments
)

func (m moment) String() string {
	return [...]string{
		"before Defer", "before the call is kept", "with the keeping of the call", "before the call returns", "while the run waits",
		"before the flush", "with the flush", "in the last task", "after the run", "after the window, in time", "with the closer",
		"after the closer, in time", "too late", "after the window", "twice", "with two ids", "while the store is away",
	}[m]
}

// isRefused is the fate of a run whose workflow task the server refuses: it defers for another key at the same place.
const isRefused = fates

func (p life) fateName() string {
	if p.fate == isRefused {
		return "has a refused task"
	}
	return p.fate.String()
}

// lifeRule is what the scorer needs.
type lifeRule string

const (
	oneOfAny lifeRule = "any"
	allOf    lifeRule = "all of two"
	twoTimes lifeRule = "two times"
)

// rivalKind is another run that waits for the same with a scorer of the same name. It started first.
type rivalKind string

const (
	noRival       rivalKind = ""
	declaredRival rivalKind = "declared"
	childRival    rivalKind = "a workflow"
)

// told is an outcome of a life.
type told struct {
	moment  moment
	at      moment // the stage, or the race, in which it comes
	again   moment // when it comes once more; moments: never
	shipped bool   // the other event
	after   int    // its place in the order in which things happened
	carried bool   // by Temporal, and not by a receiver that has the store
}

// life is what happens to a declared scorer and its run. It follows from its seed.
type life struct {
	seed        int
	moments     [2]moment
	fate        fate
	rule        lifeRule
	attribution scoring.Attribution
	rival       rivalKind
	grace       bool
	atEnd       bool
	ends        moment    // the stage by which the window has ended; moments: never
	away        [2]moment // the store takes no writes of the run from one stage up to another
	lost        string    // the call whose first reply is lost
	ended       bool      // a reset is of a run that has ended
	deferAt     int       // which run of a chain defers
	told        []told
}

// momentPairs are the unordered pairs of moments.
var momentPairs = func() (all [][2]moment) {
	for a := range moments {
		for b := a; b < moments; b++ {
			all = append(all, [2]moment{a, b})
		}
	}
	return all
}()

const lifeFates = int(fates) + 1

// lifeOf returns the life of a seed. Each pair of moments comes once in as many seeds as there are pairs, and with each fate
// in that many times the number of fates.
func lifeOf(seed int) life {
	r := rand.New(rand.NewPCG(uint64(seed), 5))
	pair, round := seed%len(momentPairs), seed/len(momentPairs)
	p := life{seed: seed, moments: momentPairs[pair], ends: moments}
	p.fate = fate((int(p.moments[0]+p.moments[1]) + round) % lifeFates)
	p.rule = []lifeRule{oneOfAny, allOf, twoTimes}[r.IntN(3)]
	p.attribution = []scoring.Attribution{scoring.AttributeAll, scoring.AttributeLast, scoring.AttributeFirst}[r.IntN(3)]
	p.rival = []rivalKind{noRival, noRival, declaredRival, childRival}[r.IntN(4)]
	p.grace, p.ended = r.IntN(3) == 0, r.IntN(2) == 0
	switch p.fate {
	case continues:
		p.deferAt = r.IntN(4)
	case retries:
		p.deferAt = r.IntN(2)
	}
	if p.late() || r.IntN(2) == 0 {
		p.ends = []moment{keeping, opened, flushing, over}[r.IntN(4)]
	}
	p.atEnd = p.flushes() && !p.has(keeping, atKeep, keptNow) && r.IntN(3) == 0
	switch r.IntN(4) {
	case 0:
		if !p.atEnd && !p.has(keeping, atKeep, keptNow) && p.fate != isRefused {
			p.away = [2]moment{keeping, []moment{opened, over}[r.IntN(2)]}
		}
	case 1:
		if p.flushes() && !p.has(flushing, atFlush, flushedNow) && p.fate != isRefused {
			p.away = [2]moment{flushing, over}
		}
	}
	if p.away[1] == over && p.has(flushing, atFlush, flushedNow) { // its gates hold what the store takes
		p.away[1] = opened
	}
	p.lost = []string{"", "", "expect", "flush", "receive"}[r.IntN(5)]
	for _, m := range p.moments {
		p.tell(r, m)
	}
	for i, place := range r.Perm(len(p.told)) {
		p.told[i].after = place
	}
	if p.rule == allOf {
		p.told[len(p.told)-1].shipped = true
	}
	return p
}

func (p *life) tell(r *rand.Rand, m moment) {
	t := told{moment: m, at: m, again: moments, carried: r.IntN(2) == 0 || p.rival == childRival}
	n := 1
	switch m {
	case unheeded, outside:
		t.at = afterClose
	case oneIDTwice:
		t.at, t.again = []moment{uncalled, opened}[r.IntN(2)], []moment{opened, over}[r.IntN(2)]
	case twoIDsOfIt:
		t.at, n = []moment{uncalled, opened, over}[r.IntN(3)], 2
	case storeAway:
		t.at = []moment{uncalled, opened, over}[r.IntN(3)]
	}
	for range n {
		p.told = append(p.told, t)
	}
}

func (p life) has(any ...moment) bool {
	return slices.Contains(any, p.moments[0]) || slices.Contains(any, p.moments[1])
}

// late tells whether something comes after the window's end.
func (p life) late() bool { return p.has(windowOver, atClose, afterClose, unheeded, outside) }

// flushes tells whether the run says at its end what it waits for.
func (p life) flushes() bool { return p.fate != isTerminated && p.fate != timesOut }

func (p life) String() string {
	return fmt.Sprintf("outcomes %s and %s; the run %s (ended %v, deferring run %d, at end %v); it needs %s, attribution %s, rival %q, grace %v; the window ends at %d; "+
		"the store is away %v; lost reply %q", p.moments[0], p.moments[1], p.fateName(), p.ended, p.deferAt, p.atEnd, p.rule, p.attribution, p.rival, p.grace, p.ends, p.away, p.lost)
}

func TestLivesCoverAllPairs(t *testing.T) {
	t.Parallel()
	type triple struct {
		a, b moment
		f    fate
	}
	triples, withFate := map[triple]bool{}, map[[2]int]bool{}
	factors := map[string]int{}
	for seed := range len(momentPairs) * lifeFates {
		p := lifeOf(seed)
		require.Equal(t, p, lifeOf(seed))
		triples[triple{p.moments[0], p.moments[1], p.fate}] = true
		if seed < len(momentPairs) { // what is played on one store
			for _, m := range p.moments {
				withFate[[2]int{int(m), int(p.fate)}] = true
			}
			for _, factor := range []any{p.rule, p.attribution, p.rival, p.grace, p.atEnd, p.ends, p.away, "lost " + p.lost} {
				factors[fmt.Sprintf("%T %v", factor, factor)]++
			}
		}
	}
	require.Len(t, triples, len(momentPairs)*lifeFates)
	require.Len(t, withFate, int(moments)*lifeFates)
	for factor, n := range factors {
		require.GreaterOrEqual(t, n, 2, factor)
	}
}
