package scoring

import (
	"math"
	"time"
)

// AssignedBy is how a variant was picked.
type AssignedBy string

// The ways of picking a variant.
const (
	ByWeight AssignedBy = "weighted" // hash of the run
	ByBucket AssignedBy = "bucket"   // hash of the unit
	ByFixed  AssignedBy = "fixed"    // always the same
	ByCustom AssignedBy = "custom"   // the user's function
	ByForce  AssignedBy = "forced"   // an override; kept out of the statistics
	ByPause  AssignedBy = "paused"   // the experiment was paused: control; kept out of the statistics
	ByShadow AssignedBy = "shadow"   // a run in parallel to the served one; kept out of the statistics. Unit is the served chain's first run
)

// Assignment is the recorded fact that a unit got a variant, with the probability that each variant had. It is made
// once for (experiment, version, run chain) and never changes.
type Assignment struct {
	Experiment string     `json:"experiment"`
	Version    string     `json:"version"`
	Epoch      int        `json:"epoch"`
	Variant    string     `json:"variant"`
	By         AssignedBy `json:"by"`
	// Probabilities has the probability of each variant at the moment of the assignment. They sum to 1.
	Probabilities map[string]float64 `json:"probabilities"`
	// Unit is the randomized unit: the first run id of the chain, or the bucket's unit.
	Unit string `json:"unit"`
	// Run is the run that made the pick; FirstRunID the first of its chain; OriginalRunID survives a reset.
	Run           Run       `json:"run"`
	FirstRunID    string    `json:"first_run_id,omitempty"`
	OriginalRunID string    `json:"original_run_id,omitempty"`
	WorkflowType  string    `json:"workflow_type,omitempty"`
	At            time.Time `json:"at"`
	// Vouched marks an assignment whose worker withdraws it if the run is served something else. Workers of earlier
	// releases did not; their assignments count unchanged.
	Vouched bool `json:"vouched,omitempty"`
	// Disowned turns it into the statement that the run was served the control, not the variant that is kept for this
	// unit.
	Disowned bool `json:"disowned,omitempty"`
	// Superseded is set by the store when the run was reset away.
	Superseded bool `json:"superseded,omitempty"`
	// Unserved is set by the store when the unit was served something other than its recorded assignment. The unit is out
	// of the statistics.
	Unserved bool `json:"unserved,omitempty"`

	// The store sets these when it reads the rows of an experiment. Times are by its own clock, when it learned of
	// something; zero times are not known: rows that earlier releases wrote have none.

	RecordedAt   time.Time `json:"-"`
	SupersededAt time.Time `json:"-"` // that its run was reset away
	UnservedAt   time.Time `json:"-"` // that a run was served something else
	// Position counts the sealed units of the experiment's version from 1, in the order of their assignment. 0: the store has
	// sealed no unit by this assignment; -1: the store learned of it after its seal, or behind a sealed unit that was assigned
	// later; -2: its unit was sealed by an earlier one. SealedAt is the end of its window and grace, once the store has sealed it.
	Position int64     `json:"-"`
	SealedAt time.Time `json:"-"`
}

// Validate refuses an assignment without a unit or run, or whose probabilities are not a distribution over variants
// that includes its own.
func (a Assignment) Validate() error {
	if err := CheckName("experiment", a.Experiment); err != nil {
		return err
	}
	if err := CheckName("version", a.Version); err != nil {
		return err
	}
	if err := CheckName("variant", a.Variant); err != nil {
		return err
	}
	if a.Unit == "" {
		return Invalid("unit", "must not be empty")
	}
	if err := CheckKey("unit", a.Unit); err != nil {
		return err
	}
	if _, ok := a.Probabilities[a.Variant]; !ok {
		return Invalid("probabilities", "none for variant %q", a.Variant)
	}
	sum := 0.0
	for v, p := range a.Probabilities {
		if !(p >= 0 && p <= 1) {
			return Invalid("probabilities", "%v for %q is not in [0, 1]", p, v)
		}
		sum += p
	}
	if math.Abs(sum-1) > 1e-9 {
		return Invalid("probabilities", "they sum to %v, not 1", sum)
	}
	return a.Run.Validate()
}

// Ref is the part of an assignment that travels in headers to children, continued runs and scorers: never the unit or
// a key.
type Ref struct {
	Experiment  string  `json:"experiment"`
	Version     string  `json:"version"`
	Epoch       int     `json:"epoch"`
	Variant     string  `json:"variant"`
	Probability float64 `json:"probability"`
	// FirstRunID is the first run of the chain that made the assignment: scores of children count for it.
	FirstRunID string `json:"first_run_id,omitempty"`
}

// Ref returns the part of a that may travel.
func (a Assignment) Ref() Ref {
	return Ref{a.Experiment, a.Version, a.Epoch, a.Variant, a.Probabilities[a.Variant], a.FirstRunID}
}
