package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// managed is an experiment that a workflow manages, on a bench.
type managed struct {
	*harness.Bench
	exp           *experiments.Experiment
	name, version string
}

func manage(b *harness.Bench, d experiments.Definition) *managed {
	d.Name, d.Version = "managed-"+b.Queue, "1"
	exp, err := experiments.New(d)
	require.NoError(b.T, err)
	return &managed{b, exp, d.Name, d.Version}
}

var twoArms = experiments.Definition{
	Control: "a", Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}},
	Primary: experiments.Metric{Name: "good", Type: experiments.Boolean},
}

func (c *managed) start(p rollout.Policy) (rollout.Revision, error) {
	return c.Verdict.StartExperiment(c.T.Context(), c.exp.Definition(), p, rollout.Change{ID: "start", Who: "ada"})
}

func (c *managed) change(action rollout.Action, id string, change rollout.Change) (rollout.Revision, error) {
	change.Who = "ada"
	change.ID = id
	return c.Verdict.ChangeExperiment(c.T.Context(), c.name, c.version, action, change)
}

func (c *managed) must(action rollout.Action, change rollout.Change) rollout.Revision {
	c.T.Helper()
	r, err := c.change(action, "", change)
	require.NoError(c.T, err)
	return r
}

// read asks again when the server had sent the query to a worker that is no more.
func (c *managed) read() (state rollout.State) {
	c.T.Helper()
	c.Eventually(func() (err error) {
		state, err = c.Verdict.ExperimentStatus(c.T.Context(), c.name, c.version)
		return err
	})
	return state
}

// runs returns the runs of its workflow's chain, oldest first.
func (c *managed) runs() []client.WorkflowRun {
	c.T.Helper()
	id := activities.ExperimentID(c.name, c.version)
	var all []client.WorkflowRun
	for runID := ""; ; {
		run := c.Client.GetWorkflow(c.T.Context(), id, runID)
		all = append(all, run)
		runID = c.History(run).Events[0].GetWorkflowExecutionStartedEventAttributes().ContinuedExecutionRunId
		if runID == "" {
			slices.Reverse(all)
			return all
		}
	}
}

// replay replays every run of its workflow.
func (c *managed) replay() {
	c.T.Helper()
	for _, run := range c.runs() {
		r := worker.NewWorkflowReplayer()
		workflows.Register(r)
		require.NoError(c.T, r.ReplayWorkflowHistory(nil, c.History(run)))
	}
}

func refused(t *testing.T, err error, text string) {
	t.Helper()
	var application *temporal.ApplicationError
	require.ErrorAs(t, err, &application)
	require.Equal(t, scoring.ErrorTypeInvalid, application.Type())
	require.ErrorContains(t, err, text)
}

