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

// check refuses a window without an end.
func (w WindowSpec) check() error {
	if w.Until.IsZero() && w.Length <= 0 {
		return scoring.Invalid("window", "%s is not a length", w.Length)
	}
	return nil
}

// window returns the window of a wait for a run that started at runStarted. Its length begins at from unless w says otherwise.
func (w WindowSpec) window(runStarted, from time.Time) scoring.Window {
	lookback := w.Lookback
	if lookback == 0 {
		lookback = defaultLookback
	}
	window := scoring.Window{Since: w.Since, Until: w.Until, Grace: w.Grace}
	if window.Since.IsZero() {
		window.Since = runStarted.Add(-lookback)
	}
	if window.Until.IsZero() {
		if !w.From.IsZero() {
			from = w.From
		}
		window.Until = from.Add(w.Length)
	}
	return window
}

// errShadow ends a wait for outcomes about a shadow: the served run's outcomes are not its own.
var errShadow = errors.New("verdict: a shadow is not served, so no outcome is about it")

// wait is one call of Await, remembered between passes of the scorer's function.
type wait struct {
	events      []scoring.Event
	window      scoring.Window
	expectation scoring.Expectation // with the window that the store keeps
}

// decider looks at the outcomes inside a window and at every one that is known, each in order. It tells whether they meet the
// condition, and from when on none of them can be taken back.
type decider func(inside, known []scoring.Outcome) (met bool, firm time.Time)

// await keeps an expectation of a rule's events and waits until decide accepts the outcomes inside the window and nothing can
// take them back, or the window ends, by ends. It returns when the window ends; ended tells that it closed without a decision.
func await(
	ctx workflow.Context, rule scoring.Rule, spec WindowSpec, ends func(scoring.Window) time.Time, decide decider,
) (until time.Time, ended bool, err error) {
	s, ok := ctx.Value(scorerKey{}).(*scorer)
	if !ok {
		return until, false, activities.Refuse(scoring.Invalid("context", "outcomes are awaited in a scorer's function only"))
	}
	if s.env.Shadow {
		return until, false, errShadow
	}
	w, err := s.expect(ctx, rule, spec)
	if err != nil {
		return until, false, err
	}
	until = w.window.Until
	var timer workflow.Future
	var fires time.Time
	cancel := func() {}
	defer func() { cancel() }()
	for {
		met, firm := decide(s.inside(w), s.inbox)
		now := workflow.Now(ctx)
		if met && !now.Before(firm) {
			return until, false, nil
		}
		at := ends(w.window)
		if met {
			at = firm
		}
		if timer != nil && timer.IsReady() && fires.Equal(at) {
			// It may fire up to a millisecond early, since the server counts in those. An outcome that still comes inside the
			// window is found when the scorer settles.
			return until, !met, timer.Get(ctx, nil)
		}
		left := at.Sub(now)
		if left <= 0 {
			return until, true, nil
		}
		if timer == nil || !fires.Equal(at) { // another time: only where an outcome can be undone
			cancel()
			var timerCtx workflow.Context
			timerCtx, cancel = workflow.WithCancel(ctx)
			timer = workflow.NewTimerWithOptions(timerCtx, left, workflow.TimerOptions{Summary: summary("window of " + s.env.Scorer)})
			fires = at
		}
		known := len(s.inbox)
		if err := workflow.Await(ctx, func() bool { return len(s.inbox) > known || timer.IsReady() }); err != nil {
			return until, false, err
		}
	}
}

// eventsOf returns the events of a rule as a scorer that is a workflow has always said them: with repetitions, and then
// the ones that undo others.
func eventsOf(rule scoring.Rule) []scoring.Event {
	events := make([]scoring.Event, len(rule.Events))
	for i, e := range rule.Events {
		events[i] = e.Event
	}
	for _, e := range rule.Events {
		if e.Undone != nil && !slices.Contains(events, e.Undone.Event) {
			events = append(events, e.Undone.Event)
		}
	}
	return events
}

// undoing is how long after a window an outcome may undo one from inside.
func undoing(rule scoring.Rule) (longest time.Duration) {
	for _, e := range rule.Events {
		if e.Undone != nil {
			longest = max(longest, e.Undone.Within)
		}
	}
	return longest
}

// expect returns the current pass's next wait, and makes it known to the store if the store does not know it yet.
func (s *scorer) expect(ctx workflow.Context, rule scoring.Rule, spec WindowSpec) (*wait, error) {
	events := eventsOf(rule)
	// A pass may take another path than the one before it: the events identify the wait.
	for _, w := range s.waits {
		if !s.used[w] && slices.Equal(w.events, events) {
			s.used[w] = true
			return w, nil
		}
	}
	now := workflow.Now(ctx)
	from := now
	if now.Equal(s.began) {
		from = s.origin
	}
	window := spec.window(s.env.RunStartedAt, from)
	if err := window.Validate(); err != nil {
		return nil, activities.Refuse(err)
	}
	undo := undoing(rule)
	window.Grace += undo // the store has the scorer get what comes then
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
	if undo > 0 {
		window.Grace = min(window.Grace, spec.Grace)
	}
	w := &wait{events: events, window: window, expectation: e}
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
func (s *scorer) inside(w *wait) []scoring.Outcome {
	var inside []scoring.Outcome
	for _, o := range s.inbox {
		place := w.window.Place(o.When())
		if (place == scoring.Inside || place == scoring.InGrace) && slices.Contains(w.events, o.Event()) {
			inside = append(inside, o)
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
