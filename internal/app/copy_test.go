package app

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// asOf is when a report was made.
var asOf = regexp.MustCompile(`"(as_of|counted_as_of|at)": "[^"]*"`)

// A report on the copy of a copy says what one on the first store says.
func TestCopy(t *testing.T) {
	t.Parallel()
	from, url, back := database(t), pgtest.Start(t), filepath.Join(t.TempDir(), "back.db")
	got := call(t, RunStarter, nil, "copy", "--from", from, "--to", url)
	require.NoError(t, got.err)
	require.Regexp(t, `(?m)^ *1  runs$`, got.stdout)
	require.Regexp(t, `(?m)^ *1  rejections$`, got.stdout)
	require.Regexp(t, `(?m)^ *\d+  in all$`, got.stdout)
	got = call(t, RunStarter, nil, "copy", "--from", url, "--to", back, "--output", "json")
	require.NoError(t, got.err)
	require.Contains(t, got.stdout, `"table": "scores",`)
	report := func(db string) string {
		got := call(t, RunStarter, nil, "report", "--db", db, "--output", "json")
		require.NoError(t, got.err)
		return asOf.ReplaceAllString(got.stdout, "")
	}
	require.Equal(t, report(from), report(url))
	require.Equal(t, report(from), report(back))

	got = call(t, RunStarter, nil, "copy", "--from", from, "--to", back)
	require.ErrorContains(t, got.err, "is not empty")
	got = call(t, RunStarter, nil, "copy", "--from", from)
	require.True(t, isUsage(got.err))
	require.ErrorContains(t, got.err, "--to")
	got = call(t, RunStarter, nil, "copy", "--from", filepath.Join(t.TempDir(), "gone.db"), "--to", back)
	require.True(t, isUsage(got.err))
	got = call(t, RunStarter, nil, "copy", "--from", "postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=2", "--to", back)
	require.Error(t, got.err)
	require.NotContains(t, got.err.Error(), "hunter2")
}
