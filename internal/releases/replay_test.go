package releases

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/releases/user"
	"github.com/verdict-dev/verdict/workflows"
)

// Every history that a release left, open or closed, replays: the user's runs, the scorers, the started experiments, what hands
// over.
func TestHistoriesReplay(t *testing.T) {
	t.Parallel()
	recordings(t, replays)
}

func replays(t *testing.T, l left) {
	open := map[string]int{}
	for _, r := range l.histories(t) {
		require.NoError(t, r.replay(t, user.Config(), user.Answer), "%s %s", r.Type, r.WorkflowID)
		if r.Open {
			open[r.Type]++
		}
	}
	for _, kind := range []string{
		"Answer", "verdict.ExperimentWorkflow",
		"verdict.scorer.accepted", "verdict.scorer.bought", "verdict.scorer.stayed_closed", "verdict.scorer.finished",
	} {
		require.NotZero(t, open[kind], "no open %s was recorded", kind)
	}
	if l.release == "v0.1.0" { // later ones hold in the store what is said about a key that no run has declared
		require.NotZero(t, open["verdict.RecordWorkflow"])
	}
}

// The replays can fail: these are changes that break runs.
func TestReplaysCanFail(t *testing.T) {
	t.Parallel()
	recordings(t, func(t *testing.T, l left) {
		broken := func(ctx workflow.Context, c user.Case) (user.Reply, error) {
			if err := workflow.Sleep(ctx, 1); err != nil {
				return user.Reply{}, err
			}
			return user.Answer(ctx, c)
		}
		without := user.Config()
		without.Scorers = nil
		for _, r := range l.histories(t) {
			switch {
			case r.Type == "Answer":
				require.ErrorContains(t, r.replay(t, user.Config(), broken), "TMPRL1100")
			case strings.HasPrefix(r.Type, "verdict.scorer."):
				require.Error(t, r.replay(t, without, user.Answer))
			}
		}
	})
}

func (r recorded) replay(t testing.TB, cfg verdict.Config, answer any) error {
	t.Helper()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
	require.NoError(t, err)
	workflows.Register(replayer)
	replayer.RegisterWorkflowWithOptions(answer, workflow.RegisterOptions{Name: "Answer"})
	h := r.events(t)
	original := h.Events[0].GetWorkflowExecutionStartedEventAttributes().OriginalExecutionRunId
	return replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), h, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: r.WorkflowID, RunID: original},
	})
}
