package releases

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// always is before which every expectation was made.
var always = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// The scorers whose histories say that they wait are those that the store knows to wait, and each settles: on an outcome
// that comes now, on what had come before, and at the end of its window. Nothing that had come is lost.
func TestWaitingScorersSettle(t *testing.T) {
	t.Parallel()
	recordings(t, settles)
}

func settles(t *testing.T, l left) {
	ctx, db := t.Context(), l.open(t, l.database(t))
	before, err := db.Ledger(ctx, store.LedgerFilter{})
	require.NoError(t, err)
	waiting, err := db.Waiting(ctx, always)
	require.NoError(t, err)
	require.Equal(t, l.waiting(t), scorersOf(waiting))
	settled := map[string]string{}
	for i, e := range waiting {
		seen, err := db.Expect(ctx, e)
		require.NoError(t, err)
		s := store.Settlement{ScorerRun: e.ScorerRun, At: e.Window.Until}
		score := scoring.Expire(e.Scorer)
		if i%2 == 0 {
			now := l.facts.RecordedAt.Add(time.Hour)
			o := scoring.Outcome{
				ID: fmt.Sprint("after/", i), Name: e.Events[0].Name, Key: e.Events[0].Key, Value: scoring.BoolValue(true),
				ObservedAt: now, ReceivedAt: now,
			}
			receipt, err := db.Receive(ctx, o)
			require.NoError(t, err)
			require.False(t, receipt.Duplicate)
			told := slices.ContainsFunc(receipt.Waiting, func(w scoring.Expectation) bool { return w.ScorerRun == e.ScorerRun })
			if e.Attribution != scoring.AttributeLast {
				require.True(t, told, "%s is told", e.ScorerRun)
			}
			if told {
				refused := s
				refused.Records = []scoring.Record{record0(e, score)}
				unseen, err := db.Settle(ctx, refused)
				require.NoError(t, err)
				require.NotEmpty(t, unseen, "it has not seen what it was told of")
			}
			seen, err = db.Expect(ctx, e)
			require.NoError(t, err)
			s.At, score = now, scoring.Bool(e.Scorer, true)
		}
		for _, o := range seen {
			s.Seen = append(s.Seen, o.ID)
		}
		s.Records = []scoring.Record{record0(e, score)}
		unseen, err := db.Settle(ctx, s)
		require.NoError(t, err)
		require.Empty(t, unseen)
		settled[e.Run.RunID+e.Scorer] = string(score.State)
	}
	left, err := db.Waiting(ctx, always)
	require.NoError(t, err)
	require.Empty(t, left)
	scores, err := db.Scores(ctx, store.Filter{})
	require.NoError(t, err)
	require.NotEmpty(t, scores)
	for _, r := range scores {
		require.NotEqual(t, scoring.Pending, r.State, "%v", r)
		if want, ok := settled[r.Run.RunID+r.Name]; ok && r.Source == scoring.FromScorer {
			require.Equal(t, want, string(r.State), "%v", r)
			delete(settled, r.Run.RunID+r.Name)
		}
	}
	require.Empty(t, settled)
	after, err := db.Ledger(ctx, store.LedgerFilter{})
	require.NoError(t, err)
	require.NotEmpty(t, before)
	for _, entry := range before {
		require.True(t, slices.ContainsFunc(after, func(e store.Entry) bool { return e.Outcome.ID == entry.Outcome.ID && e.Reason == entry.Reason }), "%v", entry)
	}
}

// record0 is the score of a scorer that waits.
func record0(e scoring.Expectation, s scoring.Score) scoring.Record {
	s.Key = e.Scorer + "@" + e.ScorerVersion
	return scoring.Record{
		Score: s, Run: e.Run, Step: e.Step, OriginalRunID: e.OriginalRunID, Source: scoring.FromScorer,
		Scorer: e.Scorer, ScorerVersion: e.ScorerVersion,
	}
}

// waiting returns the scorers that are open by their histories and have told the store what they wait for, but not how
// they settle.
func (l left) waiting(t *testing.T) (ids []string) {
	for _, r := range l.histories(t) {
		if !r.Open || !strings.HasPrefix(r.Type, "verdict.scorer.") {
			continue
		}
		asked := map[string]bool{}
		for _, e := range r.events(t).Events {
			if e.EventType == enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
				asked[e.GetActivityTaskScheduledEventAttributes().ActivityType.Name] = true
			}
		}
		if asked["verdict.Expect"] && !asked["verdict.Settle"] {
			ids = append(ids, r.WorkflowID)
		}
	}
	slices.Sort(ids)
	return ids
}

func scorersOf(waiting []scoring.Expectation) (ids []string) {
	for _, e := range waiting {
		ids = append(ids, e.ScorerRun.WorkflowID)
	}
	slices.Sort(ids)
	return ids
}