// Every change is a revision that says who, when and why; a wrong one is refused and changes nothing; the same update
// again is the same revision; and all of that is the same after a crash and in the next run.
func TestAnExperimentIsManaged(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	stop := b.StoreWorker()
	c := manage(b, twoArms)
	policy := rollout.Policy{ContinueAfter: 50, Every: time.Hour}
	begun := time.Now()

	first, err := c.start(policy)
	require.NoError(t, err)
	again, err := c.start(policy)
	require.NoError(t, err)
	require.Equal(t, first, again, "the same update id")
	_, err = b.Verdict.StartExperiment(t.Context(), c.exp.Definition(), policy, rollout.Change{ID: "another", Who: "eve"})
	refused(t, err, "the experiment is running")
	other := c.exp.Definition()
	other.Maturity = time.Hour
	_, err = b.Verdict.StartExperiment(t.Context(), other, policy, rollout.Change{ID: "third", Who: "eve"})
	refused(t, err, "the experiment is running")
	_, err = b.Verdict.StartExperiment(t.Context(), experiments.Definition{}, rollout.Policy{Every: 1}, rollout.Change{})
	require.ErrorAs(t, err, new(*scoring.InvalidError))

	before := c.read()
	for text, bad := range map[string]func() (rollout.Revision, error){
		"must be paused": func() (rollout.Revision, error) { return c.change(rollout.Resume, "", rollout.Change{}) },
		`none for variant "b"`: func() (rollout.Revision, error) {
			return c.change(rollout.Ramp, "", rollout.Change{Weights: map[string]float64{"a": 1}})
		},
		"sum to 0": func() (rollout.Revision, error) {
			return c.change(rollout.Ramp, "", rollout.Change{Weights: map[string]float64{"a": 0, "b": 0}})
		},
		"2 is not in (0, 1]": func() (rollout.Revision, error) {
			return c.change(rollout.Ramp, "", rollout.Change{Allocation: 2})
		},
		"already": func() (rollout.Revision, error) {
			return c.change(rollout.Ramp, "", rollout.Change{Weights: map[string]float64{"a": 7, "b": 7}})
		},
		"say new ones": func() (rollout.Revision, error) { return c.change(rollout.Ramp, "", rollout.Change{}) },
		`"z" is not a variant`: func() (rollout.Revision, error) {
			return c.change(rollout.Promote, "", rollout.Change{Variant: "z"})
		},
		"they are for verdict.ramp": func() (rollout.Revision, error) {
			return c.change(rollout.Pause, "", rollout.Change{Weights: map[string]float64{"a": 1, "b": 1}})
		},
		"1001 bytes": func() (rollout.Revision, error) {
			return c.change(rollout.Pause, "", rollout.Change{Reason: string(make([]byte, 1001))})
		},
		"invalid who": func() (rollout.Revision, error) {
			return b.Verdict.ChangeExperiment(t.Context(), c.name, c.version, rollout.Pause, rollout.Change{})
		},
	} {
		_, err := bad()
		refused(t, err, text)
	}
	require.Equal(t, before, c.read(), "a refusal changes nothing")

	ramp, err := c.change(rollout.Ramp, "ramp-1", rollout.Change{Reason: "it looks well", Weights: map[string]float64{"a": 1, "b": 3}})
	require.NoError(t, err)
	require.Equal(t, rollout.Revision{
		Number: 2, Action: rollout.Ramp, Who: "ada", Reason: "it looks well", At: ramp.At, Status: rollout.Running, Epoch: 1, UpdateID: "ramp-1",
	}, ramp)
	require.WithinRange(t, ramp.At, begun.Add(-time.Second), time.Now().Add(time.Second))
	for n := range 12 {
		c.must(rollout.Pause, rollout.Change{Reason: fmt.Sprint("pause ", n)})
		c.must(rollout.Resume, rollout.Change{})
	}
	c.must(rollout.Ramp, rollout.Change{Allocation: 0.5})

	// It has gone on in new runs, and the state is what all of them together made of it.
	state := c.read()
	require.GreaterOrEqual(t, len(c.runs()), 3)
	require.Equal(t, rollout.Running, state.Status)
	require.Len(t, state.Revisions, 27)
	for i, r := range state.Revisions {
		require.Equal(t, i+1, r.Number)
	}
	require.Equal(t, first, state.Revisions[0])
	require.Equal(t, ramp, state.Revisions[1])
	require.Len(t, state.Epochs, 3)
	require.Equal(t, map[string]float64{"a": 0.5, "b": 0.5}, state.Epochs[0].Weights)
	require.Equal(t, map[string]float64{"a": 0.25, "b": 0.75}, state.Epochs[1].Weights)
	require.Equal(t, map[string]float64{"a": 0.25, "b": 0.75}, state.Epochs[2].Weights)
	require.Equal(t, 0.5, state.Epoch().Allocation)

	repeated, err := c.change(rollout.Ramp, "ramp-1", rollout.Change{Weights: map[string]float64{"a": 1, "b": 1}})
	require.NoError(t, err)
	require.Equal(t, ramp, repeated, "the update that an earlier run had made")

	// The worker is lost. The next one has to make the state from the history.
	stop()
	b.StoreWorker()
	require.Equal(t, state, c.read())
	c.replay()

	c.must(rollout.Stop, rollout.Change{})
	c.must(rollout.Promote, rollout.Change{Variant: "b", Reason: "both will do"})
	_, err = c.change(rollout.Promote, "", rollout.Change{Variant: "b"})
	refused(t, err, "already")
	_, err = c.change(rollout.Resume, "", rollout.Change{})
	refused(t, err, "the experiment is promoted")
	require.NoError(t, b.Client.TerminateWorkflow(t.Context(), activities.ExperimentID(c.name, c.version), "", "over"))
	_, err = b.Verdict.StartExperiment(t.Context(), c.exp.Definition(), policy, rollout.Change{Who: "ada"})
	require.ErrorAs(t, err, new(*scoring.InvalidError))
	require.ErrorContains(t, err, "start a new version")
}

