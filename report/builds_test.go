package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
)

func buildScoreOf(t *testing.T, b *report.Builds, step, name string) report.BuildScore {
	t.Helper()
	for _, s := range b.Scores {
		if s.Step == step && s.Score == name {
			return s
		}
	}
	require.Fail(t, "no score", "%s of %s", name, step)
	return report.BuildScore{}
}

// A build that does worse on one step is found, on that step alone, in every form of the report.
func TestBuildsAreCompared(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	steps(t, s, 40, func(_ int, build, step string) int {
		if build == "b2" && step == "Rank" {
			return 60
		}
		return 10
	})
	r, said := text(t, s, report.Options{Build: "b2", Against: "b1"})
	b := r.Builds
	require.Equal(t, []int{200, 200, 400, 0}, []int{b.Runs, b.AgainstRuns, b.Read, b.NoBuild})
	// All runs of a day start at once; each day is a row of hours of its own, whose ends are left out.
	require.Equal(t, []int{180, 180}, []int{b.Compared, b.AgainstCompared})
	require.False(t, b.Cut)
	for _, step := range []string{"Retrieve", "Rank", "Write"} {
		good := buildScoreOf(t, b, step, "good")
		require.Equal(t, []int{180, 180}, []int{good.Scored, good.AgainstScored})
		if step != "Rank" {
			require.Empty(t, good.Shown)
			require.True(t, good.DifferenceInterval.Contains(0))
			continue
		}
		require.Equal(t, "lower", good.Shown)
		require.InDelta(t, -.5, *good.Difference, .12)
		require.True(t, good.DifferenceInterval.Contains(*good.Difference))
		require.Less(t, *good.PValue, .05)
	}
	require.Empty(t, buildScoreOf(t, b, "", experiments.RunFailed).Shown)
	require.Regexp(t, `(?m)^b2 is lower than b1 by 0\.\d+ \(0\.\d+ to 0\.\d+\) on good of Rank, over the 360 runs of the times in which both ran$`, said)
	require.Contains(t, said, "nothing was randomised: what else changed with the build is in it too")
	require.NotContains(t, said, "WINNER")

	var lines bytes.Buffer
	require.NoError(t, display.CSV(&lines, r))
	rows, err := csv.NewReader(&lines).ReadAll()
	require.NoError(t, err)
	require.Equal(t, display.BuildColumns, rows[0])
	require.Len(t, rows, 1+len(b.Scores))
	encoded, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(encoded), `"builds":{"build":"b2","against":"b1"`)

	_, said = text(t, s, report.Options{Build: "b1", Against: "b2"})
	require.Contains(t, said, "b1 is higher than b2 by 0.")
}

// Chains count once, chains of several builds are left out, runs without a build are counted, and so is what ran alone.
func TestBuildsLeaveOutAndSay(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	flush := func(id, first, build string, status scoring.RunStatus, at time.Time) {
		require.NoError(t, s.Flush(t.Context(), scoring.Flush{
			Facts: scoring.RunFacts{
				Run: scoring.Run{Namespace: "n", WorkflowID: "w-" + first, RunID: id}, FirstRunID: first, OriginalRunID: id, WorkflowType: "Answer",
				StartedAt: at, ClosedAt: at.Add(time.Minute), Status: status, BuildID: build, Attempt: 1,
			},
			Sequence: 5, At: at,
		}))
	}
	for i := range 100 {
		build := []string{"b1", "b2"}[i%2]
		id, at := fmt.Sprintf("r%03d", i), start.Add(time.Duration(i)*time.Minute)
		flush(id, id, build, scoring.RunContinuedAsNew, at)
		flush(id+"-2", id, build, scoring.RunCompleted, at.Add(2*time.Minute))
		flush("alone"+id, "alone"+id, "b1", scoring.RunCompleted, start.Add(-48*time.Hour))
	}
	flush("m", "m", "b1", scoring.RunContinuedAsNew, start)
	flush("m-2", "m", "b2", scoring.RunCompleted, start)
	flush("x", "x", "", "", start)
	r, said := text(t, s, report.Options{Build: "b2", Against: "b1"})
	b := r.Builds
	require.Equal(t, []int{50, 150, 1, 1, 303}, []int{b.Runs, b.AgainstRuns, b.Mixed, b.NoBuild, b.Read})
	require.Equal(t, []int{48, 48}, []int{b.Compared, b.AgainstCompared})
	took := buildScoreOf(t, b, "", experiments.RunDuration)
	require.Equal(t, 48, took.Scored)
	require.InDelta(t, 180, *took.Mean, 0)
	require.Nil(t, took.Difference, "all took as long")
	require.Contains(t, said, "no difference is shown")
	require.Contains(t, said, "1 runs have said no build")
	require.Contains(t, said, "1 chains of runs are left out")
}

