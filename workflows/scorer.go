package workflows

import (
	"errors"
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// scorer is the state of a scorer's run: its waits, and the outcomes that it has received.
type scorer struct {
	env   Envelope
	inbox []scoring.Outcome // in the order of Outcome.Before, each id once
	seen  map[string]bool
	waits []*wait
	used  map[*wait]bool // by the function's current pass

	closed   *activities.Closed // how the run ended, once that was awaited
	canceled bool               // while a judge was asked

	// origin is when the scorer was called for: when the run called Defer, when it closed, or the time it was to start at.
	// began is when its function first ran, which is later if no worker was up.
	origin, began time.Time
}

type scorerKey struct{}

// RunScorer is the body of every scorer's workflow: it runs the user's function until its scores can be settled, and
// again for outcomes that arrive within the grace.
//
// The function may run again, from its start, when an outcome came between its decision and the settlement. Its waits
// are remembered; its activities run again.
func RunScorer(ctx workflow.Context, env Envelope, score func(workflow.Context) ([]scoring.Score, error)) (Result, error) {
	if env.Silent {
		return Result{Scores: []scoring.Score{}}, nil
	}
	s := &scorer{env: env, seen: map[string]bool{}}
	ctx = workflow.WithValue(ctx, scorerKey{}, s)
	s.listen(ctx)

	declined, err := s.start(ctx)
	if err != nil {
		return Result{}, s.abandon(ctx, err)
	}
	if declined != nil {
		return s.settle(ctx, []scoring.Score{*declined})
	}
	s.began = workflow.Now(ctx)
	for {
		s.used = map[*wait]bool{}
		scores, err := score(ctx)
		if s.canceled && err == nil {
			err = ctx.Err()
		}
		if temporal.IsCanceledError(err) && ctx.Err() != nil {
			return Result{}, s.abandon(ctx, err)
		}
		settled := maps.Clone(s.seen) // the outcomes that the function may have taken into account
		result, err := s.settle(ctx, s.normalize(ctx, scores, err))
		if err != nil {
			return Result{}, err
		}
		if result.Scores == nil {
			continue // the inbox has changed
		}
		late, err := s.awaitGrace(ctx, settled)
		if err != nil || !late {
			// A cancellation during the grace ends the waiting for corrections; the score stands.
			return result, nil
		}
	}
}

// listen collects outcomes from the signal, from the first task on.
func (s *scorer) listen(ctx workflow.Context) {
	ch := workflow.GetSignalChannel(ctx, activities.OutcomeSignal)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var raw converter.RawValue
			if !ch.Receive(ctx, &raw) {
				return
			}
			s.add(decoded[scoring.Outcome](ctx, "an outcome", raw))
		}
	})
}

// add puts outcomes into the inbox. An id that it has already is the same outcome, by any path.
func (s *scorer) add(outcomes ...scoring.Outcome) {
	for _, o := range outcomes {
		if s.seen[o.ID] {
			continue
		}
		s.seen[o.ID] = true
		i, _ := slices.BinarySearchFunc(s.inbox, o, func(a, b scoring.Outcome) int {
			if a.Before(b) {
				return -1
			}
			return 1
		})
		s.inbox = slices.Insert(s.inbox, i, o)
	}
}

// drop takes outcomes out of the inbox, by their marks, that count for another scorer. They are not forgotten: told of one
// again, the scorer takes it back.
func (s *scorer) drop(marks map[string]bool) {
	if len(marks) == 0 {
		return
	}
	s.inbox = slices.DeleteFunc(s.inbox, func(o scoring.Outcome) bool {
		if !marks[o.Mark()] {
			return false
		}
		delete(s.seen, o.ID)
		return true
	})
}

