package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// shipped is a scorer as it is in one build: what a merge means tells which build's code has decided.
func shipped(version string, means float64) *verdict.Scorer[pullRequest] {
	return verdict.NewScorer("shipped", version, func(ctx workflow.Context, pr pullRequest) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On("pr.merged", pr.Key).Means(means), verdict.Within(time.Hour), verdict.ExpiresUnknown)
		return got.Score(), err
	})
}

// deployment is a user's worker deployment. Its store's worker is not versioned and stays.
type deployment struct {
	*harness.Bench
	name string
}

func newDeployment(t *testing.T) deployment {
	b := harness.New(t, nil)
	b.StoreWorker()
	return deployment{b, "shop-" + uuid.NewString()[:8]}
}

// build starts a worker of a build. Its workflow defers the last of the scorers: when it begins, or when it is signalled.
func (d deployment) build(id string, scorers ...*verdict.Scorer[pullRequest]) (stop func()) {
	var all []verdict.ScorerDefinition
	for _, s := range scorers {
		all = append(all, s)
	}
	newest := scorers[len(scorers)-1]
	ship := func(ctx workflow.Context, pr pullRequest, signalled bool) error {
		if signalled {
			workflow.GetSignalChannel(ctx, "ship").Receive(ctx, nil)
		}
		verdict.Defer(ctx, newest, pr)
		return nil
	}
	return d.Worker(d.Queue, worker.Options{
		Plugins: []worker.Plugin{verdict.NewPlugin(d.Config(all...))},
		DeploymentOptions: worker.DeploymentOptions{
			UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: d.name, BuildID: id},
		},
	}, func(w worker.Worker) {
		for name, behavior := range map[string]workflow.VersioningBehavior{
			"ShipPinned": workflow.VersioningBehaviorPinned, "ShipAutoUpgrade": workflow.VersioningBehaviorAutoUpgrade,
		} {
			w.RegisterWorkflowWithOptions(ship, workflow.RegisterOptions{Name: name, VersioningBehavior: behavior})
		}
	})
}

// route sends new tasks to a build, once the server has seen its worker.
func (d deployment) route(buildID string) {
	d.T.Helper()
	handle := d.Client.WorkerDeploymentClient().GetHandle(d.name)
	d.Eventually(func() error {
		_, err := handle.SetCurrentVersion(d.T.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: buildID})
		return err
	})
	d.Eventually(func() error {
		got, err := handle.Describe(d.T.Context(), client.WorkerDeploymentDescribeOptions{})
		if err == nil && (got.Info.RoutingConfig.CurrentVersion == nil || got.Info.RoutingConfig.CurrentVersion.BuildID != buildID) {
			err = fmt.Errorf("the current version is %v", got.Info.RoutingConfig.CurrentVersion)
		}
		return err
	})
}

// revisions returns all that has been said of a run, oldest first.
func (d deployment) revisions(run client.WorkflowRun) []string {
	d.T.Helper()
	all, err := d.Store.Scores(d.T.Context(), store.Filter{Run: of(run), History: true})
	require.NoError(d.T, err)
	var said []string
	for _, r := range all {
		said = append(said, r.Key+" "+string(r.State))
	}
	return said
}

// onBuild waits until a workflow runs as a build says.
func (d deployment) onBuild(workflowID, buildID string) {
	d.T.Helper()
	d.Eventually(func() error {
		got, err := d.Client.DescribeWorkflowExecution(d.T.Context(), workflowID, "")
		if err != nil {
			return err
		}
		info := got.WorkflowExecutionInfo.GetVersioningInfo()
		if info.GetDeploymentVersion().GetBuildId() != buildID {
			return fmt.Errorf("%s is on %v", workflowID, info)
		}
		return nil
	})
}

// scorerOf returns the workflow id of the one scorer that waits about a run.
func (d deployment) scorerOf(run client.WorkflowRun) string {
	d.T.Helper()
	open, err := d.Store.Waiting(d.T.Context(), time.Now().Add(time.Hour))
	require.NoError(d.T, err)
	for _, e := range open {
		if e.Run.WorkflowID == run.GetID() {
			return e.ScorerRun.WorkflowID
		}
	}
	require.NoError(d.T, errors.New("nobody waits about "+run.GetID()))
	return ""
}

// A scorer that waits goes on in the next build, whatever the versioning of the run that deferred it, and gives one score.
func TestScorerOutlivesItsBuild(t *testing.T) {
	t.Parallel()
	for _, parent := range []string{"ShipPinned", "ShipAutoUpgrade"} {
		t.Run(parent, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t)
			stop := d.build("1", shipped("1", 1))
			d.route("1")
			pr := pullRequest{uuid.NewString()}
			run := d.Start(parent, pr, false)
			require.NoError(t, run.Get(t.Context(), nil))
			d.Waiting(pr.Key, 1)
			scorer := d.scorerOf(run)
			d.onBuild(scorer, "1")

			d.build("2", shipped("1", 2))
			d.route("2")
			stop()
			o := outcome("pr.merged", pr.Key)
			require.NoError(t, d.Verdict.Deliver(t.Context(), o))
			require.NoError(t, d.Verdict.Deliver(t.Context(), o))
			require.Equal(t, []string{"shipped=2"}, d.Scores(run, 1), "it is the code of the second build that decides")
			require.Equal(t, []string{"shipped@1 pending", "shipped@1 scored"}, d.revisions(run))
			d.onBuild(scorer, "2")
		})
	}
}

