package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
)

// How a rule is followed. Visibility lists a run some time after its close, so each look goes back a moment, every now and then a little, and
// rarely further: a run that has its scores costs a question to the store. A run is listed at most ten times by this, at any pace of looks, and
// a call lists 1,000: at most one call for 100 runs where many close, and one call for each look where few do.
const (
	glanceBack   = 3 * time.Second
	lookEvery    = 15 * time.Second
	lookBack     = 45 * time.Second
	sweepEvery   = 4 * time.Minute
	sweepBack    = 10 * time.Minute
	looksPerRun  = 200
	noRule       = time.Hour // how long no worker may have the rule
	tryAgain     = time.Minute
	eventsPerRun = 4000 // until it continues as new
)

// WatchRuns follows a rule: it lists the runs that have closed and has them scored. It is the only one that does for a rule, and where it
// has got to is its state, so nothing is missed while workers are away. It ends when no worker has had the rule for an hour.
func WatchRuns(ctx workflow.Context, w activities.Watch) error {
	if err := workflow.SetQueryHandler(ctx, activities.ProgressQuery, func() (activities.Progress, error) { return w.Progress, nil }); err != nil {
		return err
	}
	if w.StartedAt.IsZero() {
		w.StartedAt = workflow.Now(ctx)
	}
	for range looksPerRun {
		every, err := look(ctx, &w)
		var unknown *temporal.ApplicationError
		switch {
		case err == nil:
		case temporal.IsCanceledError(err):
			return err
		case errors.As(err, &unknown) && unknown.Type() == activities.ErrorTypeNoRule:
			workflow.GetLogger(ctx).Warn("Verdict: no worker has the rule any longer", "Rule", w.Rule)
			return nil
		default: // it stays where it was: what it has not seen it sees later
			workflow.GetLogger(ctx).Error("Verdict: a rule cannot be followed now; it is tried again", "Rule", w.Rule, "Error", err)
			every = tryAgain
		}
		if err := workflow.Sleep(ctx, every); err != nil {
			return err
		}
		if workflow.GetInfo(ctx).GetCurrentHistoryLength() > eventsPerRun {
			break
		}
	}
	return workflow.NewContinueAsNewError(ctx, activities.WatchWorkflow, w)
}

// look scores what has closed since the last look.
func look(ctx workflow.Context, w *activities.Watch) (every time.Duration, err error) {
	now := workflow.Now(ctx)
	b := activities.Backfill{Rule: w.Rule, Since: w.Since.Add(-glanceBack), Until: now}
	switch {
	case now.Sub(w.SweptAt) >= sweepEvery:
		b.Since, w.SweptAt, w.LookedBackAt = w.Since.Add(-sweepBack), now, now
	case now.Sub(w.LookedBackAt) >= lookEvery:
		b.Since, w.LookedBackAt = w.Since.Add(-lookBack), now
	}
	options := storeActivity("")
	options.StartToCloseTimeout, options.ScheduleToCloseTimeout = 10*time.Minute, noRule
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: time.Minute}
	ctx = workflow.WithActivityOptions(ctx, options)
	for {
		var page activities.Listed
		if err := answer(ctx, workflow.ExecuteActivity(ctx, activities.MatchRunsName, b), &page); err != nil {
			return 0, err
		}
		var parts []workflow.Future
		for runs := page.Runs; len(runs) > 0; {
			n := min(partSize, len(runs))
			parts = append(parts, workflow.ExecuteActivity(ctx, activities.ScoreRunsName, activities.ToScore{Rule: w.Rule, Runs: runs[:n]}))
			runs = runs[n:]
		}
		for _, part := range parts {
			var counts activities.Counts
			if err := answer(ctx, part, &counts); err != nil {
				return 0, err
			}
			counts.Skipped = 0 // most were scored at the last look
			w.Add(counts)
		}
		if b.Progress.Page = page.Next; len(page.Next) == 0 {
			w.Since = now
			return page.Every, nil
		}
	}
}