func TestBuildsRefuse(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	steps(t, s, 2, func(int, string, string) int { return 0 })
	for want, o := range map[string]report.Options{
		"which build is compared":  {Against: "b1"},
		"compared with?":           {Build: "b1"},
		"is the build itself":      {Build: "b1", Against: "b1"},
		"not within an experiment": {Build: "b2", Against: "b1", Experiment: "retriever"},
		"not within a session":     {Build: "b2", Against: "b1", Session: scoring.Session{Key: "c", ID: "1"}},
		"leave out the tables":     {Build: "b2", Against: "b1", By: report.ByDay},
		"is not before":            {Build: "b2", Against: "b1", Since: start, Until: start},
		`no run of build "b3"`:     {Build: "b3", Against: "b1"},
		"there are b1, b2":         {Build: "b2", Against: "b0"},
		"there are none":           {Build: "b2", Against: "b1", Since: time.Now().Add(time.Hour)},
	} {
		o.Now = start.AddDate(0, 0, 10)
		_, err := report.Build(t.Context(), s, o)
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid, want)
		require.ErrorContains(t, err, want)
	}
}

// Runs that never flush, of workflows that do not know Verdict or that are terminated, have the build that their histories name.
func TestBuildsOfRunsThatNeverFlush(t *testing.T) {
	t.Parallel()
	s := empty(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	now := time.Now().UTC().Truncate(time.Hour)
	var facts []scoring.RunFacts
	var records []scoring.Record
	for n := range 600 {
		at := now.Add(time.Duration(n-600) * 10 * time.Minute)
		f := scoring.RunFacts{
			Run: scoring.Run{Namespace: "default", WorkflowID: fmt.Sprint("w-", n), RunID: fmt.Sprint("r-", n)}, WorkflowType: "agent", Attempt: 1,
			StartedAt: at, ClosedAt: at.Add(time.Minute), Status: scoring.RunCompleted, BuildID: fmt.Sprint("b", 1+n%2),
		}
		f.FirstRunID, f.OriginalRunID = f.Run.RunID, f.Run.RunID
		if n%2 == 1 && n%4 == 1 || n%20 == 0 {
			f.Status = scoring.RunTerminated
		}
		facts = append(facts, f)
		records = append(records, scoring.NewRecord(scoring.Bool("succeeded", f.Status == scoring.RunCompleted), scoring.FromClient, f.Run, scoring.Step{}, f.ClosedAt))
	}
	require.NoError(t, s.RecordRuns(t.Context(), facts, records))
	r, said := text(t, s, report.Options{Build: "b2", Against: "b1"})
	require.Equal(t, []int{300, 300, 600, 0}, []int{r.Builds.Runs, r.Builds.AgainstRuns, r.Builds.Read, r.Builds.NoBuild})
	require.Equal(t, "higher", buildScoreOf(t, r.Builds, "", experiments.RunFailed).Shown)
	require.Equal(t, "lower", buildScoreOf(t, r.Builds, "", "succeeded").Shown)
	require.NotContains(t, said, "have said no build")
}
