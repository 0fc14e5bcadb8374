package rollout

import (
	"slices"
	"time"

	"github.com/verdict-dev/verdict/experiments"
)

// Status is the status of a started experiment.
type Status string

// The states of an experiment.
const (
	Draft    Status = "draft"    // not started: everyone gets the control
	Running  Status = "running"  // units are assigned by the weights
	Paused   Status = "paused"   // everyone gets the control, until it is resumed
	Stopped  Status = "stopped"  // everyone gets the control, for good
	Promoted Status = "promoted" // everyone gets the promoted variant
)

// Action is a kind of change. Its name is the name of the update that asks for it.
type Action string

// The actions. They take a [Change] and return a [Revision].
const (
	Start   Action = "verdict.start"   // from draft
	Ramp    Action = "verdict.ramp"    // other weights or another allocation, which begin the next epoch
	Pause   Action = "verdict.pause"   // everyone gets the control
	Resume  Action = "verdict.resume"  // continue in the epoch of the pause
	Stop    Action = "verdict.stop"    // no more assignments
	Promote Action = "verdict.promote" // everyone gets a variant
	// Notice is no update: it is the policy's revision for a new verdict.
	Notice Action = "verdict.notice"
)

// ByPolicy is who made the revisions that no person made.
const ByPolicy = "policy"

// State is the state of a started experiment in its workflow: the workflow's input, also when it continues as new, and
// the answer to its query.
type State struct {
	Definition experiments.Definition `json:"definition"`
	Policy     Policy                 `json:"policy"`
	Status     Status                 `json:"status"`
	// Variant is the promoted one.
	Variant string `json:"variant,omitempty"`
	// Epochs are the newest ones, the current one last. Each has the weights of all variants as shares, the first epoch
	// too: a worker whose code has other weights serves the same.
	Epochs []experiments.Epoch `json:"epochs"`
	// Revisions are the last hundred changes, oldest first, and Forgotten how many are left out: the oldest of the policy, and
	// of people only when there is none.
	Revisions []Revision `json:"revisions"`
	Forgotten int        `json:"forgotten,omitempty"`
	// Finding is the result of the last analysis. Nil before the first.
	Finding *Finding `json:"finding,omitempty"`
	// Harmed are the variants that the policy has stopped, each once.
	Harmed []string `json:"harmed,omitempty"`
	// Due is when it is analysed next, while it is running or paused.
	Due time.Time `json:"due,omitzero"`
}

// Epoch returns the current epoch.
func (s State) Epoch() experiments.Epoch { return s.Epochs[len(s.Epochs)-1] }

// Overruled returns the revisions that promoted a variant against the verdict, oldest first.
func (s State) Overruled() []Revision {
	return slices.DeleteFunc(slices.Clone(s.Revisions), func(r Revision) bool { return r.Against == "" })
}

// Served is the part of a [State] that workers act on.
type Served struct {
	Status  Status            `json:"status"`
	Variant string            `json:"variant,omitempty"`
	Epoch   experiments.Epoch `json:"epoch"`
	// Fingerprint is the fingerprint of the definition, to compare with the one in the worker's code.
	Fingerprint string `json:"fingerprint"`
}

// Served returns the part of the state that workers act on.
func (s State) Served() Served {
	return Served{s.Status, s.Variant, s.Epoch(), s.Definition.Fingerprint()}
}

// Change is the argument of an update.
type Change struct {
	// ID makes the change idempotent: the same id again changes nothing. It is the update's id. Empty: a new one.
	ID string `json:"-"`
	// Who asks, and the Reason. Who is required.
	Who    string `json:"who"`
	Reason string `json:"why,omitempty"`
	// Weights are the weights of a Ramp: one of 0 or more for every variant. Nil: unchanged.
	Weights map[string]float64 `json:"weights,omitempty"`
	// Allocation is the allocation of a Ramp: the share of units that take part. 0: unchanged.
	Allocation float64 `json:"allocation,omitempty"`
	// Variant is the one to Promote.
	Variant string `json:"variant,omitempty"`
	// Definition is the one to Start: it must be equal to the workflow's own definition.
	Definition *experiments.Definition `json:"definition,omitempty"`
}

// Revision is one change of an experiment.
type Revision struct {
	Number int       `json:"number"`
	Action Action    `json:"action"`
	Who    string    `json:"who"`
	Reason string    `json:"why,omitempty"`
	At     time.Time `json:"at"`
	// Status and Epoch are the ones after the change. Variants are the promoted or the stopped ones, or the variants of
	// the verdict.
	Status   Status   `json:"status"`
	Epoch    int      `json:"epoch"`
	Variants []string `json:"variants,omitempty"`
	// Against is the verdict that a promotion overruled: it was not that the promoted variant is the winner. Such a revision is
	// kept longer than all others.
	Against string `json:"against,omitempty"`
	// UpdateID is the id of the update: the same update again returns this revision and changes nothing.
	UpdateID string `json:"update_id,omitempty"`
}

// Finding is the result of an analysis, in a size that a history can hold. The full report comes from the store.
type Finding struct {
	At       time.Time            `json:"at"`
	Decision experiments.Decision `json:"decision"`
	Units    int                  `json:"units"`
	// Scored counts the matured units that have a score of the primary metric, and Best is the probability that a variant
	// is the best one, by variant. Variants without units are not in Best.
	Scored map[string]int     `json:"scored,omitempty"`
	Best   map[string]float64 `json:"best,omitempty"`
}