// What a run gets follows the control without a deploy and without waiting; what it got stays.
func TestRunsFollowARollout(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	stopStore := b.StoreWorker()
	c := manage(b, twoArms)
	cfg := b.Config()
	cfg.Store, cfg.Experiments, cfg.RolloutAge, cfg.Client = b.Store, []*experiments.Experiment{c.exp}, 100*time.Millisecond, b.Client
	pick := func(ctx workflow.Context) (verdict.Pick, error) {
		return verdict.Experiment(ctx, c.exp, verdict.ThisRun), nil
	}
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(pick, workflow.RegisterOptions{Name: "pick"})
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, before []string) ([]string, error) {
			p, err := pick(ctx)
			if err != nil {
				return nil, err
			}
			before = append(before, p.Variant)
			if len(before) > 1 {
				var inChild verdict.Pick
				err := workflow.ExecuteChildWorkflow(ctx, "pick").Get(ctx, &inChild)
				return append(before, inChild.Variant), err
			}
			workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
			return nil, workflow.NewContinueAsNewError(ctx, "life", before)
		}, workflow.RegisterOptions{Name: "life"})
	})
	got := func() scoring.Assignment {
		t.Helper()
		var p verdict.Pick
		require.NoError(t, b.Start("pick").Get(t.Context(), &p))
		require.Equal(t, p.Variant, p.Assignment.Variant)
		return p.Assignment
	}
	until := func(what string, ok func(scoring.Assignment) bool) scoring.Assignment {
		t.Helper()
		var a scoring.Assignment
		b.Eventually(func() error {
			if a = got(); !ok(a) {
				return fmt.Errorf("not yet %s: %+v", what, a)
			}
			return nil
		})
		return a
	}

	// Nobody controls it yet: the code's own weights.
	a := got()
	require.Equal(t, scoring.ByWeight, a.By)
	require.Equal(t, map[string]float64{"a": 0.5, "b": 0.5}, a.Probabilities)
	life := b.Start("life", []string{})
	var served string
	b.Eventually(func() error {
		all, err := b.Store.Assignments(t.Context(), c.name, c.version)
		for _, x := range all {
			if x.Run.WorkflowID == life.GetID() {
				served = x.Variant
				return nil
			}
		}
		return errors.Join(errors.New("not yet assigned"), err)
	})

	_, err := c.start(rollout.Policy{})
	require.NoError(t, err)
	c.must(rollout.Ramp, rollout.Change{Weights: map[string]float64{"a": 0, "b": 1}})
	a = until("in epoch 1", func(a scoring.Assignment) bool { return a.Epoch == 1 })
	require.Equal(t, "b", a.Variant)
	require.Equal(t, map[string]float64{"a": 0, "b": 1}, a.Probabilities)
	require.Equal(t, scoring.ByWeight, a.By)
	require.NotEmpty(t, a.FirstRunID)
	kept, err := b.Store.Assignments(t.Context(), c.name, c.version)
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(kept, func(x scoring.Assignment) bool { return x.Run == a.Run && x.Epoch == 1 && x.Variant == "b" }))

	c.must(rollout.Pause, rollout.Change{})
	a = until("paused", func(a scoring.Assignment) bool { return a.By == scoring.ByPause })
	require.Equal(t, "a", a.Variant)
	paused := b.Start("life", []string{})
	b.Eventually(func() error {
		all, err := b.Store.Assignments(t.Context(), c.name, c.version)
		if slices.ContainsFunc(all, func(x scoring.Assignment) bool {
			return x.Run.WorkflowID == paused.GetID() && x.By == scoring.ByPause
		}) {
			return nil
		}
		return errors.Join(errors.New("not yet assigned"), err)
	})

	// The worker that holds the control is away: workers go on reading what the server knows.
	c.must(rollout.Resume, rollout.Change{})
	stopStore()
	until("resumed", func(a scoring.Assignment) bool { return a.Epoch == 1 && a.By == scoring.ByWeight })
	b.StoreWorker()

	// What was assigned under other weights, or while it was paused, is so for the life of the run.
	for run, variant := range map[client.WorkflowRun]string{life: served, paused: "a"} {
		require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "go on", nil))
		var seen []string
		require.NoError(t, run.Get(t.Context(), &seen))
		require.Equal(t, []string{variant, variant, variant}, seen, "run, continued run, its child")
	}

	c.must(rollout.Promote, rollout.Change{Variant: "b", Reason: "both will do"})
	until("promoted", func(a scoring.Assignment) bool { return a.By == scoring.ByForce && a.Variant == "b" })
	c.must(rollout.Stop, rollout.Change{})
	until("stopped", func(a scoring.Assignment) bool { return a.By == scoring.ByPause && a.Variant == "a" })
	require.NoError(t, b.Client.TerminateWorkflow(t.Context(), activities.ExperimentID(c.name, c.version), "", "over"))
	until("out of control", func(a scoring.Assignment) bool { return a.By == scoring.ByWeight && a.Epoch == 0 })
}

