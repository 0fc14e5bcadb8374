package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var (
	oneSeed = flag.Int("interleaving", -1, "play the interleaving of this seed only")
	seeds   = flag.Int("interleavings", enough, "how many interleavings to play")
)

const (
	lanes    = 24
	patience = harness.Patience // with one interleaving
)

// total is the scorer of the interleavings: the sum of the outcomes that it counted.
var total = verdict.NewScorer("total", "1", func(ctx workflow.Context, in trial) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.Times(in.Times, verdict.On("paid", in.Key)), verdict.Within(in.Window), verdict.ExpiresUnknown)
	if err != nil || len(got.Outcomes) == 0 {
		return got.Score(), err
	}
	sum := 0.0
	for _, o := range got.Outcomes {
		v, _ := o.Value.Float()
		sum += v
	}
	return scoring.Number("total", sum), nil
})

const endSignal = "end"

type parentInput struct {
	Key     string
	Trial   trial
	Fate    fate
	Index   int // of the run in a chain of continue-as-new
	DeferAt int
}

// report is what a parent says once it has called Defer.
type report struct {
	WorkflowID, RunID, FirstRunID string
	Scorer                        verdict.Deferred
}

// interleaved is the parent. Its local activities pass the gates of its interleaving, inside of its workflow tasks.
func interleaved(ctx workflow.Context, in parentInput) error {
	info := workflow.GetInfo(ctx)
	local := func(ctx workflow.Context, activity any, args ...any) error {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: time.Minute})
		return workflow.ExecuteLocalActivity(ctx, activity, args...).Get(ctx, nil)
	}
	var ended error
	index := in.Index
	if in.Fate == retries {
		index = int(info.Attempt) - 1
	}
	if index == in.DeferAt {
		if err := local(ctx, passBefore, in.Key); err != nil {
			return err
		}
		d := verdict.Defer(ctx, total, in.Trial)
		r := report{info.WorkflowExecution.ID, info.WorkflowExecution.RunID, info.FirstRunID, d}
		if err := local(ctx, reportDeferred, in.Key, r); err != nil {
			return err
		}
		s := workflow.NewSelector(ctx)
		s.AddReceive(workflow.GetSignalChannel(ctx, endSignal), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
		s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		s.Select(ctx)
		ended = ctx.Err()
		last, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		if err := local(last, passLast, in.Key); err != nil {
			return err
		}
	}
	switch {
	case in.Fate == fails:
		return temporal.NewNonRetryableApplicationError("no", "No", nil)
	case in.Fate == continues && in.Index < 3:
		in.Index++
		return workflow.NewContinueAsNewError(ctx, interleaved, in)
	case in.Fate == retries && info.Attempt == 1:
		return temporal.NewApplicationError("once more", "Again")
	}
	return ended
}

var allGates sync.Map // key → *gates, for the parents' local activities

func gatesOf(key string) (*gates, error) {
	g, ok := allGates.Load(key)
	if !ok {
		return nil, temporal.NewNonRetryableApplicationError("nobody plays "+key, "Unknown", nil)
	}
	return g.(*gates), nil
}

func passBefore(ctx context.Context, key string) error {
	g, err := gatesOf(key)
	if err == nil {
		g.before.pass(ctx)
	}
	return err
}

func passLast(ctx context.Context, key string) error {
	g, err := gatesOf(key)
	if err == nil {
		g.last.pass(ctx)
	}
	return err
}

func reportDeferred(_ context.Context, key string, r report) error {
	g, err := gatesOf(key)
	if err == nil {
		g.reports <- r
	}
	return err
}

// interleavings is where interleavings are played.
type interleavings struct {
	bench *harness.Bench
	store *gated
	lanes []*lane

	mu       sync.Mutex
	outcomes map[string]bool // id → it must be matched
}

