package workflows

import (
	"errors"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// Clock skew between the hosts that receive outcomes and the Temporal server must not make an outcome seem to have
// happened before the run that it is about.
const defaultLookback = time.Minute

// WindowSpec says when a wait's window opens and closes.
type WindowSpec struct {
	// Length of the window, from From if that is set. Otherwise from the call of Await or, if that is the first call of
	// the scorer's function, from the event that started the scorer: the call of Defer, the run's close, the planned
	// start. So a scorer whose worker was down does not wait longer.
	Length time.Duration
	From   time.Time
	// Until, if set, is the window's end; Length is not used then.
	Until time.Time
	// Grace is how long after the end a late outcome still corrects the score.
	Grace time.Duration
	// Since, if set, is when an outcome may have happened at the earliest. Otherwise that is Lookback before the start of
	// the run; a zero Lookback means a minute.
	Since       time.Time
	Lookback    time.Duration
	Attribution scoring.Attribution
}

// errShadow ends a wait for outcomes about a shadow: the served run's outcomes are not its own.
var errShadow = errors.New("verdict: a shadow is not served, so no outcome is about it")

// wait is one call of Await, remembered between passes of the scorer's function.
type wait struct {
	events      []scoring.Event
	window      scoring.Window
	expectation scoring.Expectation // with the window that the store keeps
}

// decider looks at the outcomes inside a window, in order, and tells whether they decide.
type decider func(inside []scoring.Outcome) bool

// await keeps an expectation of events and waits until decide accepts the outcomes inside the window, or the window
// ends. It returns when the window ends; ended tells that it closed without a decision.
func await(ctx workflow.Context, events []scoring.Event, spec WindowSpec, decide decider) (until time.Time, ended bool, err error) {
	s, ok := ctx.Value(scorerKey{}).(*scorer)
	if !ok {
		return until, false, activities.Refuse(scoring.Invalid("context", "outcomes are awaited in a scorer's function only"))
	}
	if s.env.Shadow {
		return until, false, errShadow
	}
	w, err := s.expect(ctx, events, spec)
	if err != nil {
		return until, false, err
	}
	until = w.window.Until
	var timer workflow.Future
	for {
		if decide(s.inside(w, events)) {
			return until, false, nil
		}
		if timer != nil && timer.IsReady() {
			// It may fire up to a millisecond early, since the server counts in those. An outcome that still comes inside the
			// window is found when the scorer settles.
			return until, true, timer.Get(ctx, nil)
		}
		left := w.window.Until.Sub(workflow.Now(ctx))
		if left <= 0 {
			return until, true, nil
		}
		if timer == nil {
			timerCtx, cancel := workflow.WithCancel(ctx)
			defer cancel()
			timer = workflow.NewTimerWithOptions(timerCtx, left, workflow.TimerOptions{Summary: summary("window of " + s.env.Scorer)})
		}
		known := len(s.inbox)
		if err := workflow.Await(ctx, func() bool { return len(s.inbox) > known || timer.IsReady() }); err != nil {
			return until, false, err
		}
	}
}

// expect returns the current pass's next wait, and makes it known to the store if the store does not know it yet.
func (s *scorer) expect(ctx workflow.Context, events []scoring.Event, spec WindowSpec) (*wait, error) {
	// A pass may take another path than the one before it: the events identify the wait.
	for _, w := range s.waits {
		if !s.used[w] && slices.Equal(w.events, events) {
			s.used[w] = true
			return w, nil
		}
	}
	now := workflow.Now(ctx)
	lookback := spec.Lookback
	if lookback == 0 {
		lookback = defaultLookback
	}
	window := scoring.Window{Since: spec.Since, Until: spec.Until, Grace: spec.Grace}
	if window.Since.IsZero() {
		window.Since = s.env.RunStartedAt.Add(-lookback)
	}
	if window.Until.IsZero() {
		from := spec.From
		switch {
		case !from.IsZero():
		case now.Equal(s.began):
			from = s.origin
		default:
			from = now
		}
		window.Until = from.Add(spec.Length)
	}
	e := scoring.Expectation{
		ScorerRun: runOf(workflow.GetInfo(ctx)), Wait: len(s.waits) + 1, Scorer: s.env.Scorer, ScorerVersion: s.env.Version,
		Events: events, Window: window, Attribution: spec.Attribution,
		Run: s.env.Run, Step: s.env.Step, FirstRunID: s.env.FirstRunID, OriginalRunID: s.env.OriginalRunID,
		RunStartedAt: s.env.RunStartedAt, At: now,
	}
	if err := e.Validate(); err != nil {
		return nil, activities.Refuse(err)
	}
	if err := checkPayload(ctx, "events", sizeOf(e)); err != nil {
		return nil, err
	}
	window, err := s.known(ctx, e)
	if err != nil {
		return nil, err
	}
	e.Window = window
	w := &wait{events: slices.Clone(events), window: window, expectation: e}
	s.waits, s.used[w] = append(s.waits, w), true
	return w, nil
}

// known makes an expectation known to the store, and takes in the outcomes that meet it already. It returns the window that
// the store keeps.
func (s *scorer) known(ctx workflow.Context, e scoring.Expectation) (window scoring.Window, err error) {
	kept := activities.Expected{Window: e.Window} // for histories without the window in the result
	if err := answer(ctx, workflow.ExecuteActivity(s.storeOptions(ctx), activities.ExpectName, e), &kept); err != nil {
		return window, err
	}
	window = kept.Window
	rest := activities.Rest{Expectation: e}
	for {
		s.add(kept.Early...)
		if !kept.More {
			return window, nil
		}
		for _, o := range kept.Early {
			rest.Seen = append(rest.Seen, o.ID)
		}
		rest.Fit()
		told := rest.SeenMarks
		kept = activities.Expected{}
		if err := answer(ctx, workflow.ExecuteActivity(s.storeOptions(ctx), activities.ExpectMoreName, rest), &kept); err != nil {
			return window, err
		}
		if len(told) > 0 && !s.news(told, kept.Early) {
			return window, nil // a worker of v0.1.0 knows no marks; the others come when the scorer settles
		}
	}
}

// inside returns the outcomes that meet a wait.
func (s *scorer) inside(w *wait, events []scoring.Event) []scoring.Outcome {
	var inside []scoring.Outcome
	for _, o := range s.inbox {
		if place := w.window.Place(o.When()); place != scoring.Inside && place != scoring.InGrace {
			continue
		}
		for _, e := range events {
			if e.Name == o.Name && e.Key == o.Key {
				inside = append(inside, o)
				break
			}
		}
	}
	return inside
}

// AwaitRun waits until the run that the scorer is about has closed, through retries and continue-as-new.
func AwaitRun(ctx workflow.Context) (activities.Closed, error) {
	s, ok := ctx.Value(scorerKey{}).(*scorer)
	if !ok {
		return activities.Closed{}, activities.Refuse(scoring.Invalid("context", "a run is awaited in a scorer's function only"))
	}
	if s.closed != nil {
		return *s.closed, nil
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: s.env.TaskQueue,
		// A run may last for years; a worker that is lost is noticed by the heartbeat.
		StartToCloseTimeout: 10 * 365 * 24 * time.Hour,
		HeartbeatTimeout:    30 * time.Second,
		WaitForCancellation: false,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
		Priority:            temporal.Priority{PriorityKey: 5},
	})
	var closed activities.Closed
	err := answer(ctx, workflow.ExecuteActivity(ctx, activities.FollowRunName, s.env.Run), &closed)
	if err == nil {
		closed = closed.DecodedBy(func(from *commonpb.Payloads, to any) error { return decode(ctx, from, to) })
		s.closed = &closed
	}
	return closed, err
}

// About returns the envelope of the scorer that ctx belongs to.
func About(ctx workflow.Context) (Envelope, bool) {
	s, ok := ctx.Value(scorerKey{}).(*scorer)
	if !ok {
		return Envelope{}, false
	}
	return s.env, true
}
