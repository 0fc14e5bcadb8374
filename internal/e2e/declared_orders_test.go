package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// lifeInput is the input of the scorer.
type lifeInput struct {
	Key            string
	Rule           lifeRule
	Attribution    scoring.Attribution
	Since, Until   time.Time
	Grace          time.Duration
	Allowance      time.Duration
	AtEnd, Refused bool
}

func (in lifeInput) condition() verdict.Condition {
	paid := verdict.On("paid", in.Key)
	switch in.Rule {
	case allOf:
		return verdict.AllOf(paid, verdict.On("shipped", in.Key))
	case twoTimes:
		return verdict.Times(2, paid)
	}
	return verdict.AnyOf(paid, verdict.On("shipped", in.Key))
}

func (in lifeInput) window() verdict.Window {
	return verdict.Until(in.Until).Since(in.Since).Grace(in.Grace).Attribute(in.Attribution)
}

// lifeScorer and the workflow of the same name wait for the same.
var (
	lifeScorer = verdict.NewOutcomeScorer("lived", "1", func(in lifeInput) verdict.Wait {
		return verdict.Wait{For: in.condition(), Window: in.window(), End: verdict.ExpiresUnknown, Allowance: in.Allowance}
	})
	lifeChild = verdict.NewScorer("lived", "1", func(ctx workflow.Context, in lifeInput) (scoring.Score, error) {
		got, err := verdict.Await(ctx, in.condition(), in.window(), verdict.ExpiresUnknown)
		return got.Score(), err
	})
)

// lifeRun is the input of a run.
type lifeRun struct {
	Key     string
	Fate    fate
	Index   int // in a chain of continue-as-new
	DeferAt int
}

var allLives sync.Map // key → *living, for the runs' local activities

// lived is the run.
func lived(ctx workflow.Context, in lifeRun) error {
	info := workflow.GetInfo(ctx)
	local := func(activity any, args ...any) workflow.Future {
		ctx := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: 2 * time.Minute})
		return workflow.ExecuteLocalActivity(ctx, activity, args...)
	}
	var end error
	index := in.Index
	if in.Fate == retries {
		index = int(info.Attempt) - 1
	}
	if index == in.DeferAt {
		var to lifeInput
		who := report{WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID, FirstRunID: info.FirstRunID}
		if err := local(calledNow, in.Key, who).Get(ctx, &to); err != nil {
			return err
		}
		if to.Refused && !workflow.GetSignalChannel(ctx, "another").ReceiveAsync(nil) {
			to.Key = phantomOf(to.Key)
		}
		var opts []verdict.DeferOption
		if to.AtEnd {
			opts = append(opts, verdict.AtEnd())
		}
		if d := verdict.Defer(ctx, lifeScorer, to, opts...); d.Err() != nil {
			return d.Err()
		}
		if to.Refused {
			verdict.Flush(ctx, "half")
			return local(heldNow, in.Key).Get(ctx, nil)
		}
		s := workflow.NewSelector(ctx)
		s.AddReceive(workflow.GetSignalChannel(ctx, endSignal), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
		s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		s.Select(ctx)
		end = ctx.Err()
	}
	switch {
	case in.Fate == fails:
		return temporal.NewNonRetryableApplicationError("no", "No", nil)
	case in.Fate == continues && in.Index < 3:
		in.Index++
		return workflow.NewContinueAsNewError(ctx, "lived", in)
	case in.Fate == retries && info.Attempt == 1:
		return temporal.NewApplicationError("once more", "Again")
	}
	return end
}

// rival is another run that waits for the same.
func rival(s *verdict.Scorer[lifeInput]) func(workflow.Context, lifeInput) error {
	return func(ctx workflow.Context, in lifeInput) error { return verdict.Defer(ctx, s, in).Err() }
}

func lifeFor(key string) (*living, error) {
	y, ok := allLives.Load(key)
	if !ok {
		return nil, temporal.NewNonRetryableApplicationError("nobody lives "+key, "Unknown", nil)
	}
	return y.(*living), nil
}

func calledNow(ctx context.Context, key string, who report) (lifeInput, error) {
	y, err := lifeFor(key)
	if err != nil {
		return lifeInput{}, err
	}
	y.runs <- who
	y.called.pass(ctx)
	return y.input, ctx.Err()
}

func heldNow(ctx context.Context, key string) error {
	y, err := lifeFor(key)
	if err == nil {
		y.held.pass(ctx)
	}
	return err
}

// lifeLane is where lives are played one after another. It has a store of its own, so that only its own closer closes.
type lifeLane struct {
	bench  *harness.Bench
	store  *livingStore
	child  string // the task queue of the rival that is a workflow
	played []*living
}

