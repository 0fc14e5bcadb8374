// Package rollout runs a started experiment: its status, its epochs of weights, the changes that people ask for and the
// changes that its policy makes.
//
// [State] is the state of a started experiment in its workflow. Its JSON never changes its form: it is in histories.
// [Rollout.Revise] makes a change of a person, [Rollout.Act] applies the policy to the finding of an analysis.
//
// The package imports nothing of Temporal and reads no clock: callers pass in the time.
package rollout
