package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// MaxWaitBytes is how many bytes of JSON the declared scorers of a run take in all. Their run's flush carries them. The
// number decides about a history, so it never changes.
const MaxWaitBytes = 4 << 20

// Wait is what a declared scorer waits for and what that means: data alone, so that the store decides and nothing of the
// user's runs.
type Wait struct {
	// For is the condition. A Go predicate ([Event.Where]) cannot be data and is refused.
	For Condition
	// Window begins at the call of Defer, unless it says otherwise.
	Window Window
	// End is the meaning of the window's end. It has no default.
	End scoring.Expiry
	// Allowance is how long after the window's end what happened inside may arrive and count; the score of the end comes
	// after it. 0 means [scoring.DefaultAllowance]. A grace of the window replaces it.
	Allowance time.Duration
}

// NewOutcomeScorer returns a declared scorer: wait says for an input what it waits for. It must be deterministic, because it is
// called in workflow code. Name and version are as of [NewScorer].
//
// The scorer has a workflow all the same, which decides by the same rule, for runs that started it when it was a function.
func NewOutcomeScorer[In any](name, version string, wait func(In) Wait) *Scorer[In] {
	s := NewScorer(name, version, func(ctx workflow.Context, in In) (scoring.Score, error) {
		w := wait(in)
		var allowance *time.Duration
		if env, _ := About(ctx); env.Declared {
			allowance = &w.Allowance
		}
		got, err := awaitRule(ctx, w.For, w.Window, w.End, allowance)
		return got.Score(), err
	})
	s.wait = wait
	return s
}

// declaration is a wait as data.
type declaration struct {
	rule scoring.Rule
	spec WindowSpec
}

// declared returns w as data, or why it cannot be.
func (w Wait) declared() (d declaration, err error) {
	if w.For == nil {
		return d, scoring.Invalid("condition", "there is none: On names an outcome")
	}
	c := w.For.condition()
	for _, e := range c.events {
		if e.where != nil {
			return d, scoring.Invalid("where", "a Go predicate of %q cannot be kept as data; use If", e.rule.Name)
		}
	}
	d.spec = w.Window.spec
	if d.rule, err = c.rule(w.End); err != nil {
		return d, err
	}
	d.rule.Allowance = w.Allowance
	if err := d.rule.Validate(); err != nil {
		return d, err
	}
	return d, d.spec.check()
}

// Declared tells whether a scorer is declared.
func Declared(s ScorerDefinition) bool { return s.isDeclared() }

// RuleOf returns the rule of a declared scorer for an input. ok is false for a scorer that is a workflow, and for an input of
// another type.
func RuleOf(s ScorerDefinition, in any) (rule scoring.Rule, ok bool, err error) {
	d, ok, err := s.declared(in)
	return d.rule, ok, err
}

// expectation is the declared scorer w of a deferral, as of now.
func (r *run) expectation(ctx workflow.Context, d deferral, w declaration, call string) scoring.Expectation {
	info := workflow.GetInfo(ctx)
	now := workflow.Now(ctx)
	from := now
	if d.options.Start.Mode == StartAtTime {
		from = d.options.Start.At
	}
	e := scoring.Expectation{
		Scorer: d.name, ScorerVersion: d.version, Window: w.spec.window(info.WorkflowStartTime, from), Attribution: w.spec.Attribution,
		Rule: &w.rule, Call: call, Place: int64(info.GetCurrentHistoryLength()), Step: d.options.Step, At: now,
	}
	switch d.options.Start.Mode {
	case StartOnClose, StartOnSuccess, StartOnFailure:
		e.Start = &scoring.Start{On: d.options.Start.Mode}
		if w.spec.Until.IsZero() && w.spec.From.IsZero() {
			e.Start.Length, e.Window.Until = w.spec.Length, scoring.OpenEnd
		}
	}
	return r.stamp(ctx, e).Kept()
}

// stamp adds what a run knows of itself.
func (r *run) stamp(ctx workflow.Context, e scoring.Expectation) scoring.Expectation {
	info := workflow.GetInfo(ctx)
	e.Run, e.FirstRunID, e.OriginalRunID, e.RunStartedAt = runOf(info), chainOf(info), info.OriginalRunID, info.WorkflowStartTime
	e.Events = e.Rule.All()
	return e.Kept()
}

