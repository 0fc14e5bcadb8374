package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// Everything that is sent in one piece fits into a payload, whatever its texts are, if they are valid.
func TestWhatIsSentFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := func(n int) string { // as long as it may be
			piece := rapid.SampledFrom([]string{"<", "&", `"`, `\`, "\u2028", "\ufffd", "é", "日", "👍", "a"}).Draw(t, "piece")
			return strings.Repeat(piece, n/len(piece))
		}
		now := time.Unix(1_700_000_000, 123456789).UTC()
		run := scoring.Run{Namespace: text(255), WorkflowID: text(scoring.MaxID), RunID: text(scoring.MaxID)}
		step := scoring.Step{ID: text(scoring.MaxID), Type: text(scoring.MaxID), Attempt: 1}
		var sessions []scoring.Session
		for range scoring.MaxSessions {
			sessions = append(sessions, scoring.Session{Key: text(scoring.MaxSessionKey), ID: text(scoring.MaxKey)})
		}
		rec := scoring.Record{
			Score: scoring.Score{Name: text(scoring.MaxName), State: scoring.Scored, Value: scoring.BoolValue(true), Reason: text(scoring.MaxReason), Key: text(scoring.MaxKey), ObservedAt: now, Sessions: sessions},
			Run:   run, Step: step, OriginalRunID: text(scoring.MaxID), Source: scoring.FromScorer,
			Scorer: text(scoring.MaxName), ScorerVersion: text(scoring.MaxName), BuildID: text(255), RecordedAt: now,
		}
		outcome := scoring.Outcome{
			ID: text(scoring.MaxOutcomeID), Name: text(scoring.MaxName), Key: text(scoring.MaxKey), Source: text(scoring.MaxKey),
			Payload: []byte(`"` + strings.Repeat(rapid.SampledFrom([]string{"<", "\u2028", "a"}).Draw(t, "payload"), scoring.MaxPayload/3-1) + `"`), ReceivedAt: now, ObservedAt: now,
		}
		assignment := scoring.Assignment{Experiment: text(scoring.MaxName), Version: text(scoring.MaxName), Variant: text(scoring.MaxName), Unit: text(scoring.MaxKey), Run: run, At: now, Probabilities: map[string]float64{}}
		for i := range experiments.MaxVariants {
			assignment.Probabilities[fmt.Sprint(i, text(scoring.MaxName-3))] = 1. / 3
		}
		facts := scoring.RunFacts{
			Run: run, FirstRunID: text(scoring.MaxID), OriginalRunID: text(scoring.MaxID), WorkflowType: text(scoring.MaxID), TaskQueue: text(scoring.MaxID),
			FailureType: text(scoring.MaxID), FailingStep: text(scoring.MaxID), BuildID: text(255), Sessions: sessions,
		}
		for range 20 {
			facts.Keys = append(facts.Keys, text(scoring.MaxKey))
			facts.Assigned = append(facts.Assigned, assignment.Ref())
		}
		expectation := scoring.Expectation{ScorerRun: run, Run: run, Step: step, Scorer: rec.Scorer, ScorerVersion: rec.ScorerVersion}
		for range 100 {
			expectation.Events = append(expectation.Events, scoring.Event{Name: text(scoring.MaxName), Key: text(scoring.MaxKey)})
		}
		for name, v := range map[string]any{
			"record":     activities.Batch{Records: []scoring.Record{rec}, RunKey: text(scoring.MaxKey)},
			"assignment": activities.Batch{Assignment: &assignment},
			"end":        activities.Batch{Flush: &scoring.Flush{Facts: facts, Records: []scoring.Record{rec}}},
			"delivery":   outcome, "signal": outcome.Tidy(), "rest": activities.Rest{Expectation: expectation, Seen: []string{outcome.ID}},
			"settlement": store.Settlement{ScorerRun: run, Seen: []string{outcome.ID}, Records: []scoring.Record{rec}},
			"rejection":  store.Rejection{Source: text(scoring.MaxKey), DeliveryID: text(scoring.MaxKey), Reason: text(scoring.MaxReason)},
			"envelope":   workflows.Envelope{Run: run, Step: step, Assigned: facts.Assigned, Sessions: sessions, TaskQueue: text(scoring.MaxID)},
			"served":     rollout.Served{Epoch: experiments.Epoch{Weights: assignment.Probabilities}},
			"change":     rollout.Change{Who: text(scoring.MaxName), Reason: text(1000), Weights: assignment.Probabilities},
			"verdict":    judges.Verdict{Reason: text(scoring.MaxReason)},
			"header":     facts.Assigned,
		} {
			require.LessOrEqual(t, activities.Size(v), activities.MaxCarried, name)
		}
		require.LessOrEqual(t, activities.Size(facts.Assigned), 64<<10, "the header of one child")
	})
}
