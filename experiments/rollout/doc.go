// Package rollout is what becomes of an experiment that is started: its status, its epochs of weights, the changes that
// people ask for and those that its policy makes.
//
// [State] is a started experiment as a workflow holds it, and what is written of it never changes its form: it is in
// histories. [Rollout.Revise] is a change by a person, [Rollout.Act] what the policy does with what an analysis found.
//
// The package imports nothing of Temporal and reads no clock: it is told what time it is.
package rollout