func newLifeLane(t *testing.T, open func(*testing.T) store.Store, own bool) *lifeLane {
	l := &lifeLane{store: &livingStore{}, child: "child-" + uuid.NewString()[:8]}
	l.bench = harness.New(t, func(store.Store) store.Store { l.store.Store = open(t); return l.store })
	l.bench.StoreWorker()
	cfg := l.bench.Config(lifeScorer)
	if own {
		cfg.Store = l.store
	}
	l.bench.Worker(l.bench.Queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}, LocalActivityWorkerOnly: true}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(lived, workflow.RegisterOptions{Name: "lived"})
		w.RegisterWorkflowWithOptions(rival(lifeScorer), workflow.RegisterOptions{Name: "rival"})
	})
	cfg = l.bench.Config(lifeChild)
	l.bench.Worker(l.child, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}, LocalActivityWorkerOnly: true}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(rival(lifeChild), workflow.RegisterOptions{Name: "rival"})
	})
	return l
}

func (l *lifeLane) rivalQueue(kind rivalKind) string {
	if kind == childRival {
		return l.child
	}
	return l.bench.Queue
}

func (l *lifeLane) close() error {
	_, err := l.store.CloseDue(context.Background())
	return err
}

func (l *lifeLane) play(ctx context.Context, p life) error {
	for timeout := 3 * time.Second; ; timeout *= 4 {
		limited, cancel := context.WithTimeout(ctx, patience)
		y := newLiving(limited, l, p, timeout)
		allLives.Store(y.key, y)
		l.store.byKey.Store(y.key, y)
		err := y.lives()
		if err == nil {
			err = eventually(limited, y.check)
		}
		cancel()
		if errors.Is(err, errTooSlow) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: seed %d: %s\nto repeat it: go test ./internal/e2e -run TestDeclaredOrders -interleaving %d", err, p.seed, p, p.seed)
		}
		l.played = append(l.played, y)
		return nil
	}
}

func (y *living) scores(run scoring.Run) ([]scoring.Record, error) {
	return y.lane.store.Scores(context.Background(), store.Filter{Run: run})
}

// check compares what the store has with what there must be.
func (y *living) check() error {
	if y.late() || y.ends < moments {
		y.untilEnded()
	}
	for _, derived := range []bool{true, false} { // from what the closer has not written yet, and from its rows
		if err := errors.Join(y.checkScore(), y.checkRival()); err != nil {
			return fmt.Errorf("derived %v: %w", derived, err)
		}
		if err := y.lane.close(); err != nil {
			return err
		}
	}
	return errors.Join(y.checkHistory(), y.checkLedger())
}

// mine tells whether an outcome is attributed to the run, and counted whether it came in time for it.
func (y *living) mine() bool { return y.rival == noRival || y.attribution != scoring.AttributeFirst }

func (y *living) counted(o scoring.Outcome) bool {
	until, received := y.input.Until, y.input.Until.Add(allowance)
	if y.grace {
		until, received = until.Add(graceOfOne), until.Add(graceOfOne)
	}
	return o.When().Before(until) && o.ReceivedAt.Before(received)
}

// expected is the score: the value of the outcome that, in the order in which they happened, meets the rule; else what the
// window's end means, or that it is open.
func (y *living) expected() string {
	var all []scoring.Outcome
	for _, o := range y.outcomes {
		if y.mine() && y.counted(o) {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b scoring.Outcome) int { return a.ObservedAt.Compare(b.ObservedAt) })
	paid, shipped := 0, 0
	for _, o := range all {
		if o.Name == "shipped" {
			shipped++
		} else {
			paid++
		}
		if y.rule == oneOfAny || y.rule == allOf && paid > 0 && shipped > 0 || y.rule == twoTimes && paid == 2 && o.Name == "paid" {
			return o.Value.String()
		}
	}
	if y.ends < moments {
		return string(scoring.Expired)
	}
	return string(scoring.Pending)
}

func saidBy(r scoring.Record) string {
	if r.Value.IsSet() {
		return r.Value.String()
	}
	return string(r.State)
}

func (y *living) checkScore() error {
	records, err := y.scores(scoring.Run{WorkflowID: y.run.WorkflowID})
	if err != nil {
		return err
	}
	if len(records) != 1 {
		return fmt.Errorf("%d scores, want 1: %+v", len(records), records)
	}
	r, want := records[0], y.expected()
	switch {
	case r.Run.RunID != y.run.RunID:
		return fmt.Errorf("the score is about run %s, want %s", r.Run.RunID, y.run.RunID)
	case r.Key != "lived@1" || r.Source != scoring.FromScorer:
		return fmt.Errorf("not the score of the scorer: %+v", r)
	case saidBy(r) != want:
		return fmt.Errorf("it says %s, want %s", saidBy(r), want)
	}
	return nil
}

