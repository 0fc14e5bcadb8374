package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrune(t *testing.T) {
	t.Parallel()
	db := agedDatabase(t)
	for age, want := range map[string]string{
		"": "must be a duration such as 25s or 2m", "0": "must be longer than 0", "-1h": "must be a duration such as 25s or 2m",
	} {
		got := call(t, RunStarter, nil, "prune", "--db", db, "--unclaimed-older-than", age)
		require.True(t, isUsage(got.err))
		require.ErrorContains(t, got.err, want)
	}
	require.True(t, isUsage(call(t, RunStarter, nil, "prune", "--db", db).err), "the age has no default")
	require.Len(t, listed(t, "--db", db), 3)
	got := call(t, RunStarter, nil, "prune", "--db", db, "--unclaimed-older-than", "48h")
	require.NoError(t, got.err)
	require.Equal(t, "1 outcomes deleted\n", got.stdout)
	require.Equal(t, []string{"hour", "day"}, listed(t, "--db", db))
	got = call(t, RunStarter, nil, "prune", "--db", db, "--unclaimed-older-than", "48h", "-o", "json")
	require.NoError(t, got.err)
	require.JSONEq(t, `{"deleted":0}`, got.stdout)
}
