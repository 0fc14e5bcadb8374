package releases

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
)

// shipped is a declared scorer, which v0.1.0 does not know.
var shipped = verdict.NewOutcomeScorer("shipped", "1", func(key string) verdict.Wait {
	return verdict.Wait{For: verdict.On("parcel.shipped", key).Means(true), Window: verdict.Within(month), End: verdict.ExpiresFalse}
})

// A verdict worker of the release before refuses what it does not know instead of losing it: declared scorers and the scores of
// their runs wait in Temporal for the upgrade, and what it knows is recorded meanwhile.
func TestDeclaredScorersWaitForTheUpgrade(t *testing.T) {
	t.Parallel()
	for _, old := range olderReleases(t) {
		t.Run(old, func(t *testing.T) {
			t.Parallel()
			b := &besides{scene: newScene(t, nil), old: old, kind: "sqlite"}
			b.prepare()
			env := b.env()
			env["VERDICT_DB"] = b.db
			before, _ := startWorker(t, old, env)
			b.open()
			b.UserWorker(b.Config(shipped), func(w worker.Worker) {
				w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
					verdict.Score(ctx, "packed", true)
					if key != "" {
						verdict.Defer(ctx, shipped, key)
					}
					return nil
				}, workflow.RegisterOptions{Name: "ship"})
			})
			play := func(key string) client.WorkflowRun {
				run := b.Start("ship", key)
				require.NoError(t, run.Get(t.Context(), nil))
				return run
			}
			early, late := uuid.NewString(), uuid.NewString()
			deliver := func(key string) {
				require.NoError(t, b.Verdict.Deliver(t.Context(), verdict.Outcome{ID: uuid.NewString(), Name: "parcel.shipped", Key: key}))
			}
			deliver(early)
			first, second := play(early), play(late)
			deliver(late)
			require.Equal(t, []string{"packed=true"}, b.Scores(play(""), 1))
			b.Eventually(func() error { // the older worker has met what waits
				open, err := b.Client.ListOpenWorkflow(t.Context(), &workflowservice.ListOpenWorkflowExecutionsRequest{Namespace: b.namespace})
				if err != nil {
					return err
				}
				waiting := 0
				for _, e := range open.Executions {
					if e.Type.Name == activities.WaitWorkflow {
						waiting++
					}
				}
				if waiting < 2 || !before.said.Contains(activities.WaitWorkflow) {
					return fmt.Errorf("%d wait in Temporal", waiting)
				}
				return nil
			})
			before.stop()

			startWorker(t, today, env)
			for _, run := range []client.WorkflowRun{first, second} {
				require.ElementsMatch(t, []string{"packed=true", "shipped=true"}, b.Scores(run, 2))
			}
			b.Eventually(func() error {
				open, err := b.Client.ListOpenWorkflow(t.Context(), &workflowservice.ListOpenWorkflowExecutionsRequest{Namespace: b.namespace})
				if err == nil && len(open.Executions) > 0 {
					err = errors.New("something still waits in Temporal since " + open.Executions[0].StartTime.AsTime().Format(time.TimeOnly))
				}
				return err
			})
		})
	}
}
