package promises

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var retryOnce = &temporal.RetryPolicy{InitialInterval: 1, MaximumAttempts: 2}

// played is a cell whose run has ended.
type played struct {
	cell   cell
	job    job
	first  string // run id
	last   client.WorkflowRun
	served string
}

// Every pair of values meets in some cell, and there every promise holds.
func TestPromises(t *testing.T) {
	play(t, func(c cell) bool { return c.worker() != "no cache" })
}

// The cache of workflows is the whole process's, so these cells have the process for themselves.
func TestPromisesWithoutCache(t *testing.T) {
	worker.SetStickyWorkflowCacheSize(0)
	defer worker.SetStickyWorkflowCacheSize(10_000)
	play(t, func(c cell) bool { return c.worker() == "no cache" })
}

func play(t *testing.T, mine func(cell) bool) {
	cells := pairwise()
	if *whole {
		cells = product()
	}
	groups := map[[shared]string][]cell{}
	var order [][shared]string
	n := 0
	for _, c := range cells {
		if !mine(c) {
			continue
		}
		id := [shared]string(c[:shared])
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], c)
		n++
	}
	began := time.Now()
	var mu sync.Mutex
	passed := 0
	t.Run("environments", func(t *testing.T) {
		for _, id := range order {
			t.Run(strings.Join(id[:], ", "), func(t *testing.T) {
				t.Parallel()
				ok := playTogether(t, groups[id])
				mu.Lock()
				defer mu.Unlock()
				passed += ok
			})
		}
	})
	fmt.Printf("cells %d passed %d, in %s\n", n, passed, time.Since(began).Round(time.Second))
}

// playTogether plays cells in one environment and tells how many passed.
func playTogether(t *testing.T, cells []cell) (passed int) {
	e := newEnvironment(t, cells[0])
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	all, errs := make([]played, len(cells)), make([]error, len(cells))
	var runs sync.WaitGroup
	for i, c := range cells {
		runs.Go(func() { all[i], errs[i] = e.start(ctx, c) })
	}
	runs.Wait()
	e.away.Store(false)
	for i, p := range all {
		name := strings.Join(p.cell[shared:], ", ")
		if t.Run(name, func(t *testing.T) {
			require.NoError(t, errs[i], "the run ends as it would without Verdict")
			in := &environment{Bench: e.In(t), user: e.user, cfg: e.cfg, options: e.options}
			in.check(p)
		}) {
			passed++
		}
	}
	return passed
}

// reset resets the run to its first task and waits for the new one's end.
func (e *environment) reset(ctx context.Context, p *played) error {
	var id int64
	for _, event := range e.History(p.last).Events {
		if event.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			id = event.EventId
			break
		}
	}
	answer, err := e.Client.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: e.options.Namespace, RequestId: uuid.NewString(), Reason: "promises", WorkflowTaskFinishEventId: id,
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: p.last.GetID(), RunId: p.last.GetRunID()},
	})
	if err != nil {
		return err
	}
	p.last = e.Client.GetWorkflow(ctx, p.last.GetID(), answer.RunId)
	return p.last.Get(ctx, nil)
}

// check holds a run to every promise.
func (e *environment) check(p played) {
	runs := []client.WorkflowRun{p.last}
	if p.last.GetRunID() == "" { // of a chain the newest
		d, err := e.Client.DescribeWorkflow(e.T.Context(), p.last.GetID(), "")
		require.NoError(e.T, err)
		runs = []client.WorkflowRun{e.Client.GetWorkflow(e.T.Context(), p.last.GetID(), d.WorkflowExecution.RunID)}
	}
	if runs[0].GetRunID() != p.first {
		runs = append(runs, e.Client.GetWorkflow(e.T.Context(), p.last.GetID(), p.first))
	}
	e.deliver(p)
	for i, run := range runs {
		if i == 0 || p.cell.does() != "reset" {
			e.stored(run, p)
		}
		e.replays(run)
	}
	if p.served != "" {
		first := e.Client.GetWorkflow(e.T.Context(), p.last.GetID(), p.first)
		recorded := e.Recorded(e.user.exps[p.cell.names()].Definition().Name, first)
		require.Contains(e.T, []string{p.served, ""}, recorded, "what is recorded is what was served")
		if recorded == "" {
			e.T.Log("the unit is out of the statistics")
		}
	}
}

// deliver delivers what the run's scorers wait for.
func (e *environment) deliver(p played) {
	if p.cell.does() != "defer" {
		return
	}
	for _, key := range []string{p.job.Key, p.job.Key + "/1", p.job.Key + "/2"} {
		require.NoError(e.T, e.Verdict.Deliver(e.T.Context(), verdict.Outcome{ID: "paid " + key, Name: p.job.name("paid"), Key: key}))
	}
}

// stored waits until the scores of a run are what they should be: each once, with what was said last, and the run's end.
func (e *environment) stored(run client.WorkflowRun, p played) {
	want := map[string][]string{
		"score": {"a=1", "b=2"}, "reset": {"a=1", "b=2"}, "correct": {"a=3", "step=3"}, "flush in a loop": {"a=3"},
		"experiment": {"good=1"}, "child": {"good=1"}, "defer": {"a=1", "paid=true"}, "continue as new": {"good=1"},
		"continue with options": {"good=1"}, "retry": {"a=1"},
	}[p.cell.does()]
	e.Eventually(func() error {
		about := scoring.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}
		scores, err := e.Store.Scores(e.T.Context(), store.Filter{Run: about})
		if err != nil {
			return err
		}
		var got []string
		for _, s := range scores {
			name, ok := strings.CutSuffix(s.Name, suffixes[p.cell.names()])
			if !ok {
				return fmt.Errorf("a score is named %q", s.Name)
			}
			got = append(got, name+"="+s.Value.String())
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			return fmt.Errorf("%v instead of %v", got, want)
		}
		facts, err := e.Store.Runs(e.T.Context(), store.RunFilter{Run: about})
		if err == nil && (len(facts) != 1 || facts[0].Status == "") {
			err = errors.New("how the run ended is not known")
		}
		return err
	})
}

// replays replays every prefix of a run's history that a worker may have seen.
func (e *environment) replays(run client.WorkflowRun) {
	h := e.History(run)
	cfg := e.cfg
	cfg.Store = nil
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter: e.options.DataConverter, Plugins: []worker.Plugin{verdict.NewPlugin(cfg)},
	})
	require.NoError(e.T, err)
	e.user.registerWorkflows(r)
	for i, event := range h.Events {
		if event.EventType != enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED && i != len(h.Events)-1 {
			continue
		}
		err := r.ReplayWorkflowHistoryWithOptions(e.Logger(), &historypb.History{Events: h.Events[:i+1]}, worker.ReplayWorkflowHistoryOptions{
			OriginalExecution: workflow.Execution{ID: run.GetID(), RunID: run.GetRunID()},
		})
		require.NoError(e.T, err, "%d of %d events", i+1, len(h.Events))
	}
}