// A run that is pinned to a build that drains still defers scorers; they do not keep that build alive.
func TestDrainingBuildDefers(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	stop := d.build("1", shipped("1", 1))
	d.route("1")
	pr := pullRequest{uuid.NewString()}
	run := d.Start("ShipPinned", pr, true)
	d.onBuild(run.GetID(), "1")
	d.build("2", shipped("1", 2))
	d.route("2")

	require.NoError(t, d.Client.SignalWorkflow(t.Context(), run.GetID(), run.GetRunID(), "ship", nil))
	require.NoError(t, run.Get(t.Context(), nil))
	d.onBuild(run.GetID(), "1")
	d.Waiting(pr.Key, 1)
	scorer := d.scorerOf(run)
	stop()
	require.NoError(t, d.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
	require.Equal(t, []string{"shipped=2"}, d.Scores(run, 1))
	require.Equal(t, []string{"shipped@1 pending", "shipped@1 scored"}, d.revisions(run))
	d.onBuild(scorer, "2")
}

// A scorer whose first task no worker of its run's build has done begins in the next build, even if the run was pinned.
func TestScorerBeginsInTheNextBuild(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	forgotten := shipped("1", 1)
	stop := d.Worker(d.Queue, worker.Options{
		Plugins: []worker.Plugin{verdict.NewPlugin(d.Config())}, // without the scorer: its first task fails here
		DeploymentOptions: worker.DeploymentOptions{
			UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: d.name, BuildID: "1"},
		},
	}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, pr pullRequest, _ bool) error {
			verdict.Defer(ctx, forgotten, pr)
			return nil
		}, workflow.RegisterOptions{Name: "ShipPinned", VersioningBehavior: workflow.VersioningBehaviorPinned})
	})
	d.route("1")
	pr := pullRequest{uuid.NewString()}
	run := d.Start("ShipPinned", pr, false)
	require.NoError(t, run.Get(t.Context(), nil))
	stop()
	d.build("2", shipped("1", 2))
	d.route("2")
	d.Waiting(pr.Key, 1)
	require.NoError(t, d.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
	require.Equal(t, []string{"shipped=2"}, d.Scores(run, 1))
}

// While a new version of a scorer is rolled out, those that wait go on with the code of theirs.
func TestVersionsOfAScorerInOneBuild(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	stop := d.build("1", shipped("1", 1))
	d.route("1")
	pr := pullRequest{uuid.NewString()}
	old := d.Start("ShipAutoUpgrade", pr, false)
	require.NoError(t, old.Get(t.Context(), nil))
	d.Waiting(pr.Key, 1)

	d.build("2", shipped("1", 1), shipped("2", 2))
	d.route("2")
	stop()
	next := d.Start("ShipAutoUpgrade", pr, false)
	require.NoError(t, next.Get(t.Context(), nil))
	d.Waiting(pr.Key, 2)
	require.NoError(t, d.Verdict.Deliver(t.Context(), outcome("pr.merged", pr.Key)))
	require.Equal(t, []string{"shipped=1"}, d.Scores(old, 1))
	require.Equal(t, []string{"shipped=2"}, d.Scores(next, 1))
	require.Equal(t, []string{"shipped@1 pending", "shipped@1 scored"}, d.revisions(old))
	require.Equal(t, []string{"shipped@2 pending", "shipped@2 scored"}, d.revisions(next))
}

// A verdict worker of a deployment gets bundles once its version is the current one, and not before: the tasks of a version that
// is on trial go nowhere.
func TestBundlesWaitForTheCurrentVersion(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	d := deployment{b, "verdict-" + uuid.NewString()[:8]}
	b.PlainStoreWorker()
	b.Worker(activities.BundleQueue(b.VerdictQueue), worker.Options{DeploymentOptions: worker.DeploymentOptions{
		UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: d.name, BuildID: "next"},
	}}, func(w worker.Worker) {
		(&activities.Set{Store: b.Store, Client: b.Client}).Register(w)
		workflows.Register(w)
	})
	b.Eventually(func() error { // the server has seen it
		q, err := b.Client.DescribeTaskQueue(t.Context(), activities.BundleQueue(b.VerdictQueue), enumspb.TASK_QUEUE_TYPE_ACTIVITY)
		if err == nil && len(q.GetPollers()) == 0 {
			err = errors.New("nobody polls")
		}
		return err
	})
	require.False(t, (&activities.Carrier{Client: b.Client, TaskQueue: b.VerdictQueue}).Bundles(t.Context()))
	require.NoError(t, b.Verdict.Score(t.Context(), verdict.Key("early-"+b.Queue), "thumb", true))
	d.route("next")
	b.Eventually(func() error {
		if !(&activities.Carrier{Client: b.Client, TaskQueue: b.VerdictQueue}).Bundles(t.Context()) {
			return errors.New("it takes no bundles yet")
		}
		return nil
	})
	for _, sent := range (&activities.Carrier{Client: b.Client, TaskQueue: b.VerdictQueue}).HandOver(t.Context(), []activities.Batch{ended("run-" + b.Queue)}) {
		_, err := sent.Reply(t.Context(), harness.Patience)
		require.NoError(t, err)
	}
	stored(b, "good", 1)
}
