// Package ticket scores a solution by silence: the ticket stays closed.
package ticket

import (
	"cmp"
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
)

// TaskQueue is where the worker polls.
const TaskQueue = "ticket"

// Reopened is the outcome that speaks against a solution.
const Reopened = "ticket.reopened"

// Ticket is the problem to solve.
type Ticket struct {
	ID      string        `json:"id"`
	Problem string        `json:"problem"`
	Calm    time.Duration `json:"calm,omitempty"` // how long it must stay closed; 72 h if 0
}

// Solution is what became of a ticket.
type Solution struct {
	Ticket string        `json:"ticket"`
	At     time.Time     `json:"at"`
	Calm   time.Duration `json:"calm"`
}

// StayedClosed is the deferred scorer: silence is success. The ticket may well have been reopened just before: that is why we
// were asked. Only what happens after the solution counts.
var StayedClosed = verdict.NewOutcomeScorer("stayed_closed", "1", func(s Solution) verdict.Wait {
	return verdict.Wait{
		For:    verdict.On(Reopened, s.Ticket).Means(false),
		Window: verdict.Within(s.Calm).Since(s.At),
		End:    verdict.ExpiresTrue,
		// How late the help desk may tell us what happened in time.
		Allowance: min(s.Calm, time.Minute),
	}
})

// Solve solves a ticket. The runs about one ticket are a session.
func Solve(ctx workflow.Context, t Ticket) error {
	verdict.Session(ctx, "ticket", t.ID)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	if err := workflow.ExecuteActivity(ctx, Close, t).Get(ctx, nil); err != nil {
		verdict.Record(ctx, verdict.Decline("stayed_closed", "it was not solved"))
		return err
	}
	verdict.Defer(ctx, StayedClosed, Solution{t.ID, workflow.Now(ctx), cmp.Or(t.Calm, 72*time.Hour)})
	return nil
}

// The help desk calls Reopen when a customer comes back. The event's id makes a repeated call harmless.
func Reopen(ctx context.Context, v *verdict.Client, ticket, event string, at time.Time) error {
	return v.Deliver(ctx, verdict.Outcome{ID: "helpdesk:" + event, Name: Reopened, Key: ticket, ObservedAt: at, Source: "helpdesk"})
}