func newInterleavings(t *testing.T, lanes int, m mutation) *interleavings {
	x := &interleavings{store: &gated{mutation: m}, outcomes: map[string]bool{}}
	x.bench = harness.New(t, func(s store.Store) store.Store { x.store.Store = s; return x.store })
	x.bench.StoreWorker()
	sticky := 100 * time.Millisecond // what a worker that is down had cached must not keep its scorers waiting
	for range lanes {
		queue := "lane-" + uuid.NewString()[:8]
		cfg := x.bench.Config(total)
		cfg.ScorerTaskQueue, cfg.Store = queue+"-scorers", x.store
		x.bench.Worker(queue, worker.Options{
			Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}, LocalActivityWorkerOnly: true,
		}, func(w worker.Worker) { w.RegisterWorkflow(interleaved) })
		l := &lane{bench: x.bench, userQueue: queue, startIt: func() func() {
			return x.bench.Worker(cfg.ScorerTaskQueue, worker.Options{
				Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}, LocalActivityWorkerOnly: true,
				StickyScheduleToStartTimeout: sticky,
			}, func(worker.Worker) {})
		}}
		x.lanes = append(x.lanes, l)
	}
	return x
}

// explore plays seeds and returns a violation that it met.
func (x *interleavings) explore(ctx context.Context, seeds []int, patience time.Duration) error {
	var next atomic.Int64
	var mu sync.Mutex
	var violation error
	var all sync.WaitGroup
	for _, l := range x.lanes {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(seeds) {
					return
				}
				if err := x.play(ctx, l, planOf(seeds[i]), patience); err != nil {
					mu.Lock()
					violation = errors.Join(violation, err)
					mu.Unlock()
					next.Store(int64(len(seeds))) // no further ones
				}
			}
		})
	}
	all.Wait()
	return violation
}

func (x *interleavings) play(ctx context.Context, l *lane, p plan, patience time.Duration) error {
	for timeout := 3 * time.Second; ; timeout *= 4 {
		err := x.playOnce(ctx, l, p, patience, timeout)
		if errors.Is(err, errTooSlow) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: seed %d: %s\nto repeat it: go test ./internal/e2e -run TestInterleavings -interleaving %d", err, p.seed, p, p.seed)
		}
		return nil
	}
}

func (x *interleavings) playOnce(ctx context.Context, l *lane, p plan, patience, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	y := newPlay(ctx, l, p, timeout)
	allGates.Store(y.key, y.gates)
	x.store.byKey.Store(y.key, y.gates)
	if err := y.perform(); err != nil {
		return err
	}
	return x.check(y)
}

// check compares what the store has with what there must be: one score, about the run that called Defer or the one that
// replaces it, with the value and the state that follow from what was said.
func (x *interleavings) check(y *play) error {
	records, err := x.store.Scores(y.ctx, store.Filter{Run: scoring.Run{WorkflowID: y.run.WorkflowID}})
	if err != nil {
		return err
	}
	if len(records) != 1 {
		return fmt.Errorf("%d scores, want 1: %+v", len(records), records)
	}
	r := records[0]
	values := y.expected()
	value, _ := r.Value.Float()
	switch {
	case r.Run.RunID != y.run.RunID:
		return fmt.Errorf("the score is about run %s, want %s", r.Run.RunID, y.run.RunID)
	case r.Name != "total" || r.Key != "total@1" || r.Source != scoring.FromScorer:
		return fmt.Errorf("not the score of the scorer: %+v", r)
	case len(values) == 0 && (r.State != scoring.Expired || r.Value.IsSet()):
		return fmt.Errorf("%s %s, want %s", r.State, r.Value, scoring.Expired)
	case len(values) > 0 && (r.State != scoring.Scored || !values[value]):
		return fmt.Errorf("%s %s, want %s with one of %v", r.State, r.Value, scoring.Scored, values)
	}
	return x.checkHistory(y)
}