// rated is what the users of the experiment say, when they say it.
var rated = verdict.NewScorer("good", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.On("rated", key), verdict.Within(time.Minute), verdict.ExpiresUnknown)
	if err != nil {
		return scoring.Score{}, err
	}
	return got.Score(), nil
})

// window is for how long a rating is waited for. On a slow machine it takes ten seconds from the assignment.
const window = 20 * time.Second

// feed has n runs served, and each rated after its end: of ten runs of a variant as many as its share find it good.
func (c *managed) feed(n int, share map[string]int) {
	c.T.Helper()
	var mu sync.Mutex
	seen := map[string]int{}
	var users errgroup.Group
	users.SetLimit(16)
	for range n {
		users.Go(func() error {
			key := uuid.NewString()
			run, err := c.Client.ExecuteWorkflow(c.T.Context(), client.StartWorkflowOptions{ID: "served-" + key, TaskQueue: c.Queue}, "served", key)
			if err != nil {
				return err
			}
			var p verdict.Pick
			if err := run.Get(c.T.Context(), &p); err != nil {
				return err
			}
			mu.Lock()
			seen[p.Variant]++
			k, of := seen[p.Variant], share[p.Variant]
			mu.Unlock()
			return c.Verdict.Deliver(c.T.Context(), verdict.Outcome{
				ID: "rating-" + key, Name: "rated", Key: key, Value: scoring.BoolValue(k*of/10 > (k-1)*of/10), ObservedAt: time.Now(),
			})
		})
	}
	require.NoError(c.T, users.Wait())
}

// inTime is how many ratings count for their runs.
func (c *managed) inTime() (n int) {
	c.T.Helper()
	rows, err := c.Store.ExperimentRows(c.T.Context(), store.ExperimentKey{Experiment: c.name, Version: c.version})
	require.NoError(c.T, err)
	at := map[scoring.Run]time.Time{}
	for _, a := range rows.Assignments {
		at[a.Run] = a.At
	}
	for _, r := range rows.Records {
		if closes := at[r.Run].Add(window); r.State == scoring.Scored && r.ObservedAt.Before(closes) && !r.ArrivedAt.After(closes.Add(window/2)) {
			n++
		}
	}
	return n
}

