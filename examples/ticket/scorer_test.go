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

var (
	problem = ticket.Ticket{ID: "T-7", Problem: "no sound"}
	start   = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) // of runs in verdicttest
)

// The scorer by itself: the ticket has to stay closed for three days.
func TestThreeDays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		reopened time.Duration // after the start of the run
		want     any
	}{
		{"nobody comes back", 1000 * time.Hour, true},
		{"reopened on the last day", 71 * time.Hour, false},
		{"reopened before it was closed again", -time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := verdicttest.NewScorer(t, ticket.StayedClosed, ticket.Solution{Ticket: "T-7", At: start, Calm: 72 * time.Hour})
			s.Deliver(c.reopened, verdict.Outcome{Name: ticket.Reopened, Key: "T-7"})
			s.RequireScore("stayed_closed", c.want)
		})
	}
}

// The workflow by itself leaves the scorer behind, and scores what it could not solve.
func TestSolveDefers(t *testing.T) {
	t.Parallel()
	env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{ticket.StayedClosed}})
	env.SetStartTime(start)
	env.RegisterActivity(ticket.Close)
	env.Deliver(24*time.Hour, verdict.Outcome{Name: ticket.Reopened, Key: "T-7"})
	env.ExecuteWorkflow(ticket.Solve, problem)
	require.NoError(t, env.GetWorkflowError())
	env.RequireScore("stayed_closed", false)

	env = verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{ticket.StayedClosed}})
	env.RegisterActivity(ticket.Close)
	env.ExecuteWorkflow(ticket.Solve, ticket.Ticket{ID: "T-8"})
	require.Error(t, env.GetWorkflowError())
	env.RequireScore("stayed_closed", scoring.Declined)
}