// checkRival looks at the run that waits for the same.
func (y *living) checkRival() error {
	if y.rival == noRival {
		return nil
	}
	records, err := y.scores(scoring.Run{WorkflowID: y.rivalRun.GetID()})
	if err != nil {
		return err
	}
	if len(records) != 1 {
		return fmt.Errorf("%d scores of the rival, want 1: %+v", len(records), records)
	}
	open := records[0].State == scoring.Pending
	if met := y.rivalMet(); met == open {
		return fmt.Errorf("the rival says %s, it is met: %v", saidBy(records[0]), met)
	}
	return nil
}

// rivalMet tells whether the rival, whose window is long and who has all outcomes, is met.
func (y *living) rivalMet() bool {
	other := living{life: y.life, input: y.input, outcomes: y.outcomes}
	other.rival, other.ends, other.grace = noRival, moments, false
	other.input.Until = y.input.Since.Add(longLife)
	return other.expected() != string(scoring.Pending)
}

// checkHistory looks for revisions that say the same twice, and for ones that are not withdrawn.
func (y *living) checkHistory() error {
	run := scoring.Run{WorkflowID: y.run.WorkflowID, RunID: y.run.RunID}
	history, err := y.lane.store.Scores(context.Background(), store.Filter{Run: run, History: true, Superseded: true, Retracted: true})
	if err != nil {
		return err
	}
	for i, r := range history {
		if i > 0 && !r.Retracted && !history[i-1].Retracted && saidBy(r) == saidBy(history[i-1]) && r.ObservedAt.Equal(history[i-1].ObservedAt) {
			return fmt.Errorf("the same is said twice: %+v", history)
		}
	}
	return nil
}

// checkLedger looks at what became of the outcomes: each is there once, and counts if it came in time.
func (y *living) checkLedger() error {
	entries, err := y.lane.store.Ledger(context.Background(), store.LedgerFilter{})
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for _, e := range entries {
		if seen[e.Outcome.ID]++; e.Outcome.ID == y.phantom && e.State != store.Unclaimed {
			return fmt.Errorf("the outcome of a withdrawn expectation is %s", e.State)
		}
		for i, o := range y.outcomes {
			if o.ID != e.Outcome.ID {
				continue
			}
			claimed := y.mine() && y.counted(o) || y.rival == declaredRival
			settled := !claimed && y.rival == childRival // by the rival, perhaps, which counts what comes until then
			if claimed != (e.State == store.Matched) && !settled {
				return fmt.Errorf("outcome %s (%s) is %s", o.ID, y.told[i].moment, e.State)
			}
		}
	}
	for _, o := range y.outcomes {
		if seen[o.ID] != 1 {
			return fmt.Errorf("outcome %s is in the ledger %d times", o.ID, seen[o.ID])
		}
	}
	return nil
}

// Whenever outcomes come in the life of a declared scorer and whatever becomes of its run, there is exactly one score: about the
// right run and of the right value, the same before the closer has run and after it.
//
// It is not parallel: it keeps the machine busy, and real time passes in other tests.
func TestDeclaredOrders(t *testing.T) { //nolint:paralleltest // see above
	const lanes = 10 // of each store
	var each []int
	for seed := range min(*seeds, len(momentPairs)) {
		each = append(each, seed)
	}
	if *seeds > enough {
		each = each[:0]
		for seed := range *seeds {
			each = append(each, seed)
		}
	}
	began := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	var violations []error
	var everywhere []*lifeLane
	for i, kind := range []string{"SQLite", "Postgres"} {
		seeds := slices.Clone(each)
		for n := range seeds {
			seeds[n] += i * len(momentPairs) // other fates
		}
		if *oneSeed >= 0 {
			seeds = []int{*oneSeed}
		}
		var next atomic.Int64
		for n := range min(lanes, len(seeds)) {
			l := newLifeLane(t, stores[kind], n%2 == 0)
			everywhere = append(everywhere, l)
			all.Go(func() {
				for {
					i := int(next.Add(1)) - 1
					if i >= len(seeds) {
						return
					}
					if err := l.play(t.Context(), lifeOf(seeds[i])); err != nil {
						mu.Lock()
						violations = append(violations, fmt.Errorf("%s: %w", kind, err))
						mu.Unlock()
						next.Store(int64(len(seeds))) // no further ones
					}
				}
			})
		}
	}
	all.Wait()
	require.NoError(t, errors.Join(violations...))
	played, outcomes := 0, 0
	for _, l := range everywhere {
		for _, y := range l.played { // nothing has come after all
			require.NoError(t, y.check(), "seed %d: %s", y.seed, y.life)
			played, outcomes = played+1, outcomes+len(y.outcomes)
		}
		require.False(t, l.bench.Log.Contains("TMPRL1101"), "a run kept its worker busy")
	}
	t.Logf("%d lives with %d outcomes in %s", played, outcomes, time.Since(began).Round(time.Millisecond))
}
