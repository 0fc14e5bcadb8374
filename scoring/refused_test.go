package scoring_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

// What is recorded in the place of a refused record is valid, has no value, and stands where the record would have stood as
// far as that is possible.
func TestRefused(t *testing.T) {
	t.Parallel()
	good := scoring.Record{
		Score: scoring.Number("precision", 0.5), Run: scoring.Run{WorkflowID: "w", RunID: "r"}, Source: scoring.FromWorkflow,
		Step: scoring.Step{ID: "7", Type: "Retrieve"},
	}
	good.Key = "k"
	why := errors.New("because of this")
	for name, break_ := range map[string]func(*scoring.Record){
		"its value":    func(r *scoring.Record) { r.Value = scoring.Value{} },
		"its state":    func(r *scoring.Record) { r.State = "good" },
		"its reason":   func(r *scoring.Record) { r.Reason = strings.Repeat("x", scoring.MaxReason+1) },
		"its time":     func(r *scoring.Record) { r.ObservedAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"its sessions": func(r *scoring.Record) { r.Sessions = []scoring.Session{{Key: "customer"}} },
	} {
		r := good
		break_(&r)
		got, ok := r.Refused(why)
		require.True(t, ok, name)
		require.NoError(t, got.Validate(), name)
		require.Equal(t, scoring.Score{Name: "precision", State: scoring.Failed, Reason: "because of this", Key: "k"}, got.Score, name)
		require.Equal(t, good.Step, got.Step, name)
	}
	keys := map[string]bool{"": true, "k": true}
	for name, break_ := range map[string]func(*scoring.Record){
		"its key":  func(r *scoring.Record) { r.Key = "a\nb" },
		"its step": func(r *scoring.Record) { r.Step.ID = strings.Repeat("x", scoring.MaxID+1) },
		"both":     func(r *scoring.Record) { r.Key, r.Step.Type = "a\nb", "\x00" },
	} {
		r := good
		break_(&r)
		got, ok := r.Refused(why)
		require.True(t, ok, name)
		require.NoError(t, got.Validate(), name)
		if name == "its key" {
			require.Equal(t, good.Step, got.Step)
		} else {
			require.Equal(t, scoring.Step{}, got.Step, name)
		}
		require.False(t, keys[got.Key], "%s: it takes the place of another score", name)
		keys[got.Key] = true
	}
	for name, break_ := range map[string]func(*scoring.Record){
		"its name": func(r *scoring.Record) { r.Name = "" },
		"its run":  func(r *scoring.Record) { r.Run = scoring.Run{} },
	} {
		r := good
		break_(&r)
		_, ok := r.Refused(why)
		require.False(t, ok, name)
	}
}