// start waits for the start mode. It returns a score if by the mode there is nothing to score.
func (s *scorer) start(ctx workflow.Context) (*scoring.Score, error) {
	switch s.env.Start.Mode {
	case StartNow:
		s.origin = workflow.GetInfo(ctx).WorkflowStartTime
		return nil, nil
	case StartAtTime:
		s.origin = s.env.Start.At
		return nil, workflow.Sleep(ctx, max(0, s.env.Start.At.Sub(workflow.Now(ctx))))
	}
	closed, err := AwaitRun(ctx)
	if err != nil {
		if temporal.IsCanceledError(err) {
			return nil, err
		}
		failed := scoring.Fail(s.env.Scorer, "the run could not be followed to its close: "+err.Error())
		return &failed, nil
	}
	s.origin = closed.ClosedAt
	succeeded := closed.Status == scoring.RunCompleted
	failed := closed.Status == scoring.RunFailed || closed.Status == scoring.RunTimedOut
	if (s.env.Start.Mode == StartOnSuccess && !succeeded) || (s.env.Start.Mode == StartOnFailure && !failed) {
		declined := scoring.Decline(s.env.Scorer, "the run ended as "+string(closed.Status))
		return &declined, nil
	}
	return nil, nil
}

// normalize turns the results of the function into valid scores: an error, and a score that breaks a rule, become a
// score in state error, which is visible and never a number; no score at all is not applicable.
func (s *scorer) normalize(ctx workflow.Context, scores []scoring.Score, err error) []scoring.Score {
	if errors.Is(err, errShadow) {
		return []scoring.Score{scoring.Decline(s.env.Scorer, err.Error())}
	}
	if err != nil {
		workflow.GetLogger(ctx).Error("Verdict: the scorer failed", "Scorer", s.env.Scorer, "Error", err)
		return []scoring.Score{scoring.Fail(s.env.Scorer, err.Error())}
	}
	if len(scores) == 0 {
		return []scoring.Score{scoring.Decline(s.env.Scorer, "the scorer returned no score")}
	}
	valid := make([]scoring.Score, 0, len(scores))
	for _, sc := range scores {
		if sc.Name == "" {
			sc.Name = s.env.Scorer
		}
		if sc.Key == "" {
			sc.Key = s.env.Key()
		}
		if err := sc.Validate(); err != nil || sc.State == scoring.Pending {
			reason := "a scorer cannot return a pending score"
			if err != nil {
				reason = err.Error()
			}
			sc = scoring.Fail(s.env.Scorer, reason)
		}
		valid = append(valid, sc.Tidy())
	}
	return valid
}

// settle closes the scorer's expectations with its scores. A nil Result.Scores means that the store refused, because of
// outcomes that are now in the inbox, or in another scorer's.
func (s *scorer) settle(ctx workflow.Context, scores []scoring.Score) (Result, error) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	info := workflow.GetInfo(ctx)
	settlement := store.Settlement{ScorerRun: runOf(info)}
	for _, sc := range scores {
		if sc.Key == "" {
			sc.Key = s.env.Key()
		}
		sc.Sessions = mergeSessions(sc.Sessions, s.env.Sessions)
		rec := scoring.NewRecord(sc, scoring.FromScorer, s.env.Run, s.env.Step, workflow.Now(ctx))
		rec.OriginalRunID, rec.BuildID = s.env.OriginalRunID, configOf(ctx).build(info)
		rec.Scorer, rec.ScorerVersion = s.env.Scorer, s.env.Version
		settlement.Records = append(settlement.Records, rec)
	}
	settlement.Expected = []int{} // it lists its expectations, even if there are none
	for _, w := range s.waits {
		settlement.Expected = append(settlement.Expected, w.expectation.Wait)
	}
	for _, o := range s.inbox {
		settlement.Seen = append(settlement.Seen, o.ID)
	}
	settlement, later := s.fit(ctx, settlement)
	silent := configOf(ctx).silent(ctx)
	if silent {
		settlement.Records = nil // the scorer waits for nothing any more, and leaves nothing
	}
	for again := true; again; {
		var refusal activities.Refusal
		if err := answer(ctx, workflow.ExecuteActivity(s.storeOptions(ctx), activities.SettleName, settlement), &refusal); err != nil {
			return Result{}, err
		}
		known := len(s.inbox)
		if err := s.expectAgain(ctx, refusal.Again); err != nil {
			return Result{}, err
		}
		if len(refusal.Unseen)+len(refusal.Taken)+len(refusal.TakenMarks) > 0 || len(s.inbox) > known {
			return Result{}, s.refused(ctx, settlement, refusal)
		}
		again = len(refusal.Again) > 0
	}
	if err := s.record(ctx, later, silent); err != nil {
		return Result{}, err
	}
	if s.env.SearchAttributes && len(scores) > 0 {
		upsert(ctx, attributes(ScorerAttribute, configOf(ctx), settlement.Records, s.env.Assigned, "run="+s.env.Run.WorkflowID))
	}
	return result(scores), nil
}

