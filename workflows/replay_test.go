package workflows_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/workflows"
)

const histories = "testdata/histories"

// replay replays a recorded history against a form of the workflow, with the plugins.
func replay(t *testing.T, file, form string, scorer verdict.ScorerDefinition, plugin bool, cfg verdict.Config) error {
	t.Helper()
	o := worker.WorkflowReplayerOptions{}
	if plugin {
		cfg.Scorers = []verdict.ScorerDefinition{scorer}
		o.Plugins = []worker.Plugin{verdict.NewPlugin(cfg)}
	}
	r, err := worker.NewWorkflowReplayerWithOptions(o)
	require.NoError(t, err)
	r.RegisterWorkflowWithOptions(forms[form], workflow.RegisterOptions{Name: "replayed"})
	workflows.Register(r)
	h, id := read(t, file)
	return r.ReplayWorkflowHistoryWithOptions(nil, h, worker.ReplayWorkflowHistoryOptions{
		// A JSON history has no workflow id of its own, and what derives from it must be the same.
		OriginalExecution: workflow.Execution{ID: id, RunID: h.Events[0].GetWorkflowExecutionStartedEventAttributes().OriginalExecutionRunId},
	})
}

func read(t *testing.T, file string) (*historypb.History, string) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return h, h.Events[0].GetWorkflowExecutionStartedEventAttributes().WorkflowId
}

// recorded returns the files of all releases whose names match.
func recorded(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(histories, "*", pattern+".json"))
	require.NoError(t, err)
	require.NotEmpty(t, files, pattern)
	return files
}

// Every recorded history, of every release, replays with Score calls added, moved and removed, and with Flush, Defer
// and Experiment added.
func TestRecordedHistoriesReplay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		histories, form string
		plugin          bool
	}{
		// Before the plugin: the code as it was, and everything that may be added.
		{"plain_*", "plain", false},
		{"plain_*", "plain", true},
		{"plain_*", "scores", true},
		{"plain_*", "everything", true},
		// With the plugin, before and after scores are added, moved, removed.
		{"plugin_*", "plain", true},
		{"plugin_*", "scores", true},
		{"plugin_*", "everything", true},
		{"scores_*", "scores", true},
		{"scores_*", "plain", true},
		{"scores_*", "other scores", true},
		{"scores_*", "score at start", true},
		{"scores_*", "score at end", true},
		{"scores_*", "everything", true},
		{"attributes_*", "plain", true},
		{"attributes_*", "scores", true},
		// Flush, Defer and Experiment stay where they are; the scores around them do not.
		{"everything_*", "everything", true},
		{"everything_*", "retired", true},
		{"everything_*", "all and shadow", true},
		{"plain_*", "shadow", true},
		{"scores_*", "shadow", true},
		// With a judge in the run, which in the first release had no version.
		{"judged_*", "judged", true},
		// With calls after the workflow function has returned, which were made and are refused.
		{"late_*", "late", true},
		// By a worker that records in side effects, and with more calls than have a change id of their own.
		{"limited_open", "everything", true},
		{"limited_closed", "everything", true},
		{"limited_closed", "all and shadow", true},
		{"limited_attributes_*", "plain", true},
		{"limited_attributes_*", "scores", true},
		{"limited_shadow_*", "shadow", true},
		{"many_*", "many", true},
		// With a scorer that is declared, or was a workflow when the run deferred it.
		{"declared_open", "declared", true},
		{"declared_closed", "declared", true},
		{"declared_closed", "declared, scores", true},
		{"declared_closed", "declared, at end", true},
		{"limited_declared_*", "declared", true},
		{"limited_declared_*", "declared, scores", true},
		{"declared_many_*", "many of both", true},
		{"everything_*", "everything declared", true},
		{"everything_*", "everything at end", true},
		{"limited_closed", "everything declared", true},
		{"many_*", "many declared", true},
		{"at_end_*", "at end", true},
		{"at_end_*", "scores", true},
		{"scores_*", "at end", true},
		{"plain_*", "declared", true},
		{"plain_*", "many of both", true},
		// With what the run had to carry itself.
		{"carried_*", "scores", true},
		{"carried_*", "plain", true},
		{"carried_*", "other scores", true},
		{"limited_carried_*", "scores", true},
		{"limited_carried_*", "plain", true},
		// With a shadow, which may be of the same code.
		{"shadow_*", "shadow", true},
		{"beside_*", "shadow", true},
		{"beside_*", "assigned", true},
		{"beside_*", "plain", true},
	} {
		for _, file := range recorded(t, c.histories) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json")+"/"+c.form, func(t *testing.T) {
				t.Parallel()
				require.NoError(t, replay(t, file, c.form, kept, c.plugin, verdict.Config{}))
				if c.plugin {
					// Turning things off and on keeps the shape of what began before.
					require.NoError(t, replay(t, file, c.form, kept, true, verdict.Config{DisabledWorkflows: []string{"replayed"}}))
					require.NoError(t, replay(t, file, c.form, kept, true, verdict.Config{StoreTaskQueue: "another"}))
				}
			})
		}
	}
}

// The scorers and the workflows that hand over replay.
func TestRecordedHistoriesOfOursReplay(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"scorer_*", "deliver_*", "record_*", "bundle_*", "backfill_*", "watch_*"} {
		for _, file := range recorded(t, pattern) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				t.Parallel()
				require.NoError(t, replay(t, file, "plain", kept, true, verdict.Config{}))
				require.NoError(t, replay(t, file, "plain", declared, true, verdict.Config{}), "the scorer is declared by now")
			})
		}
	}
}

// The replays can fail: these are changes that break runs.
func TestIncompatibleChangesFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		histories, form string
		scorer          verdict.ScorerDefinition
		plugin          bool
	}{
		"an activity added by hand":    {"plain_closed", "raw activity", kept, false},
		"the plugin ripped out":        {"scores_closed", "plain", kept, false},
		"a Defer and a Flush removed":  {"everything_closed", "scores", kept, true},
		"a Shadow removed":             {"shadow_closed", "assigned", kept, true},
		"a Flush of many removed":      {"many_closed", "everything", kept, true},
		"a side effect's call removed": {"limited_closed", "scores", kept, true},
		"a declared scorer removed":    {"declared_closed", "scores", kept, true},
		"one of them":                  {"declared_closed", "declared, no more", kept, true},
		"by a side effect, removed":    {"limited_declared_closed", "scores", kept, true},
		"a workflow again":             {"declared_*", "a workflow again", kept, true},
		"of many":                      {"declared_closed", "more of a workflow", kept, true},
		"by a side effect, a workflow": {"limited_declared_open", "a workflow again", kept, true},
		"of more than eight":           {"declared_many_closed", "many declared", kept, true},
		"a timer added to a scorer":    {"scorer_settled", "plain", incompatible, true},
		"a timer added to an open one": {"scorer_waiting", "plain", incompatible, true},
	} {
		for _, file := range recorded(t, c.histories) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				require.ErrorContains(t, replay(t, file, c.form, c.scorer, c.plugin, verdict.Config{}), "TMPRL1100")
			})
		}
	}
}

// The recorded histories are what their names say.
func TestRecordedHistoriesAreWhatTheySay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(histories, "*", "*.json"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 14)
	for _, file := range files {
		h, id := read(t, file)
		require.NotEmpty(t, id, file)
		last := h.Events[len(h.Events)-1].EventType
		open := strings.HasSuffix(file, "_open.json") || strings.HasSuffix(file, "_waiting.json")
		closed := last == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED || last == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED ||
			last == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED || last == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
		require.Equal(t, open, !closed, file)
	}
}
