// Package verdict scores the outcomes of Temporal workflows. Temporal tells a team that every step of a run completed;
// Verdict tells them whether the outcome was the one they wanted, on every run.
//
// Adoption is one line, a [NewPlugin] on the client or the worker. Then, in code that is already there:
//
//	verdict.Score(ctx, "quality", 0.93)                    // in a workflow or an activity
//	pick := verdict.Experiment(ctx, exp, verdict.ThisRun)  // a variant, once, for the life of the run
//	verdict.Defer(ctx, PRAccepted, PullRequest{…})         // a scorer that outlives the run
//	client.Score(ctx, verdict.Run{…}, "thumbs_up", true)   // from a service; the run may be long gone
//	client.Deliver(ctx, verdict.Outcome{…})                // what really happened, for whichever scorer waits for it
//
// Scoring never fails or holds up the run that is scored. In a run nothing returns an error: bad input becomes a score in state
// error with its reason, or a line in the log where it has no name, and counts as verdict_refused. A [Client] returns a
// [scoring.InvalidError] for it, and nothing is changed. A store that is away is worked around through Temporal itself.
//
// Score, Session, DeclareKey and TokenFor add nothing to a history and may be added, moved and removed at any time. Flush,
// Experiment and Defer add commands behind a version of their own: adding one to running code is safe, moving or
// removing one is a versioned change like any other.
//
// Importing this package brings in no SQL driver, no LLM client and no Temporal server.
package verdict
