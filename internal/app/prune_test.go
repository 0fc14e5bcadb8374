package app

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/sqlite"
)

func TestPrune(t *testing.T) {
	t.Parallel()
	db := agedDatabase(t)
	for _, what := range []string{"unclaimed", "scores", "revisions", "outcomes", "runs"} {
		for age, want := range map[string]string{
			"": "must be a duration such as 25s or 2m", "0": "must be longer than 0", "-1h": "must be a duration such as 25s or 2m",
		} {
			got := call(t, RunStarter, nil, "prune", "--db", db, "--"+what+"-older-than", age)
			require.True(t, isUsage(got.err))
			require.ErrorContains(t, got.err, want)
		}
	}
	require.True(t, isUsage(call(t, RunStarter, nil, "prune", "--db", db).err), "the age has no default")
	require.Len(t, listed(t, "--db", db), 3)
	got := call(t, RunStarter, nil, "prune", "--db", db, "--unclaimed-older-than", "48h", "--dry-run")
	require.NoError(t, got.err)
	require.Equal(t, "1 unclaimed outcomes would be deleted\n", got.stdout)
	got = call(t, RunStarter, nil, "prune", "--db", db, "--unclaimed-older-than", "48h")
	require.NoError(t, got.err)
	require.Equal(t, "1 unclaimed outcomes deleted\n", got.stdout)
	require.Equal(t, []string{"hour", "day"}, listed(t, "--db", db))
	got = call(t, RunStarter, nil, "prune", "--db", db, "--unclaimed-older-than", "48h", "-o", "json")
	require.NoError(t, got.err)
	require.JSONEq(t, `{"deleted":0,"unclaimed":0,"scores":0,"revisions":0,"outcomes":0,"runs":0,"protected":[],"dry_run":false}`, got.stdout)
	got = call(t, RunStarter, nil, "prune", "--db", db, "--outcomes-older-than", "12h")
	require.NoError(t, got.err)
	require.Equal(t, "1 outcomes deleted\n", got.stdout)
	require.Equal(t, []string{"hour"}, listed(t, "--db", db))
}

// An experiment is finished when its workflow says so, or the caller. Nothing is deleted while neither can say.
func TestPruneAsksWhatIsFinished(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "verdict.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	r := scoring.Run{Namespace: "default", WorkflowID: "w", RunID: "r"}
	_, err = s.Assign(t.Context(), scoring.Assignment{
		Experiment: "prompt", Version: "1", Variant: "a", By: scoring.ByWeight, Unit: "r", Probabilities: map[string]float64{"a": 1}, Run: r, At: time.Now(),
	})
	require.NoError(t, err)
	require.NoError(t, s.Record(t.Context(), []scoring.Record{{Score: scoring.Number("n", 1), Run: r, Source: scoring.FromClient, RecordedAt: time.Now()}}))
	prune := func(args ...string) outcomeOf {
		return call(t, RunStarter, nil, append([]string{"prune", "--db", path, "--runs-older-than", "1ns", "-o", "json"}, args...)...)
	}
	got := prune("--address", "127.0.0.1:1")
	require.ErrorContains(t, got.err, "which --finished may say instead")
	require.Empty(t, got.stdout)
	require.True(t, isUsage(prune("--finished", "prompt").err))
	for _, dry := range []bool{true, false} {
		args := []string{"--finished", "prompt@1"}
		if dry {
			args = append(args, "--dry-run")
		}
		got = prune(args...)
		require.NoError(t, got.err)
		var p pruned
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &p))
		require.Equal(t, 1, p.Runs)
		require.Equal(t, dry, p.DryRun)
	}
}
