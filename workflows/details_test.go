package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/scoring"
)

// Every score writes the block anew: what that costs must not grow with the scores that a run has, or a run with a
// thousand of them would hold its workflow task for longer than the SDK allows.
func TestDetailsCostTheSameForManyScores(t *testing.T) {
	of := func(n int) *run {
		r := &run{}
		for i := range n {
			r.records = append(r.records, scoring.Record{Score: scoring.Number(fmt.Sprintf("score %04d", i), 0.5)})
		}
		return r
	}
	few, many := of(2*detailsLines), of(MaxScores)
	cost := func(r *run) float64 { return testing.AllocsPerRun(10, func() { r.details("the user's text") }) }
	require.Less(t, cost(many), 1.5*cost(few), "five times as many scores") // under the race detector it varies
	require.Contains(t, many.details(""), fmt.Sprintf("- and %d more", MaxScores-detailsLines))
}

// Whatever the user's text and the names are, what is set fits, the user's text stays, and as many scores as fit are there.
func TestDetailsFit(t *testing.T) {
	t.Parallel()
	text := rapid.StringOf(rapid.RuneFrom([]rune("<>&\"\\\n\u2028é日👍ab ")))
	rapid.Check(t, func(t *rapid.T) {
		r := &run{}
		for i := range rapid.IntRange(0, 300).Draw(t, "scores") {
			name := scoring.Clip(strings.Repeat(text.Draw(t, "name"), 20), scoring.MaxName)
			r.records = append(r.records, scoring.Record{Score: scoring.Number(name, float64(i)), Step: scoring.Step{ID: text.Draw(t, "step")}})
		}
		for range rapid.IntRange(0, 300).Draw(t, "waits") {
			r.waits = append(r.waits, scoring.Expectation{Scorer: scoring.Clip(strings.Repeat(text.Draw(t, "scorer"), 20), scoring.MaxName)})
		}
		r.assigned = []scoring.Ref{{Experiment: text.Draw(t, "experiment"), Variant: "a"}}
		users := scoring.Clip(strings.Repeat(text.Draw(t, "user"), 300), 15_000)
		details := r.details(users)
		require.True(t, strings.HasPrefix(details, users))
		if scoring.EncodedText(users) < detailsLimit-detailsOwn {
			require.LessOrEqual(t, scoring.EncodedText(details), detailsLimit)
		}
		require.Equal(t, details, r.details(details), "the block is replaced")
	})
}

// What waits is there with its end, and as many as there is room for.
func TestDetailsSayWhatWaits(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 12, 24, 18, 30, 0, 0, time.UTC)
	r := &run{waits: []scoring.Expectation{{Scorer: "accepted", Window: scoring.Window{Until: until}}}}
	require.Contains(t, r.details(""), "- accepted waits until 2026-12-24 18:30 UTC\n")
	for range MaxDeferred {
		r.waits = append(r.waits, r.waits[0])
	}
	require.Contains(t, r.details(""), "- and 901 more that wait\n")
}

// A user's text that is longer than what the server shows is left as it is, and looked at no further.
func TestDetailsOfAMegabyteAreLeft(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := patient.Environment(&suite, worker.Options{})
	text := strings.Repeat("<", 1<<20)
	env.ExecuteWorkflow(func(ctx workflow.Context) (bool, error) {
		workflow.SetCurrentDetails(ctx, text)
		r := &run{records: []scoring.Record{{Score: scoring.Number("quality", 0.5)}}}
		cost := testing.AllocsPerRun(10, func() { r.describe(ctx) })
		return cost < 5 && workflow.GetCurrentDetails(ctx) == text, nil
	})
	var left bool
	require.NoError(t, env.GetWorkflowResult(&left))
	require.True(t, left)
}
