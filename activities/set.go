package activities

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Set are the activities of the worker that opens the store.
type Set struct {
	Store  store.Store
	Client client.Client
	// DataConverter is the data converter of Client. Nil means the SDK's default.
	DataConverter converter.DataConverter
	// Find analyses an experiment at a time, from the store. It is set from outside, since a user's worker does not link the
	// packages that it takes. Nil: this worker analyses no experiments.
	Find func(context.Context, *experiments.Experiment, time.Time) (rollout.Finding, error)
	// Scorers are the scorers over histories that a backfill may name, next to the ready-made ones.
	Scorers []history.Scorer
	// Rules are the rules that this worker follows.
	Rules []Rule
	// Rechecks are the rechecks that this worker makes.
	Rechecks []Recheck
	// Closes is how rules hear of runs that close. Nil: [Visibility].
	Closes Closes
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

func (s *Set) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC()
	}
	return time.Now().UTC()
}

// Recorded says what became of a batch.
type Recorded struct {
	// Held tells that no run has declared the batch's key yet; the store holds it until one does.
	Held bool `json:"held,omitempty"`
}

// Record writes a batch.
func (s *Set) Record(ctx context.Context, b Batch) (Recorded, error) {
	ctx, stop := beating(ctx)
	defer stop()
	return s.writer(ctx).write(ctx, b, activity.GetInfo(ctx).WorkflowExecution.ID)
}

// writer writes what an activity is given.
func (s *Set) writer(ctx context.Context) Writer {
	return Writer{Store: s.Store, Namespace: activity.GetInfo(ctx).Namespace, Known: s.known, Log: activity.GetLogger(ctx)}
}

// known fails, for good, unless the store has something about run.
func (s *Set) known(ctx context.Context, run scoring.Run) error {
	_, err := runs.InStore(ctx, s.Store, run)
	if !errors.Is(err, store.ErrNotFound) {
		return typed(err)
	}
	return Unknown(run)
}

// Unknown is the error about a run that neither the server nor the store knows. No retry mends it.
func Unknown(run scoring.Run) error {
	return temporal.NewNonRetryableApplicationError("verdict: neither the server nor the store knows run "+run.String(), ErrorTypeNotFound, nil)
}

// Expected is an expectation that is kept.
type Expected struct {
	// Window is the kept window. It stays in the scorer's history, so that a build with another window does not change it
	// for a waiting scorer.
	Window scoring.Window `json:"window"`
	// Early are the outcomes that meet it already, or the first of them if they are too many to carry.
	Early []scoring.Outcome `json:"early,omitempty"`
	// More tells that there are others, to be asked for.
	More bool `json:"more,omitempty"`
}

// Expect keeps an expectation and returns the outcomes that meet it already.
func (s *Set) Expect(ctx context.Context, e scoring.Expectation) (Expected, error) {
	ctx, stop := beating(ctx)
	defer stop()
	early, err := s.Store.Expect(ctx, e)
	first := carried(early)
	return Expected{Window: e.Window, Early: first, More: len(first) < len(early)}, typed(err)
}

// Rest asks for the early outcomes that an answer could not hold.
type Rest struct {
	Expectation scoring.Expectation `json:"expectation"`
	Seen        []string            `json:"seen"` // ids of the outcomes that were returned
	// SeenMarks are the marks of those whose ids are too many to travel.
	SeenMarks []string `json:"seen_marks,omitempty"`
}

// Fit lets marks stand for the ids of r if they are too many.
func (r *Rest) Fit() {
	if Texts(r.Seen) > MaxCarried/2 {
		r.SeenMarks, r.Seen = append(r.SeenMarks, Marks(r.Seen)...), nil
	}
}

// Marks returns the marks of outcomes.
func Marks(ids []string) []string {
	marks := make([]string, len(ids))
	for i, id := range ids {
		marks[i] = scoring.Outcome{ID: id}.Mark()
	}
	return marks
}

// ExpectMore returns early outcomes that Expect could not return. Outcomes that arrive meanwhile reach the scorer
// anyway.
func (s *Set) ExpectMore(ctx context.Context, r Rest) (Expected, error) {
	ctx, stop := beating(ctx)
	defer stop()
	early, err := s.Store.Expect(ctx, r.Expectation)
	seen := map[string]bool{}
	for _, mark := range append(Marks(r.Seen), r.SeenMarks...) {
		seen[mark] = true
	}
	early = slices.DeleteFunc(early, func(o scoring.Outcome) bool { return seen[o.Mark()] })
	next := carried(early)
	return Expected{Window: r.Expectation.Window, Early: next, More: len(next) < len(early)}, typed(err)
}

// carried returns the first of the outcomes, at least one, that an activity's result can hold. A scorer that has not seen
// the others may not settle without them: they come with the refusal.
func carried(outcomes []scoring.Outcome) []scoring.Outcome {
	const around = 1 << 10 // the window, and the names of the members
	if n := Fitting(outcomes, MaxCarried-around); n < len(outcomes) {
		return outcomes[:max(n, 1)]
	}
	return outcomes
}

// Receive keeps an outcome and then tells every scorer that waits for it. It returns how many it told.
func (s *Set) Receive(ctx context.Context, o scoring.Outcome) (int, error) {
	ctx, stop := beating(ctx)
	defer stop()
	if strings.HasPrefix(activity.GetInfo(ctx).WorkflowExecution.ID, repeatPrefix) {
		// The first delivery has signaled the waiting scorers, unless its outcome was deleted since.
		if counted, err := s.counted(ctx, o); counted || err != nil {
			return 0, err
		}
	}
	o.Namespace = activity.GetInfo(ctx).Namespace
	receipt, err := s.Store.Receive(ctx, o.Tidy())
	if err != nil {
		return 0, typed(err)
	}
	return Tell(ctx, s.Client, receipt, func(scorer string) {
		activity.GetLogger(ctx).Info("Verdict: the scorer has closed", "ScorerWorkflowID", scorer, "OutcomeID", o.ID)
	})
}

// Reject keeps a refused delivery, for the ledger.
func (s *Set) Reject(ctx context.Context, r store.Rejection) error {
	ctx, stop := beating(ctx)
	defer stop()
	r.Reason = scoring.Clip(r.Reason, scoring.MaxReason) // it may be the text of an error
	return typed(s.Store.Reject(ctx, r))
}

// typed makes the errors that no retry can mend non-retryable, under a stable type.
func typed(err error) error {
	var invalid *scoring.InvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		return Refuse(err)
	case errors.Is(err, store.ErrAmbiguous):
		return temporal.NewNonRetryableApplicationError(err.Error(), ErrorTypeAmbiguous, err)
	case errors.Is(err, store.ErrNotFound):
		return temporal.NewApplicationErrorWithCause(err.Error(), ErrorTypeNotFound, err)
	}
	return err
}
