// Package verdict scores the outcomes of Temporal workflows. Temporal tells a team that every step of a run completed;
// Verdict tells them whether the run had the outcome that they wanted, on every run.
//
// # Adopt it
//
// One line, a [NewPlugin] on the client or the worker, makes every run scorable, also from outside. Then, in the code that
// you have:
//
//	verdict.Score(ctx, "quality", 0.93)                    // in a workflow or an activity
//	pick := verdict.Experiment(ctx, exp, verdict.ThisRun)  // a variant, once, for the life of the run
//	verdict.Defer(ctx, PRAccepted, PullRequest{…})         // a scorer that outlives the run
//	client.Score(ctx, verdict.Run{…}, "thumbs_up", true)   // from a service; the run may be long gone
//	client.Deliver(ctx, verdict.Outcome{…})                // what really happened, for every scorer that waits for it
//
// # What you know now
//
// [Score] records a number or a boolean of the run, in an activity of the step. [Record] records any other state, such as
// [Decline]. Options say more: [OnStep], [OnRun], [About] another run, a [Reason], [Keyed], [ObservedAt], [InSession].
// [Session] puts the run into a conversation or under a customer. [Judge] asks a judge of package judges and always has an
// answer. Scores are recorded when the run ends, or earlier with [Flush].
//
// # What you will know later
//
// [Defer] starts a [Scorer], which waits for weeks and outlives the run. [NewOutcomeScorer] makes one that says as data what
// it waits for ([Wait]), so that the store decides and no code of yours runs; [NewScorer] makes one of a workflow function,
// where [Await] waits for an [Outcome]: [On] one event, [AnyOf] several, [AllOf] of them or one [Times], [Within] a window whose
// end has a meaning ([ExpiresTrue], [ExpiresFalse], [ExpiresAs], [ExpiresUnknown]). [AwaitRun] waits for the run's end. A
// scorer starts at once, or [OnClose], [OnSuccess], [OnFailure], or [StartAt] a time.
//
// # From a service
//
// A [Client] scores a run that it names by [Run], by a [Key] that the run declared ([DeclareKey]) or by a [Token]
// ([TokenFor]), and delivers outcomes. Package webhooks has handlers that verify deliveries and hand them to a Client.
//
// # Which variant is better
//
// [Experiment] picks a variant and records it with its probability; [Of] maps it to your prompt, model or function.
// [Targeted], [Forced] and [Chosen] have a say. [Shadow] runs another variant in parallel, unseen. [Retired] ships the
// winner.
//
// # What it costs, and what it cannot do
//
// Scoring never fails or delays a run. In a run no call returns an error: bad input becomes a score in state error with
// its reason, or a line in the log where it has no name, and counts as verdict_refused. A [Client] returns a
// [scoring.InvalidError] for it and changes nothing. While the store is down, Temporal holds the scores.
//
// Score, Session, DeclareKey and TokenFor add nothing to a history and may be added, moved and removed at any time. Flush,
// Experiment and Defer add commands behind a version of their own: adding one to running code is safe, moving or
// removing one is a versioned change like any other.
//
// Package verdicttest sees all of this in a test, without a server; the examples below use it. Importing this package
// brings in no SQL driver, no LLM client and no Temporal server.
package verdict