// checkHistory looks for revisions and facts that must not be there.
func (x *interleavings) checkHistory(y *play) error {
	run := scoring.Run{WorkflowID: y.run.WorkflowID, RunID: y.run.RunID}
	history, err := x.store.Scores(y.ctx, store.Filter{Run: run, History: true, Superseded: true, Retracted: true})
	if err != nil {
		return err
	}
	replaced := y.fate == resetBefore || y.fate == resetAfter // then it has the revisions of the run that was reset away as well
	if !replaced && (len(history) != 2 || history[0].State != scoring.Pending || history[1].State == scoring.Pending) {
		return fmt.Errorf("not pending and then a score: %+v", history)
	}
	runs, err := x.store.Runs(y.ctx, store.RunFilter{Run: run})
	if err != nil {
		return err
	}
	if len(runs) != 1 || (!replaced && runs[0].FirstRunID != y.run.FirstRunID) {
		return fmt.Errorf("the chain's first run is %s, not in %+v", y.run.FirstRunID, runs)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, o := range y.outcomes {
		x.outcomes[o.ID] = y.kind != first && y.window.Place(y.outcomes[i].When()) == scoring.Inside
	}
	return nil
}

// expected returns the sums that are right. There is more than one only when several outcomes came at once and the
// first counts.
func (y *play) expected() map[float64]bool {
	sum := 0.0
	values := map[float64]bool{}
	earliest := y.batches + 1
	for i, o := range y.outcomes {
		if y.kind == tallied && y.window.Place(o.When()) != scoring.Inside {
			continue
		}
		sum += y.said[i].value
		earliest = min(earliest, y.batch[i])
	}
	if y.kind != first {
		if sum > 0 {
			values[sum] = true
		}
		return values
	}
	for i, s := range y.said {
		if y.batch[i] == earliest {
			values[s.value] = true
		}
	}
	return values
}

// checkLedger looks at what became of all outcomes.
func (x *interleavings) checkLedger(ctx context.Context) error {
	entries, err := x.store.Ledger(ctx, store.LedgerFilter{})
	if err != nil {
		return err
	}
	met := map[string]int{}
	for _, e := range entries {
		met[e.Outcome.ID]++
		if x.outcomes[e.Outcome.ID] && e.State != store.Matched {
			return fmt.Errorf("outcome %s is %s", e.Outcome.ID, e.State)
		}
	}
	for id := range x.outcomes {
		if met[id] != 1 {
			return fmt.Errorf("outcome %s is in the ledger %d times", id, met[id])
		}
	}
	return nil
}

// Whenever an outcome comes and whatever becomes of the run, there is exactly one score: about the right run, with the
// right value, in the right state.
//
// It is not parallel: it keeps the machine busy, and real time passes in other tests.
func TestInterleavings(t *testing.T) { //nolint:paralleltest // see above
	var all []int
	for seed := range *seeds {
		all = append(all, seed)
	}
	if *oneSeed >= 0 {
		all = []int{*oneSeed}
	}
	x := newInterleavings(t, min(lanes, len(all)), mutation{})
	began := time.Now()
	require.NoError(t, x.explore(t.Context(), all, patience))
	require.NoError(t, x.checkLedger(t.Context()))
	require.False(t, x.bench.Log.Contains("TMPRL1101"), "a scorer kept its worker busy")
	t.Logf("%d interleavings of %d outcomes in %s", len(all), len(x.outcomes), time.Since(began).Round(time.Millisecond))
}

// Without any one of the promises that the correlation rests on, interleavings that need it fail.
func TestInterleavingsNeedEveryPromise(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		without mutation
		needs   func(plan) bool
		how     string
	}{
		"an expectation is committed before outcomes are read": {
			mutation{expectReadsFirst: true},
			func(p plan) bool { return p.kind == counted && p.has(beforeWait) && !p.has(twice) }, "in vain",
		},
		"an outcome is committed before expectations are read": {
			mutation{receiveReadsFirst: true},
			func(p plan) bool { return p.kind == counted && p.said[0].straddle && !p.has(twice) }, "in vain",
		},
		"an outcome that was seen is not counted again": {
			mutation{forgetsSeen: true},
			func(p plan) bool { return p.kind == counted && p.orders[0] == twice && p.said[0].at == starting }, "scored",
		},
		"a settlement looks for what its scorer has not seen": {
			mutation{settlesBlindly: true},
			func(p plan) bool { return p.orders[0] == whileSettling }, "want scored",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var chosen []int
			for seed := 0; len(chosen) < 3; seed++ {
				if p := planOf(seed); p.fate == completes && p.lost == "" && c.needs(p) {
					chosen = append(chosen, seed)
				}
			}
			x := newInterleavings(t, len(chosen), mutation{})
			began := time.Now()
			require.NoError(t, x.explore(t.Context(), chosen, patience))
			whole := time.Since(began)
			var err error
			for limit := min(10*time.Second+5*whole, time.Minute); ; limit *= 3 { // what waits so much longer waits in vain, or the machine is busy
				err = newInterleavings(t, len(chosen), c.without).explore(t.Context(), chosen, min(limit, patience))
				if err == nil || strings.Contains(err.Error(), c.how) || limit > patience {
					break
				}
			}
			require.ErrorContains(t, err, c.how)
			t.Log(err)
		})
	}
}
