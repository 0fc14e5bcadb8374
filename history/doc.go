// Package history makes a run readable: from the events that Temporal keeps of it, a [Run] with its status and times, its steps (activities,
// local activities, children, timers, signals, updates, Nexus operations) with their attempts, arguments, results and failures, and the
// runs before and after it in its [Chain].
//
// Events come from a server ([Server]: live, closed or archived runs), from JSON ([FromJSON]: what the command line, the UI and the
// server's archivers write) or from Temporal Cloud's export ([Exported]). They stream: reading takes memory for the steps, not for the
// events.
//
//	run, err := history.Fetch(ctx, history.Server(client), scoring.Run{WorkflowID: "order-1"}, history.Options{})
//	for step := range run.Called("charge") {
//		receipt, err := history.Decode[Receipt](step.Result)
//		...
//	}
package history
