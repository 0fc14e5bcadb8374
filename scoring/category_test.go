package scoring_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

func TestCategories(t *testing.T) {
	t.Parallel()
	intent, err := scoring.NewCategories("intent", "refund", "l'été", strings.Repeat("é", 32))
	require.NoError(t, err)
	s := intent.Score("l'été")
	require.NoError(t, s.Validate())
	require.Equal(t, scoring.Scored, s.State)
	require.False(t, s.Value.IsSet(), "no number: never read as 0 or 1")
	require.Equal(t, "l'été", s.ValueText())

	for _, bad := range []string{"refunds", "", strings.Repeat("x", 5000), "a\xff"} {
		s := intent.Score(bad)
		require.Equal(t, scoring.Failed, s.State, bad)
		require.Empty(t, s.Category)
		require.Contains(t, s.Reason, "refund, l'été")
		require.NoError(t, s.Validate())
	}
	var many []string
	for i := range scoring.MaxCategories + 1 {
		many = append(many, fmt.Sprint(i))
	}
	_, err = scoring.NewCategories("intent", many[1:]...)
	require.NoError(t, err)
	for field, values := range map[string][]string{"category": {"a", strings.Repeat("é", 33)}, "categories": many} {
		_, err := scoring.NewCategories("intent", values...)
		invalid(t, err, field)
	}
	for _, values := range [][]string{nil, {"a", "a"}} {
		_, err := scoring.NewCategories("intent", values...)
		invalid(t, err, "categories")
	}
	for _, value := range []string{"", " ", "a\nb", "a\xff"} {
		_, err := scoring.NewCategories("intent", value)
		invalid(t, err, "category")
	}
	_, err = scoring.NewCategories("", "a")
	invalid(t, err, "name")
	require.Panics(t, func() { scoring.MustCategories("intent") })
}

// A score has a value or a category, and only when it is scored; what JSON says of it is what comes back.
func TestAScoreHasAValueOrACategory(t *testing.T) {
	t.Parallel()
	refund := scoring.MustCategories("intent", "refund", "question").Score("refund")
	invalid(t, scoring.Score{Name: "intent", State: scoring.Scored, Value: scoring.BoolValue(true), Category: "refund"}.Validate(), "category")
	invalid(t, scoring.Score{Name: "intent", State: scoring.Expired, Category: "refund"}.Validate(), "category")
	invalid(t, scoring.Score{Name: "intent", State: scoring.Scored, Category: "a\nb"}.Validate(), "category")
	data, err := json.Marshal(refund)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"intent","state":"scored","value":null,"category":"refund"}`, string(data))
	var back scoring.Score
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, refund, back)
	question := refund
	question.Category = "question"
	require.True(t, refund.Same(back))
	require.False(t, refund.Same(question))

	// Said at one moment, every reader decides alike, in any order.
	run := scoring.Run{WorkflowID: "w", RunID: "r"}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	a, b := scoring.Record{Score: refund, Run: run, Source: scoring.FromClient, RecordedAt: at}, scoring.Record{Score: question, Run: run, Source: scoring.FromClient, RecordedAt: at}
	for _, history := range [][]scoring.Record{{a, b}, {b, a}} {
		held, _, ok := scoring.Holding(history, time.Time{})
		require.True(t, ok)
		require.Equal(t, "refund", held.Category)
	}
}
