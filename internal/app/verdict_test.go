package app

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// One binary is both programs: what it says differs from what they say in its name only.
func TestOneBinaryIsBothPrograms(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"report", "--help"}, {"experiment", "ramp", "--help"}, {"score", "--help"}, {"demo", "--help"}, {"prune", "--help"},
		{"frob"}, {"experiment", "pause"}, {"score", "--frob"},
	} {
		want, got := call(t, RunStarter, []string{away}, args...), call(t, RunVerdict, []string{away}, args...)
		require.Equal(t, strings.ReplaceAll(want.stdout, "starter", "verdict"), got.stdout, "%v", args)
		require.NotContains(t, got.stdout, "starter", "%v", args)
		if want.err == nil {
			require.NoError(t, got.err, "%v", args)
			continue
		}
		require.EqualError(t, got.err, strings.ReplaceAll(want.err.Error(), "starter", "verdict"), "%v", args)
		require.Equal(t, isUsage(want.err), isUsage(got.err), "%v", args)
	}

	for _, args := range [][]string{{"--help"}, {"--check", "--offline", "--db", ":memory:"}, {"--frob"}, {"--http", "nope"}, {"x"}} {
		want := call(t, RunWorker, []string{away}, args...)
		got := call(t, RunVerdict, []string{away}, append([]string{"worker"}, args...)...)
		require.Equal(t, strings.ReplaceAll(want.stdout, "  worker [flags]", "  verdict worker [flags]"), strings.ReplaceAll(got.stdout, "for verdict worker\n", "for worker\n"), "%v", args)
		if want.err == nil {
			require.NoError(t, got.err, "%v", args)
			continue
		}
		require.EqualError(t, got.err, strings.ReplaceAll(want.err.Error(), "`worker", "`verdict worker"), "%v", args)
	}
	require.Contains(t, call(t, RunVerdict, nil, "--help").stdout, "worker")
	require.Equal(t, call(t, RunVerdict, nil, "worker", "--help").stdout, call(t, RunVerdict, nil, "help", "worker").stdout)
}
