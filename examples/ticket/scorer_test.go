package ticket_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/ticket"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/verdicttest"
)

var problem = ticket.Ticket{ID: "T-7", Problem: "no sound", Calm: 72 * time.Hour}

// The scorer by itself: the ticket is closed an hour after the run began, and has to stay closed for three days.
func TestThreeDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		reopened time.Duration // after the start of the run
		ends     scoring.RunStatus
		want     any
	}{
		{"nobody comes back", 1000 * time.Hour, scoring.RunCompleted, true},
		{"reopened on the last day", 72 * time.Hour, scoring.RunCompleted, false},
		{"reopened before it was closed again", 30 * time.Minute, scoring.RunCompleted, true},
		{"never solved", 1000 * time.Hour, scoring.RunFailed, scoring.Declined},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := verdicttest.NewScorer(t, ticket.StayedClosed, problem)
			s.CloseRun(time.Hour, verdict.ClosedRun{Status: c.ends})
			s.Deliver(c.reopened, verdict.Outcome{Name: ticket.Reopened, Key: "T-7"})
			s.RequireScore("stayed_closed", c.want)
		})
	}
}

// The workflow by itself leaves the scorer behind.
func TestSolveDefers(t *testing.T) {
	t.Parallel()
	env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{ticket.StayedClosed}})
	env.RegisterActivity(ticket.Close)
	env.ExecuteWorkflow(ticket.Solve, problem)
	require.NoError(t, env.GetWorkflowError())
	env.RequireDeferred("stayed_closed", problem)
	require.Len(t, env.Deferred(), 1)
}
