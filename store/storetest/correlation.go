package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Correlation plays scorers and deliveries against a store without a server, in one random interleaving for each seed
// from first to last, and checks of each that every scorer made exactly one score, about its run, in the right state,
// whose value shows that each outcome that counted was counted once. The seed of a failure is printed, and playing it
// again does the same. The store may have other contents.
func Correlation(t *testing.T, s store.Store, first, last int) {
	t.Helper()
	if seed, err := explore(t.Context(), s, first, last, mutation{}); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
}

// mutation takes a part of a scorer away, to show that the check misses it.
type mutation struct {
	forgetsSeen bool // counts outcomes again that it has counted
}

// explore plays seeds and returns a violation that it met, with its seed.
func explore(ctx context.Context, s store.Store, first, last int, m mutation) (failed int, violation error) {
	var next atomic.Int64
	next.Store(int64(first) - 1)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range 16 * runtime.GOMAXPROCS(0) { // many, so that writes share transactions
		workers.Go(func() {
			for {
				seed := int(next.Add(1))
				if seed > last {
					return
				}
				if err := play(ctx, s, seed, m); err != nil {
					mu.Lock()
					failed, violation = seed, err
					mu.Unlock()
					next.Store(int64(last)) // no further ones
				}
			}
		})
	}
	workers.Wait()
	return failed, violation
}

// world is one interleaving. Its scorers and deliveries are small state machines, and a seed decides who moves next.
type world struct {
	ctx        context.Context
	store      store.Store
	rand       *rand.Rand
	mutation   mutation
	outcomes   []scoring.Outcome
	worth      map[string]float64 // of an outcome by id: a power of two, so that a sum shows its parts
	received   map[string]bool    // ids that the store has committed
	scorers    []*scorer
	deliveries []*delivery
}

// phase is where a scorer is.
type phase int

const (
	starting phase = iota
	waiting
	settling
	gracing // settled, and listens for late outcomes
	closed
)

type scorer struct {
	expectation scoring.Expectation
	need        int // how many outcomes it waits for; 0: all until the window ends
	phase       phase
	inbox       []scoring.Outcome
	seen        []string
	counted     []scoring.Outcome
	settled     bool
	truth       float64 // the sum of the outcomes that the store had committed for it when it first settled
}

type delivery struct {
	outcome scoring.Outcome
	left    int                   // how often it is still delivered
	signals []scoring.Expectation // still to send
}

// play plays one seed.
func play(ctx context.Context, s store.Store, seed int, m mutation) error {
	w := newWorld(ctx, s, seed, m)
	for {
		moves := w.moves()
		if len(moves) == 0 {
			break
		}
		if err := moves[w.rand.IntN(len(moves))](); err != nil {
			return err
		}
	}
	// All signals are out. Only now does the window end for scorers that wait for a number of outcomes: one that could
	// have had all of them must not still wait.
	for _, sc := range w.scorers {
		if sc.phase == waiting && sc.need > 0 && w.countable(sc, nil) >= sc.need {
			return fmt.Errorf("%s still waits for %d outcomes, and the store has %d for it", sc.expectation.ScorerRun, sc.need, w.countable(sc, nil))
		}
		for sc.phase == waiting || sc.phase == settling {
			if err := w.settle(sc); err != nil {
				return err
			}
		}
		if err := w.check(sc); err != nil {
			return err
		}
	}
	return nil
}