// A harmful arm is stopped, the right winner is found and shipped, across a ramp, a lost worker and new runs, by what the users
// say of real runs after their end.
func TestPolicyStopsHarmAndPromotesTheWinner(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	stop := b.StoreWorker()
	c := manage(b, experiments.Definition{
		Control: "now", Maturity: window, Grace: window / 2,
		Variants: []experiments.Variant{{Name: "now", Weight: 1}, {Name: "better", Weight: 1}, {Name: "worse", Weight: 1}},
		Primary:  experiments.Metric{Name: "good", Type: experiments.Boolean, Missing: experiments.MissingNegative},
	})
	// At first only one arm differs, so that there is no winner that could be seen before the harm on a slow machine.
	share := map[string]int{"now": 5, "better": 5, "worse": 1}
	cfg := b.Config(rated)
	cfg.Store, cfg.Experiments, cfg.RolloutAge, cfg.Client = b.Store, []*experiments.Experiment{c.exp}, 100*time.Millisecond, b.Client
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) (verdict.Pick, error) {
			pick := verdict.Experiment(ctx, c.exp, verdict.ThisRun)
			if key == "" {
				return pick, nil
			}
			return pick, verdict.Defer(ctx, rated, key).Err()
		}, workflow.RegisterOptions{Name: "served"})
	})
	served := func() (p verdict.Pick) {
		t.Helper()
		require.NoError(t, b.Start("served", "").Get(t.Context(), &p))
		return p
	}
	_, err := c.start(rollout.Policy{StopHarm: true, PromoteWinner: true, Every: time.Second, ContinueAfter: 50})
	require.NoError(t, err)

	c.feed(90, share)
	c.must(rollout.Ramp, rollout.Change{Reason: "more of it", Weights: map[string]float64{"now": 1, "better": 2, "worse": 1}})
	ramped := c.read()
	c.feed(160, share)

	// The worker that holds the control is lost while the windows are open.
	stop()
	stop = b.StoreWorker()
	var state rollout.State
	until := func(what string, ok func() bool) {
		t.Helper()
		harness.Eventually(t, harness.Patience, func() error {
			if state = c.read(); !ok() {
				return fmt.Errorf("not yet %s: %+v", what, state.Finding)
			}
			return nil
		})
	}
	until("stopped", func() bool { return len(state.Harmed) > 0 })
	require.Equal(t, []string{"worse"}, state.Harmed)
	require.Equal(t, map[string]float64{"now": 1. / 3, "better": 2. / 3, "worse": 0}, state.Epoch().Weights)
	// A look that the policy took since may have said something else, in a revision of its own.
	i := slices.IndexFunc(state.Revisions, func(r rollout.Revision) bool { return r.Who == rollout.ByPolicy && r.Action == rollout.Ramp })
	require.GreaterOrEqual(t, i, 0)
	last := state.Revisions[i]
	require.Equal(t, []string{"worse"}, last.Variants)
	require.Contains(t, last.Reason, "worse is worse than now on good")
	harmed := state.Epoch()
	b.Eventually(func() error {
		if p := served(); p.Assignment.Epoch != harmed.Number || p.Variant == "worse" {
			return fmt.Errorf("the run got %s of epoch %d", p.Variant, p.Assignment.Epoch)
		}
		return nil
	})
	// 450 ratings are enough. It takes more of them where a busy machine has some miss their windows.
	for fed := 450; state.Status != rollout.Promoted; fed += 200 {
		require.True(t, fed == 450 || c.inTime() < fed-200 && fed < 2000, "%d are not enough, %d in time: %+v", fed-200, c.inTime(), state.Finding)
		c.feed(200, map[string]int{"now": 3, "better": 9})
		until("promoted, or ripe", func() bool { return state.Status == rollout.Promoted || state.Finding.Units >= fed })
	}
	require.Equal(t, "better", state.Variant)
	last = state.Revisions[len(state.Revisions)-1]
	require.Equal(t, rollout.ByPolicy, last.Who)
	require.GreaterOrEqual(t, last.At.Sub(harmed.At), window, "nothing is decided within the first window after a change of weights")
	b.Eventually(func() error {
		if p := served(); p.Variant != "better" || p.Assignment.By != scoring.ByForce {
			return fmt.Errorf("the run got %s %s", p.Assignment.By, p.Variant)
		}
		return nil
	})

	// Nothing of it was lost on the way, or is by losing the worker once more.
	require.Equal(t, ramped.Revisions, state.Revisions[:len(ramped.Revisions)])
	require.Equal(t, ramped.Epochs, state.Epochs[:len(ramped.Epochs)])
	require.Len(t, state.Epochs, 3)
	require.GreaterOrEqual(t, len(c.runs()), 2, "it has continued as new")
	stop()
	b.StoreWorker()
	require.Equal(t, state, c.read())
	c.replay()
	for _, run := range c.runs()[1:] {
		first := c.History(run).Events[0].GetWorkflowExecutionStartedEventAttributes()
		require.Equal(t, enumspb.CONTINUE_AS_NEW_INITIATOR_WORKFLOW, first.Initiator)
	}
}