// expectAgain makes waits known to a store that does not know them, because they were made in another store.
func (s *scorer) expectAgain(ctx workflow.Context, numbers []int) error {
	for _, w := range s.waits {
		if !slices.Contains(numbers, w.expectation.Wait) {
			continue
		}
		workflow.GetLogger(ctx).Warn("Verdict: the store does not know the scorer's expectations; it expects again", "Scorer", s.env.Scorer, "Wait", w.expectation.Wait)
		if _, err := s.known(ctx, w.expectation); err != nil {
			return err
		}
	}
	return nil
}

// abandon closes a cancelled scorer without a score, even with unseen outcomes, and returns the cancellation.
func (s *scorer) abandon(ctx workflow.Context, cause error) error {
	for {
		result, err := s.settle(ctx, nil)
		if err != nil {
			return err
		}
		if result.Scores != nil {
			return cause
		}
	}
}

// awaitGrace waits, while the grace of any wait lasts, for an outcome that the settled pass has not taken into account.
// It may have arrived before the settlement was known here, or while no worker was up, and the grace may be over since.
func (s *scorer) awaitGrace(ctx workflow.Context, settled map[string]bool) (late bool, err error) {
	until := time.Time{}
	for _, w := range s.waits {
		if end := w.window.Until.Add(w.window.Grace); w.window.Grace > 0 && end.After(until) {
			until = end
		}
	}
	if until.IsZero() {
		return false, nil
	}
	more := func() bool {
		return slices.ContainsFunc(s.inbox, func(o scoring.Outcome) bool { return !settled[o.ID] && s.counts(o) })
	}
	if left := until.Sub(workflow.Now(ctx)); left > 0 {
		if late, err = workflow.AwaitWithTimeout(ctx, left, more); late || err != nil {
			return late, err
		}
	}
	// An outcome that arrives in the same task as the end of the grace is taken in by another coroutine: let it have its turn.
	turn := false
	workflow.Go(ctx, func(workflow.Context) { turn = true })
	err = workflow.Await(ctx, func() bool { return turn })
	return more(), err
}

// counts tells whether an outcome is in the window or grace of any wait.
func (s *scorer) counts(o scoring.Outcome) bool {
	return slices.ContainsFunc(s.waits, func(w *wait) bool {
		place := w.window.Place(o.When())
		return place == scoring.Inside || place == scoring.InGrace
	})
}

// storeOptions are the options of the activities on the worker that opens the store: they are retried until it is back.
func (s *scorer) storeOptions(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, storeActivity(s.env.TaskQueue))
}

func storeActivity(taskQueue string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:           taskQueue,
		StartToCloseTimeout: 30 * time.Second,
		HeartbeatTimeout:    10 * time.Second, // how long the loss of a worker delays its work in progress
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 5 * time.Second},
		Priority:            temporal.Priority{PriorityKey: 5},
	}
}

// mergeSessions adds the run's sessions to a score's own, which win, within the limit.
func mergeSessions(own, run []scoring.Session) []scoring.Session {
	merged := slices.Clone(own)
	for _, x := range run {
		if len(merged) < scoring.MaxSessions && !slices.ContainsFunc(merged, func(y scoring.Session) bool { return y.Key == x.Key }) {
			merged = append(merged, x)
		}
	}
	return merged
}