// checkWaits refuses declared scorers that break a rule or that have no room.
func (r *run) checkWaits(ctx workflow.Context, d deferral) error {
	bytes := r.waitBytes
	for _, w := range d.waits {
		e := r.expectation(ctx, d, w, "1")
		if err := e.Validate(); err != nil {
			return err
		}
		bytes += sizeOf(e)
	}
	if bytes > MaxWaitBytes {
		return scoring.Invalid("scorers", "the declared ones of a run take %d bytes of JSON, at most %d are allowed", bytes, MaxWaitBytes)
	}
	return nil
}

// wait makes a run wait in the shape of a version; in none, its next flush alone says so.
func (r *run) wait(ctx workflow.Context, version workflow.Version, d deferral, calls []string) []Deferred {
	waits, named := make([]scoring.Expectation, len(calls)), make([]Deferred, len(calls))
	for i, w := range d.waits {
		waits[i] = r.expectation(ctx, d, w, calls[i])
	}
	var kept activities.Waited
	switch {
	case version == waitsByActivity:
		kept = r.waitByActivity(ctx, waits)
	case version == waitsBySideEffect:
		kept = r.waitBySideEffect(ctx, waits)
	case r.shadow != nil:
		r.declineWaits(ctx, d, waits)
	}
	before := len(r.waits)
	for i, e := range waits {
		if i < len(kept.Waits) && kept.Waits[i].Wait != nil && kept.Waits[i].Wait.Rule != nil {
			e = r.stamp(ctx, *kept.Waits[i].Wait) // a later build may say something else
		}
		named[i].ID = e.Identity()
		r.open++
		if r.waitBytes += sizeOf(e); !kept.Off && r.shadow == nil {
			r.waits = append(r.waits, e) // waits itself may still be under way to the store
		}
	}
	if len(r.waits) > before {
		r.describe(ctx)
	}
	return named
}

// declineWaits scores what a shadow waits for: the outcomes are the served run's.
func (r *run) declineWaits(ctx workflow.Context, d deferral, waits []scoring.Expectation) {
	for _, e := range waits {
		s := scoring.Decline(e.Scorer, errShadow.Error())
		s.Key = e.Scorer + "@" + e.ScorerVersion
		if err := r.put(ctx, r.record(ctx, scoring.Record{Score: s, Step: d.options.Step})); err != nil {
			r.refuse(ctx, "Defer", err)
		}
	}
}

// waitByActivity runs the local activity. It is not cancelled with the run: a scorer outlives it.
func (r *run) waitByActivity(ctx workflow.Context, waits []scoring.Expectation) (kept activities.Waited) {
	room := r.hasRoom(ctx, waits)
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	local := workflow.WithLocalActivityOptions(ctx, localOptions(workflow.GetInfo(ctx)))
	if err := answer(r.here(local), workflow.ExecuteLocalActivity(local, activities.VerdictWait, waits, room), &kept); err != nil {
		workflow.GetLogger(ctx).Warn("Verdict could not keep a declared scorer at once; the run's next flush has it", "Error", err)
	}
	return kept
}

// waitBySideEffect hands the waits to the plugin's own writer, and waits for it within the budget of the workflow task.
func (r *run) waitBySideEffect(ctx workflow.Context, waits []scoring.Expectation) (kept activities.Waited) {
	room := r.hasRoom(ctx, waits)
	result := sideEffect(ctx, func(ctx workflow.Context) any {
		if r.recorder.IsOff() {
			return activities.Waited{Off: true}
		}
		r.offer(ctx, activities.Batch{Waits: waits})
		return activities.SayWaits(waits, room)
	})
	if err := result.Get(&kept); err != nil {
		undecodable(ctx, "a declared scorer", err)
	}
	return kept
}

// maxSaid is how many bytes of declared scorers the history keeps of one workflow task, whose commands are one request of at
// most 4 MB. What has no room is in the history by its identity alone.
const maxSaid = 512 << 10

// said is the rest of that budget. It is no workflow state: a replay has what the first execution kept.
type said struct{ task, left int }

// hasRoom tells whether the history keeps everything that is said of waits.
func (r *run) hasRoom(ctx workflow.Context, waits []scoring.Expectation) bool {
	if task := workflow.GetInfo(ctx).GetCurrentHistoryLength(); task != r.said.task {
		r.said = said{task, maxSaid}
	}
	for _, e := range waits {
		r.said.left -= sizeOf(e)
	}
	return r.said.left >= 0
}

// noChild fails the task of a run whose history has a scorer as declared, while the code has it as a workflow. The task
// fails, not the run: code with the declared scorer heals it.
func noChild(scorer string) {
	panic(fmt.Sprintf("[TMPRL1100] verdict: this run's history has scorer %q as a declared one, so the code cannot start its workflow", scorer))
}
