package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
)

// How a backfill works: pages of a listing, each in parts that are scored at once.
const (
	partSize    = 100
	partsAtOnce = 4
	budgetPart  = 25 // under a budget: what an attempt spends that nobody hears of is of one of these at most
	pagesPerRun = 20 // until it continues as new
)

// BackfillRuns scores past runs. It pages through visibility, has runs scored in parts, and continues as new. Each part may be repeated, so
// a worker that dies, or a store or a server that is away, costs time alone. Signals pause and resume it, and a query tells its progress.
func BackfillRuns(ctx workflow.Context, b activities.Backfill) (activities.Progress, error) {
	f := &backfill{b: b, pause: workflow.GetSignalChannel(ctx, activities.PauseSignal), resume: workflow.GetSignalChannel(ctx, activities.ResumeSignal)}
	p := &f.b.Progress
	if err := workflow.SetQueryHandler(ctx, activities.ProgressQuery, func() (activities.Progress, error) { return *p, nil }); err != nil {
		return *p, err
	}
	workflow.Go(ctx, f.listen)
	options := storeActivity("")
	options.StartToCloseTimeout = 10 * time.Minute // the heartbeat notices a lost worker
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second}
	ctx = workflow.WithActivityOptions(ctx, options)
	if p.StartedAt.IsZero() {
		p.StartedAt = workflow.Now(ctx)
		if f.b.Back > 0 {
			f.b.Until = scheduled(ctx)
			f.b.Since, p.Until = f.b.Until.Add(-f.b.Back), f.b.Until
			if missed := sinceMissed(ctx, f.b.Back); missed.Before(f.b.Since) {
				f.b.Since = missed
			}
		}
		p.Budget = f.b.Budget
		if err := answer(ctx, workflow.ExecuteActivity(ctx, activities.CountRunsName, f.b), &p.Total); err != nil {
			return *p, err
		}
	}
	for range pagesPerRun {
		if err := f.page(ctx); err != nil || p.Ended != "" {
			return *p, err
		}
	}
	f.drain()
	return *p, workflow.NewContinueAsNewError(ctx, activities.BackfillWorkflow, f.b)
}

// backfill is a backfill under way.
type backfill struct {
	b             activities.Backfill
	pause, resume workflow.ReceiveChannel
}

// listen takes note of signals while parts are under way.
func (f *backfill) listen(ctx workflow.Context) {
	for ctx.Err() == nil {
		s := workflow.NewSelector(ctx)
		s.AddReceive(f.pause, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil); f.b.Progress.Paused = true })
		s.AddReceive(f.resume, func(c workflow.ReceiveChannel, _ bool) {
			var r activities.Resume
			c.Receive(ctx, &r)
			f.resumed(r)
		})
		s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
		s.Select(ctx)
	}
}

// drain takes the signals that have come before a run continues as new: the next one would not have them.
func (f *backfill) drain() {
	for f.pause.ReceiveAsync(nil) {
		f.b.Progress.Paused = true
	}
	for {
		var r activities.Resume
		if !f.resume.ReceiveAsync(&r) {
			return
		}
		f.resumed(r)
	}
}

// resumed ends a pause. One that has spent its budget continues with a larger one alone.
func (f *backfill) resumed(r activities.Resume) {
	p := &f.b.Progress
	p.Paused = false
	if r.Budget > 0 {
		p.Budget, f.b.Budget = r.Budget, r.Budget
	}
	p.Spent = p.Spent && p.Budget <= p.Cost
}

// page lists a page and scores its runs.
func (f *backfill) page(ctx workflow.Context) error {
	p := &f.b.Progress
	if err := f.wait(ctx); err != nil {
		return err
	}
	var page activities.Listed
	if err := answer(ctx, workflow.ExecuteActivity(ctx, activities.ListRunsName, f.b), &page); err != nil {
		return err
	}
	size, atOnce := partSize, partsAtOnce
	if f.b.Rate > 0 {
		size, atOnce = min(size, max(1, int(f.b.Rate))), 1
	}
	if f.b.MaxRuns > 0 || f.b.Budget > 0 {
		atOnce = 1
	}
	var pending []workflow.Future
	for runs := page.Runs; len(runs) > 0; {
		n := min(size, len(runs))
		if f.b.MaxRuns > 0 {
			left := f.b.MaxRuns - int(p.Scored+p.Failed)
			if left <= 0 {
				p.Ended = "max_runs"
				return nil
			}
			n = min(n, left)
		}
		if err := f.wait(ctx); err != nil {
			return err
		}
		if f.b.Budget > 0 { // it also has none left after a part that the budget cut
			n = min(n, budgetPart)
		}
		part := runs[:n]
		runs = runs[n:]
		score := activities.ToScore{Scorers: f.b.Scorers, Recheck: f.b.Recheck, Runs: part}
		if f.b.Budget > 0 {
			if score.Budget, score.Dearest = f.b.Budget-p.Cost, p.Dearest; score.Budget <= 0 {
				p.Spent = true
				runs = append(slices.Clone(part), runs...)
				continue
			}
		}
		began := workflow.Now(ctx)
		pending = append(pending, workflow.ExecuteActivity(ctx, activities.ScoreRunsName, score))
		if len(pending) == atOnce {
			left, err := f.take(ctx, pending[0])
			if err != nil {
				return err
			}
			if left > 0 {
				p.Spent = true
				runs = append(slices.Clone(part[len(part)-left:]), runs...)
			}
			pending = pending[1:]
		}
		if f.b.Rate > 0 {
			if pause := time.Duration(float64(len(part))/f.b.Rate*float64(time.Second)) - workflow.Now(ctx).Sub(began); pause > 0 {
				if err := workflow.Sleep(ctx, pause); err != nil {
					return err
				}
			}
		}
	}
	for _, part := range pending {
		if _, err := f.take(ctx, part); err != nil {
			return err
		}
	}
	if p.Page = page.Next; len(p.Page) == 0 {
		p.Ended = "done"
	}
	return nil
}

// take waits for a part. left is how many of its runs the budget did not allow.
func (f *backfill) take(ctx workflow.Context, part workflow.Future) (left int, err error) {
	var counts activities.Counts
	if err = answer(ctx, part, &counts); err == nil {
		f.b.Progress.Add(counts)
	}
	return counts.Left, err
}

// wait waits while it is paused, or has spent its budget.
func (f *backfill) wait(ctx workflow.Context) error {
	return workflow.Await(ctx, func() bool { return !f.b.Progress.Paused && !f.b.Progress.Spent })
}

// sinceMissed is from when on a recheck looks at closed runs if the last night that was completed is not the one before it: the nights between, which
// were skipped while the schedule was paused, or failed, would have looked from then on.
func sinceMissed(ctx workflow.Context, back time.Duration) time.Time {
	var last activities.Progress
	if !workflow.HasLastCompletionResult(ctx) || workflow.GetLastCompletionResult(ctx, &last) != nil || last.Until.IsZero() {
		return workflow.Now(ctx)
	}
	return last.Until.Add(24*time.Hour - back)
}

// scheduled is when a schedule meant the run to start, which it may do later: after an outage, or an earlier run that took long.
func scheduled(ctx workflow.Context) time.Time {
	if at, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledAt); ok {
		return at
	}
	return workflow.Now(ctx)
}

var scheduledAt = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")