// Retired takes an experiment out of running code: a run that was picked a variant keeps it, also when its worker is lost,
// every new one gets what is shipped, and nothing more is assigned.
func TestRetiredExperiment(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	d := twoArms
	d.Variants = []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1e-15}} // everyone gets a
	c := manage(b, d)
	picks := func(pick func(workflow.Context) (verdict.Pick, error)) func(worker.Worker) {
		return func(w worker.Worker) {
			w.RegisterWorkflowWithOptions(func(ctx workflow.Context) ([]string, error) {
				first, err := pick(ctx)
				if err != nil {
					return nil, err
				}
				workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
				again, err := pick(ctx)
				if err != nil {
					return nil, err
				}
				var inChild verdict.Pick
				err = workflow.ExecuteChildWorkflow(ctx, "child").Get(ctx, &inChild)
				return []string{first.Variant, again.Variant, inChild.Variant}, err
			}, workflow.RegisterOptions{Name: "picks"})
			w.RegisterWorkflowWithOptions(pick, workflow.RegisterOptions{Name: "child"})
		}
	}
	before := b.UserWorker(b.Config(), picks(func(ctx workflow.Context) (verdict.Pick, error) {
		return verdict.Experiment(ctx, c.exp, verdict.ThisRun), nil
	}))
	var old []client.WorkflowRun
	for range 3 {
		old = append(old, b.Start("picks"))
	}
	b.Eventually(func() error {
		all, err := b.Store.Assignments(t.Context(), c.name, c.version)
		if err == nil && len(all) < len(old) {
			err = errors.Join(errors.New("not yet assigned"), err)
		}
		return err
	})
	// Visibility tells which runs are in the way of removing the call, as docs/experiments.md has it.
	b.Eventually(func() error {
		open, err := b.Client.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Query: fmt.Sprintf(`ExecutionStatus = "Running" AND TemporalChangeVersion IN ('%s')`, strings.Join(workflows.AssignedIn(c.name, c.version), "', '")),
		})
		if err == nil && open.Count != int64(len(old)) {
			err = fmt.Errorf("%d of %d are found", open.Count, len(old))
		}
		return err
	})
	before()
	b.UserWorker(b.Config(), picks(func(ctx workflow.Context) (verdict.Pick, error) {
		return verdict.Retired(ctx, c.exp, verdict.ThisRun, "b"), nil
	}))
	fresh := b.Start("picks")
	for _, run := range append(old, fresh) {
		require.NoError(t, b.Client.SignalWorkflow(t.Context(), run.GetID(), "", "go on", nil))
		var got []string
		require.NoError(t, run.Get(t.Context(), &got))
		v := "a"
		if run == fresh {
			v = "b"
		}
		require.Equal(t, []string{v, v, v}, got)
	}
	all, err := b.Store.Assignments(t.Context(), c.name, c.version)
	require.NoError(t, err)
	require.Len(t, all, len(old))
}
