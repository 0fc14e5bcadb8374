package activities

import (
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// Names on the wire of the control of experiments. They are in histories, so they never change.
const (
	// ExperimentWorkflow is the workflow type that holds an experiment, and AnalyzeName the activity by which it reads
	// what the store says.
	ExperimentWorkflow = "verdict.ExperimentWorkflow"
	AnalyzeName        = "verdict.Analyze"

	// ControlQuery answers with the [Control] of an experiment.
	ControlQuery = "verdict.experiment"
	// ControlMemo is the memo field that has the [Served] of an experiment: the server alone can tell it, when no worker
	// of ours polls.
	ControlMemo = "verdict-experiment"
)

// ExperimentID returns the id of the workflow that holds a version of an experiment.
func ExperimentID(name, version string) string {
	return "verdict/experiment/" + wire.ID(name) + "@" + wire.ID(version)
}

func experimentKey(name, version string) string { return name + "@" + version }

// Status is what an experiment is at.
type Status string

// The states of an experiment.
const (
	Draft    Status = "draft"    // not started: everyone gets the control
	Running  Status = "running"  // units are assigned by the weights
	Paused   Status = "paused"   // everyone gets the control, until it is resumed
	Stopped  Status = "stopped"  // everyone gets the control, for good
	Promoted Status = "promoted" // everyone gets the promoted variant
)

// Action is what changes an experiment. Its name is that of the update that asks for it.
type Action string

// The actions. They take a [Change] and return a [Revision].
const (
	Start   Action = "verdict.start"   // from draft
	Ramp    Action = "verdict.ramp"    // other weights or another allocation, which begin the next epoch
	Pause   Action = "verdict.pause"   // everyone gets the control
	Resume  Action = "verdict.resume"  // go on in the epoch in which it was paused
	Stop    Action = "verdict.stop"    // no more assignments
	Promote Action = "verdict.promote" // everyone gets a variant
	// Notice is no update: it is the revision by which the policy says that the verdict is another one.
	Notice Action = "verdict.notice"
)

// ByPolicy is who made the revisions that no person made.
const ByPolicy = "policy"

// Policy is what an experiment does by itself with what its analysis says. The zero Policy only notifies: every new
// verdict is a revision. That weights are allocated by what was learned is part of the definition, because it bears on
// the analysis: see experiments.Definition.Allocator.
type Policy struct {
	// StopHarm gives a harmful variant the weight 0. It does so once for a variant: whoever ramps it up again has
	// overruled it.
	StopHarm bool `json:"stop_harm,omitempty"`
	// PromoteWinner promotes the winner.
	PromoteWinner bool `json:"promote_winner,omitempty"`
	// Every is how often the experiment is analysed. Defaults to a fiftieth of the maturity window and at least a minute.
	// At least a second.
	Every time.Duration `json:"every,omitempty"`
	// Reweight is the shortest time between two epochs of an allocator. Defaults to a seventh of the maturity window and
	// at least an hour. At least a second.
	Reweight time.Duration `json:"reweight,omitempty"`
	// ContinueAfter is the number of events after which the workflow continues as new. 0: when the server suggests it.
	// At least 50.
	ContinueAfter int `json:"continue_after,omitempty"`
}

// Validate refuses what is out of range.
func (p Policy) Validate() error {
	switch {
	case p.Every != 0 && p.Every < time.Second:
		return scoring.Invalid("every", "%s is less than a second", p.Every)
	case p.Reweight != 0 && p.Reweight < time.Second:
		return scoring.Invalid("reweight", "%s is less than a second", p.Reweight)
	case p.ContinueAfter != 0 && p.ContinueAfter < 50:
		return scoring.Invalid("continue after", "%d events are fewer than 50", p.ContinueAfter)
	}
	return nil
}

// WithDefaults returns p with the intervals that a maturity window asks for.
func (p Policy) WithDefaults(maturity time.Duration) Policy {
	if p.Every == 0 {
		p.Every = max(maturity/50, time.Minute)
	}
	if p.Reweight == 0 {
		p.Reweight = max(maturity/7, time.Hour)
	}
	return p
}

// Control is an experiment as its workflow holds it. It is the workflow's input, its state and the answer to its query.
type Control struct {
	Definition experiments.Definition `json:"definition"`
	Policy     Policy                 `json:"policy"`
	Status     Status                 `json:"status"`
	// Variant is the promoted one.
	Variant string `json:"variant,omitempty"`
	// Epochs are the newest ones, the current one last. Their weights are shares of every variant, also those of the
	// first: a worker whose code has other weights serves the same.
	Epochs []experiments.Epoch `json:"epochs"`
	// Revisions are the last hundred changes, oldest first, and Forgotten how many are left out: the oldest of the policy, and
	// of people only when there is none.
	Revisions []Revision `json:"revisions"`
	Forgotten int        `json:"forgotten,omitempty"`
	// Finding is what the last analysis said. Nil before the first.
	Finding *Finding `json:"finding,omitempty"`
	// Harmed are the variants that the policy has stopped, each once.
	Harmed []string `json:"harmed,omitempty"`
	// Due is when it is analysed next, while it is running or paused.
	Due time.Time `json:"due,omitzero"`
}

// Epoch returns the current epoch.
func (c Control) Epoch() experiments.Epoch { return c.Epochs[len(c.Epochs)-1] }

// Served is the part of a [Control] that workers act on.
type Served struct {
	Status  Status            `json:"status"`
	Variant string            `json:"variant,omitempty"`
	Epoch   experiments.Epoch `json:"epoch"`
	// Fingerprint is that of the definition, to compare with the one in the worker's code.
	Fingerprint string `json:"fingerprint"`
}

// Served returns what workers act on.
func (c Control) Served() Served {
	return Served{c.Status, c.Variant, c.Epoch(), c.Definition.Fingerprint()}
}

// Change is what an update asks for.
type Change struct {
	// Who asks, and Why. Who is required.
	Who string `json:"who"`
	Why string `json:"why,omitempty"`
	// Weights are those of a Ramp: one of 0 or more for every variant. Nil: as they are.
	Weights map[string]float64 `json:"weights,omitempty"`
	// Allocation is that of a Ramp: the share of units that take part. 0: as it is.
	Allocation float64 `json:"allocation,omitempty"`
	// Variant is the one to Promote.
	Variant string `json:"variant,omitempty"`
	// Definition is the one to Start: it must be the one that the workflow was started with.
	Definition *experiments.Definition `json:"definition,omitempty"`
}

// Revision is one change of an experiment.
type Revision struct {
	Number int       `json:"number"`
	Action Action    `json:"action"`
	Who    string    `json:"who"`
	Why    string    `json:"why,omitempty"`
	At     time.Time `json:"at"`
	// Status and Epoch are those after the change. Variants are the promoted or the stopped ones, or those that the
	// verdict is about.
	Status   Status   `json:"status"`
	Epoch    int      `json:"epoch"`
	Variants []string `json:"variants,omitempty"`
	// UpdateID is the id of the update: the same update again returns this revision and changes nothing.
	UpdateID string `json:"update_id,omitempty"`
}

// Finding is what an analysis says, in the size that a history can hold. The whole report is made from the store.
type Finding struct {
	At       time.Time            `json:"at"`
	Decision experiments.Decision `json:"decision"`
	Units    int                  `json:"units"`
	// Scored counts the matured units that have a score of the primary metric, and Best is the probability that a variant
	// is the best one, by variant. Variants without units are not in Best.
	Scored map[string]int     `json:"scored,omitempty"`
	Best   map[string]float64 `json:"best,omitempty"`
}
