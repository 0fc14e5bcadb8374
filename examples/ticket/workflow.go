// Package ticket scores a solution by silence: the ticket stays closed.
package ticket

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/scoring"
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

// StayedClosed is the deferred scorer: silence is success.
var StayedClosed = verdict.NewScorer("stayed_closed", "1", func(ctx workflow.Context, t Ticket) (scoring.Score, error) {
	closed, err := verdict.AwaitRun(ctx)
	if err != nil {
		return scoring.Score{}, err
	}
	if closed.Status != scoring.RunCompleted {
		return verdict.Decline("", "it was not solved"), nil
	}
	// The ticket may well have been reopened just before: that is why we were asked. Only later events count.
	later := func(o verdict.Outcome) bool { return o.When().After(closed.ClosedAt) }
	window := verdict.Within(t.Calm).From(closed.ClosedAt)
	news, err := verdict.Await(ctx, verdict.On(Reopened, t.ID).Means(false).Where(later), window, verdict.ExpiresTrue)
	return news.Score(), err
})

// Solve solves a ticket. The runs about one ticket are a session.
func Solve(ctx workflow.Context, t Ticket) error {
	if t.Calm == 0 {
		t.Calm = 72 * time.Hour
	}
	verdict.Session(ctx, "ticket", t.ID)
	verdict.Defer(ctx, StayedClosed, t)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	return workflow.ExecuteActivity(ctx, Close, t).Get(ctx, nil)
}

// The help desk calls Reopen when a customer comes back. The event's id makes a repeated call harmless.
func Reopen(ctx context.Context, v *verdict.Client, ticket, event string, at time.Time) error {
	return v.Deliver(ctx, verdict.Outcome{ID: "helpdesk:" + event, Name: Reopened, Key: ticket, ObservedAt: at, Source: "helpdesk"})
}
