package verdict

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

type (
	// Outcome is an event from outside: what really happened.
	Outcome = scoring.Outcome
	// Event names an outcome that a scorer waits for, and its meaning.
	Event = workflows.Event
	// Condition is the condition that a scorer waits for: an [Event], [AnyOf] several, [AllOf] of them, or one that comes
	// several [Times].
	Condition = workflows.Condition
	// Field is the path of a JSON field in an outcome's payload, for [Event.If]: Field("pull_request.merged").Is(true).
	Field = scoring.Field
	// Window is the half-open span of time for outcomes that count.
	Window = workflows.Window
	// Awaited is the result of a wait.
	Awaited = workflows.Awaited
	// ClosedRun is how the run that a scorer is about ended: its status, failure, result and steps.
	ClosedRun = activities.Closed
)

// The meanings that the end of a window can have.
var (
	// ExpiresTrue: no outcome means true (the ticket stayed closed).
	ExpiresTrue = scoring.ExpiresTrue
	// ExpiresFalse: no outcome means false (no payment within the day).
	ExpiresFalse = scoring.ExpiresFalse
	// ExpiresUnknown: no outcome means nothing (the user pressed no thumb). The score becomes expired and has no value.
	ExpiresUnknown = scoring.ExpiresUnknown
)

// ExpiresAs lets the end of a window mean a number.
func ExpiresAs(v float64) scoring.Expiry { return scoring.ExpiresAs(v) }

// Bool returns a score with a boolean. A scorer may leave its name empty: it is the scorer's.
func Bool(name string, b bool) scoring.Score { return scoring.Bool(name, b) }

// Number returns a score with a number, which must be finite. A scorer may leave its name empty: it is the scorer's.
func Number(name string, v float64) scoring.Score { return scoring.Number(name, v) }

// MustCategories declares the categories that a score can have, for a variable of a package:
//
//	var intent = verdict.MustCategories("intent", "refund", "question", "complaint")
//
//	verdict.Record(ctx, intent.Score(answer.Intent))
//
// A category that is not in the list makes a score in state error. At most 100 of at most 64 bytes each; it panics if the list is not
// one ([scoring.NewCategories] returns an error).
func MustCategories(name string, categories ...string) scoring.Categories {
	return scoring.MustCategories(name, categories...)
}

// Decline returns a score that says: I looked, and there is nothing to score. Its state is not applicable.
func Decline(name, reason string) scoring.Score { return scoring.Decline(name, reason) }

// On names the outcome called name about key. By itself it is a [Condition], which its first outcome meets.
func On(name, key string) Event { return workflows.On(name, key) }

// OutcomeValue is the [Field] that means the outcome's own value.
func OutcomeValue() Field { return "" }

// AnyOf is met by the first outcome of any of the events.
func AnyOf(events ...Event) Condition { return workflows.AnyOf(events...) }

// AllOf is met once each of the events has had an outcome.
func AllOf(events ...Event) Condition { return workflows.AllOf(events...) }

// Times is met once the event has had n outcomes.
func Times(n int, e Event) Condition { return workflows.Times(n, e) }

// Within is a window of a length. It begins when the scorer was called for; see [workflows.Window].
func Within(d time.Duration) Window { return workflows.Within(d) }

// Until is a window that ends at a time. An outcome at that very time is outside.
func Until(t time.Time) Window { return workflows.Until(t) }

// Await waits in a scorer until the condition is met or the window closes. The meaning of the end of the window has no
// default; it is one of [ExpiresTrue], [ExpiresFalse], [ExpiresAs] or [ExpiresUnknown]. An outcome counts whenever it
// comes: before the run deferred the scorer, before the scorer began, while it waits.
func Await(ctx workflow.Context, c Condition, w Window, end scoring.Expiry) (Awaited, error) {
	return workflows.Await(ctx, c, w, end)
}

// AwaitRun waits until the run that the scorer is about has closed, through retries and continue-as-new.
func AwaitRun(ctx workflow.Context) (ClosedRun, error) { return workflows.AwaitRun(ctx) }

// AboutRun returns the run that the scorer of ctx is about.
func AboutRun(ctx workflow.Context) (Run, bool) {
	env, ok := workflows.About(ctx)
	return Run{WorkflowID: env.Run.WorkflowID, RunID: env.Run.RunID}, ok
}

// Judge asks a judge of this task queue's workers ([Config.Judges]) about a sample, as an activity, and waits for its verdict:
// [workflows.JudgeLimit] at most in a run, [workflows.JudgeLimitInScorer] in a scorer, or as [JudgeWithin] says. Its verdict's
// Score has the judge's identity as its key. Where there is no verdict, because the judge failed, did not answer in time, or was
// not asked at all (a sample of more than 2 MiB as JSON), the answer has the state error, the cause and the reason, and so has its
// Score. To add, move or remove a call is a versioned change of yours, as of any activity.
func Judge(ctx workflow.Context, name string, sample judges.Sample, opts ...JudgeOption) judges.Verdict {
	return workflows.Judge(ctx, name, sample, opts...)
}

// JudgeOption is an option of [Judge].
type JudgeOption = workflows.JudgeOption

// JudgeWithin is how long [Judge] waits at most, with all attempts and pauses.
func JudgeWithin(d time.Duration) JudgeOption { return workflows.JudgeWithin(d) }
