// Package verdict scores the outcomes of Temporal workflows. Temporal tells a team that every step of a run completed;
// Verdict tells them whether the run had the outcome that they wanted, on every run.
//
// Adoption is one line, a [NewPlugin] on the client or the worker. Then, in the code that you have:
//
//	verdict.Score(ctx, "quality", 0.93)                    // in a workflow or an activity
//	pick := verdict.Experiment(ctx, exp, verdict.ThisRun)  // a variant, once, for the life of the run
//	verdict.Defer(ctx, PRAccepted, PullRequest{…})         // a scorer that outlives the run
//	client.Score(ctx, verdict.Run{…}, "thumbs_up", true)   // from a service; the run may be long gone
//	client.Deliver(ctx, verdict.Outcome{…})                // what really happened, for whichever scorer waits for it
//
// Scoring never fails or delays a run. In a run no call returns an error: bad input becomes a score in state error with
// its reason, or a line in the log where it has no name, and counts as verdict_refused. A [Client] returns a
// [scoring.InvalidError] for it and changes nothing. While the store is down, Temporal holds the scores.
//
// Score, Session, DeclareKey and TokenFor add nothing to a history and may be added, moved and removed at any time. Flush,
// Experiment and Defer add commands behind a version of their own: adding one to running code is safe, moving or
// removing one is a versioned change like any other. docs/contexts.md says which call does what in which context: an
// update handler, a query handler, a side effect, an activity.
//
// Importing this package brings in no SQL driver, no LLM client and no Temporal server.
package verdict