func newWorld(ctx context.Context, s store.Store, seed int, m mutation) *world {
	w := &world{
		ctx: ctx, store: s, rand: rand.New(rand.NewPCG(uint64(seed), 1)), mutation: m,
		worth: make(map[string]float64), received: make(map[string]bool),
	}
	paid, refunded, key := "paid", "refunded", fresh("seed")
	write := func() string { return key }
	if spelling := rand.New(rand.NewPCG(uint64(seed), 2)); spelling.IntN(3) == 0 {
		// The source ignores case, and each writer of a key has its own spelling.
		paid, refunded, key = "pull_request.merged", "pull_request.closed", "Acme/"+key+"#7"
		write = func() string {
			return []string{key, strings.ToLower(key), strings.ToUpper(key)}[spelling.IntN(3)]
		}
	}
	for range 1 + w.rand.IntN(2) {
		sc := &scorer{expectation: expectation(freshRun(), key)}
		sc.expectation.Events = []scoring.Event{{Name: paid, Key: write()}}
		switch w.rand.IntN(3) {
		case 0:
			sc.need = 1 + w.rand.IntN(2)
		case 1:
			sc.expectation.Window.Grace = 10 * time.Minute
		}
		if w.rand.IntN(3) == 0 {
			sc.expectation.Events = append(sc.expectation.Events, scoring.Event{Name: refunded, Key: write()})
		}
		w.scorers = append(w.scorers, sc)
	}
	for i := range 1 + w.rand.IntN(4) {
		// Inside the window mostly; in its grace, after it and before it now and then.
		o := outcome(fmt.Sprintf("%s-o%d", key, i), write(), []int{1, 2, 30, 59, 65, 80, -5}[w.rand.IntN(7)])
		o.Name = paid
		if w.rand.IntN(4) == 0 {
			o.Name = refunded
		}
		w.outcomes = append(w.outcomes, o)
		w.worth[o.ID] = float64(int(1) << i)
		for range 1 + w.rand.IntN(2) { // by one or two deliverers at a time
			w.deliveries = append(w.deliveries, &delivery{outcome: o, left: 1 + w.rand.IntN(2)})
		}
	}
	return w
}

// moves returns what can happen next.
func (w *world) moves() []func() error {
	var moves []func() error
	for _, sc := range w.scorers {
		switch {
		case sc.phase == starting:
			moves = append(moves, func() error { return w.expect(sc) })
		case sc.phase == settling:
			moves = append(moves, func() error { return w.settle(sc) })
		case sc.phase == waiting && sc.need == 0:
			moves = append(moves, func() error { return w.ring(sc) })
		}
		if len(sc.inbox) > 0 && sc.phase != closed {
			moves = append(moves, func() error { return w.listen(sc) })
		}
	}
	for _, d := range w.deliveries {
		switch {
		case len(d.signals) > 0:
			moves = append(moves, func() error { return w.signal(d) })
		case d.left > 0:
			moves = append(moves, func() error { return w.deliver(d) })
		}
	}
	return moves
}

// expect is a scorer's first task. Its worker may die before the answer is taken, and then asks again.
func (w *world) expect(sc *scorer) error {
	found, err := w.store.Expect(w.ctx, sc.expectation)
	if err != nil || w.rand.IntN(5) == 0 {
		return err
	}
	sc.phase = waiting
	w.take(sc, found)
	return nil
}

// deliver commits an outcome. Its worker may die before it signals anyone, and then delivers again.
func (w *world) deliver(d *delivery) error {
	receipt, err := w.store.Receive(w.ctx, d.outcome)
	if err != nil {
		return err
	}
	if receipt.Duplicate != w.received[d.outcome.ID] {
		return fmt.Errorf("%s: duplicate is %t", d.outcome.ID, receipt.Duplicate)
	}
	w.received[d.outcome.ID] = true
	if w.rand.IntN(5) == 0 {
		return nil
	}
	d.left--
	d.signals = receipt.Waiting
	return nil
}

// signal signals one scorer. A closed scorer gets no signal.
func (w *world) signal(d *delivery) error {
	to := d.signals[0].ScorerRun
	d.signals = d.signals[1:]
	for _, sc := range w.scorers {
		if sc.expectation.ScorerRun == to && sc.phase != closed {
			sc.inbox = append(sc.inbox, sc.expectation.Told(d.outcome))
		}
	}
	return nil
}

