package verdict

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

// Context is a workflow.Context or an activity's context.Context.
type Context interface {
	Deadline() (deadline time.Time, ok bool)
	Err() error
	Value(key any) any
}

// Value is the type of a score's value: a boolean or a finite number.
type Value interface {
	~bool | ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Score records a score of the run that ctx belongs to. In a workflow the score is about the run; in an activity about
// that activity, a step of the run, unless [OnRun] says otherwise.
//
// It never fails or stalls its caller, like a metric. A refused score (with a value that is not finite, or an option
// that breaks its limit) becomes a score in state error with a reason, never a number. A score without a valid name
// (empty, longer than 128 bytes, or with control characters), and one from a place that cannot record (a query handler,
// a validator or a side effect, which only read; a coroutine that outlived its workflow function; a standalone activity or
// a Nexus operation, which is part of no run), becomes a line in the log and a count of verdict_refused. docs/contexts.md
// has each call in each place. While nothing can be recorded, scores wait and are recorded later.
func Score[V Value](ctx Context, name string, value V, opts ...ScoreOption) {
	v, err := scoring.ValueOf(value)
	record(ctx, scoring.Of(name, v), err, opts)
}

// Record is [Score] for a score of any state but pending, such as one that is not applicable ([scoring.Decline]).
func Record(ctx Context, s scoring.Score, opts ...ScoreOption) { record(ctx, s, nil, opts) }

func record(ctx Context, s scoring.Score, bad error, opts []ScoreOption) {
	said := scoring.Record{Score: s}
	for _, o := range opts {
		o.score(&said)
	}
	switch ctx := ctx.(type) {
	case workflow.Context:
		workflows.Score(ctx, said, bad)
	case context.Context:
		activities.Score(ctx, said, bad) //workflowcheck:ignore an activity's context is never in workflow code
	default:
		activities.RefuseOutside(context.Background(), "Score") //workflowcheck:ignore a workflow's context is a workflow.Context
	}
}

// ScoreOption says more about a score: [OnStep], [OnRun], [OnSession], [About], [Reason], [Keyed], [ObservedAt] and
// [InSession].
type ScoreOption interface{ score(*scoring.Record) }

type scoreOption func(*scoring.Record)

func (o scoreOption) score(r *scoring.Record) { o(r) }

// StepOption is what [OnStep] returns.
type StepOption interface {
	ScoreOption
	DeferOption
}

type onStep scoring.Step

func (o onStep) score(r *scoring.Record)            { r.Step = scoring.Step(o) }
func (o onStep) deferral(d *workflows.DeferOptions) { d.Step = scoring.Step(o) }

// OnStep puts a score, or a deferred scorer's scores, on a step of the run: the activity with the given id. Reports
// group steps by activityType, which may be empty.
func OnStep(activityID, activityType string) StepOption {
	return onStep{ID: activityID, Type: activityType}
}

// OnRun puts a score that is made in an activity on the run instead of the activity.
func OnRun() ScoreOption { return scoreOption(func(r *scoring.Record) { r.Step = activities.TheRun }) }

// About puts a score that is made in a workflow or an activity on another run of its namespace, such as a child or the
// run that started this one. The run needs its RunID: workflow code cannot ask which is the newest. A workflow's scores
// about another run go to the store with its own scores, by its next [Flush] or its end, even if no such run is known.
// A [Client] takes no such option, since its calls name the run.
func About(run Run) ScoreOption {
	return scoreOption(func(r *scoring.Record) {
		// The namespace is the caller's. It is set here to distinguish an empty run, which is refused, from none.
		r.Run = scoring.Run{Namespace: "another run", WorkflowID: run.WorkflowID, RunID: run.RunID}
	})
}

// SessionTarget is what [OnSession] returns: an option of a score in a workflow or an activity, and a [Target] of a [Client].
type SessionTarget interface {
	ScoreOption
	Target
}

type onSession scoring.Session

func (onSession) target() {}

func (o onSession) score(r *scoring.Record) {
	if r.Session = scoring.Session(o); !r.OfSession() {
		r.Session.Key = " " // is refused, unlike none
	}
}

// OnSession makes a score one of a whole session, and not of a run or a step: whether the conversation solved the customer's problem. In
// a workflow an empty id means the session that the run is in by that key ([Session]); elsewhere there must be one. A score with
// such an option is neither of a step nor about another run, and [InSession] may add further sessions. It needs no run of the session.
// In a workflow it is handed over with the run's scores, by its next [Flush] or its end, and a run that is reset does not take it back.
//
//	verdict.Score(ctx, "resolved", true, verdict.OnSession("customer", ""))
//	client.Score(ctx, verdict.OnSession("customer", "42"), "resolved", true)
func OnSession(key, id string) SessionTarget { return onSession{Key: key, ID: id} }

// Reason says why, in at most 4 KiB.
func Reason(text string) ScoreOption {
	return scoreOption(func(r *scoring.Record) { r.Reason = text })
}

// Keyed gives a score an identity key: scores of one name on one subject with different keys stand side by side, with
// the same key they are revisions of each other. At most 512 bytes.
func Keyed(key string) ScoreOption { return scoreOption(func(r *scoring.Record) { r.Key = key }) }

// ObservedAt is the time of the event that the score is about. The default is now.
func ObservedAt(t time.Time) ScoreOption {
	return scoreOption(func(r *scoring.Record) { r.ObservedAt = t })
}

// InSession puts a score into a session, in addition to the run's sessions. At most five.
func InSession(key, id string) ScoreOption {
	return scoreOption(func(r *scoring.Record) { r.Sessions = append(r.Sessions, scoring.Session{Key: key, ID: id}) })
}

// Session puts the run into a session: a conversation, a customer, a ticket. A run is in at most five. One that is refused (too
// many, an empty or too long key or id) is a line in the log and a count of verdict_refused.
func Session(ctx workflow.Context, key, id string) {
	workflows.Session(ctx, scoring.Session{Key: key, ID: id})
}

// Attribute says how the run was made: Attribute(ctx, "prompt", "v7"). Reports and counts break down by it (`starter report --by
// attribute=prompt`), and by the worker's build without a call (`--by build`). The key is one of [Config.Attributes], the value has
// at most 128 bytes; a second value replaces the first. A store counts at most 100 values of a key: further ones are refused, and
// counted together under an empty one, so use no ids. An attribute that is said after the run's first assignment is marked: the
// variant may have caused it. One that is refused in the run is a line in the log and a count of verdict_refused. It adds nothing to
// the history, and may be added, moved and removed under open runs.
func Attribute(ctx workflow.Context, key, value string) { workflows.Attribute(ctx, key, value) }

// DeclareKey gives the run a name, such as a message id, so that a service without the run id can refer to it ([Key]),
// after its next [Flush] or its end. At most 20 a run, 512 bytes each; a key that two runs declare is ambiguous. A
// refused key becomes a line in the log and a count of verdict_refused.
func DeclareKey(ctx workflow.Context, key string) { workflows.DeclareKey(ctx, key) }

// Flush records the run's scores so far, before its end. It waits for the write, so register update handlers before it.
// The name, of at most 128 bytes, identifies the flush in the run. See [workflows.Flush].
func Flush(ctx workflow.Context, name string) { workflows.Flush(ctx, name) }

// TokenFor returns an opaque text that stands for the run of ctx. A browser may carry it: it reveals nothing and cannot
// be forged. [Client.Score] takes it back as a [Token]. It needs a [Config.TokenKey]; without one, and without the
// plugin, the text is empty, and a log line says why. Since it adds nothing to the run, a query handler may call it.
func TokenFor(ctx workflow.Context) string { return workflows.TokenFor(ctx) }