func (w *world) listen(sc *scorer) error {
	o := sc.inbox[0]
	sc.inbox = sc.inbox[1:]
	w.take(sc, []scoring.Outcome{o})
	return nil
}

// take counts outcomes, and returns the scorer's next action.
func (w *world) take(sc *scorer, outcomes []scoring.Outcome) {
	for _, o := range outcomes {
		if sc.has(o.ID) && !w.mutation.forgetsSeen {
			continue
		}
		sc.seen = append(sc.seen, o.ID)
		if slices.Contains(sc.expectation.Events, o.Event()) { // it knows only its own spelling of a key
			sc.counted = append(sc.counted, o)
		}
	}
	if sc.phase == gracing && len(outcomes) > 0 || sc.phase == waiting && sc.need > 0 && len(sc.counted) >= sc.need {
		sc.phase = settling
	}
}

func (sc *scorer) has(id string) bool {
	for _, s := range sc.seen {
		if s == id {
			return true
		}
	}
	return false
}

// ring ends a scorer's window.
func (w *world) ring(sc *scorer) error {
	sc.phase = settling
	return nil
}

// settle tries to close a scorer with the sum of its outcomes. Its worker may die after it has succeeded, and then
// settles again.
func (w *world) settle(sc *scorer) error {
	score := scoring.Number("paid", 0)
	for _, o := range sc.counted {
		v, _ := score.Value.Float()
		score = scoring.Number("paid", v+w.worth[o.ID])
	}
	if len(sc.counted) == 0 {
		score = scoring.Expire("paid")
	}
	score.Key = "paid@v1"
	unseen, err := w.store.Settle(w.ctx, settlement(sc.expectation, sc.seen, fromScorer(sc.expectation.Run, score, 60)))
	if err != nil {
		return err
	}
	if len(unseen) > 0 {
		w.take(sc, unseen)
		sc.phase = settling
		return nil
	}
	if !sc.settled {
		sc.settled = true
		w.countable(sc, func(o scoring.Outcome) { sc.truth += w.worth[o.ID] })
	}
	switch {
	case w.rand.IntN(5) == 0:
		sc.phase = settling // again
	case sc.expectation.Window.Grace > 0:
		sc.phase = gracing
	default:
		sc.phase = closed
	}
	return nil
}

// countable returns how many of the outcomes that the store has committed a scorer must count; each is passed to f.
func (w *world) countable(sc *scorer, f func(scoring.Outcome)) int {
	n := 0
	for _, o := range w.outcomes {
		if !w.received[o.ID] || !sc.admits(o) {
			continue
		}
		n++
		if f != nil {
			f(o)
		}
	}
	return n
}

func (sc *scorer) admits(o scoring.Outcome) bool {
	place := sc.expectation.Window.Place(o.When())
	if place != scoring.Inside && place != scoring.InGrace {
		return false
	}
	return slices.ContainsFunc(sc.expectation.Events, o.Event().Same)
}

// check compares the one score of a scorer with the truth: the outcomes that the store had committed when it let the
// scorer settle, or, for a scorer that listened to the end of its grace, all outcomes.
func (w *world) check(sc *scorer) error {
	truth := sc.truth
	if sc.expectation.Window.Grace > 0 {
		truth = 0
		w.countable(sc, func(o scoring.Outcome) { truth += w.worth[o.ID] })
	}
	records, err := w.store.Scores(w.ctx, store.Filter{Run: sc.expectation.Run})
	if err != nil {
		return err
	}
	if len(records) != 1 {
		return fmt.Errorf("%s has %d scores: %+v", sc.expectation.Run, len(records), records)
	}
	r := records[0]
	want := scoring.Scored
	if truth == 0 {
		want = scoring.Expired
	}
	if got, _ := r.Value.Float(); r.State != want || got != truth {
		return fmt.Errorf("%s is %s with outcomes %b, not %s with %b", sc.expectation.Run, r.State, int(got), want, int(truth))
	}
	return nil
}
