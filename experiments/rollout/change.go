package rollout

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Limits of a started experiment's state, so that it fits into the input of its next run.
const (
	MaxRevisions = 100
	MaxReason    = 1000 // bytes
)

// Rollout is a started experiment. It is not safe for concurrent use.
type Rollout struct {
	State
	exp *experiments.Experiment
}

// Open continues a state. A state without epochs is a draft that begins now, with the definition's own weights. A bad
// definition or policy is refused.
func Open(s State, now time.Time) (*Rollout, error) {
	exp, err := experiments.New(s.Definition) //workflowcheck:ignore a pure function: it sorts what it ranges over
	if err == nil {
		err = s.Policy.Validate()
	}
	if err != nil {
		return nil, err
	}
	r := &Rollout{State: s, exp: exp}
	if len(s.Epochs) == 0 {
		r.Definition = exp.Definition()
		r.Policy = s.Policy.WithDefaults(r.Definition.Maturity)
		r.Status = Draft
		r.Epochs = []experiments.Epoch{firstEpoch(r.Definition, now)}
	}
	return r, nil
}

// Revise makes a change and keeps it as a revision. variants are the variants of the change, where it does not name
// them itself. It returns the error of [Rollout.After], and then has changed nothing.
func (r *Rollout) Revise(action Action, change Change, updateID string, now time.Time, variants ...string) (Revision, error) {
	next, err := r.After(action, change, now)
	if err != nil {
		return Revision{}, err
	}
	last := &next.Revisions[len(next.Revisions)-1]
	if variants != nil {
		last.Variants = variants
	}
	if change.Who != ByPolicy {
		last.UpdateID = updateID
	}
	r.State = next
	return *last, nil
}

// Check tells why a change is not allowed when it is asked for. It is stricter than [Rollout.After]: a change that was made
// before its rule was made stays made. A promotion against the verdict needs a reason.
func (r *Rollout) Check(action Action, change Change, now time.Time) error {
	if _, err := r.After(action, change, now); err != nil {
		return err
	}
	if verdict := r.overruled(change.Variant); action == Promote && verdict != "" && strings.TrimSpace(change.Reason) == "" {
		return scoring.Invalid("why", "to promote %q is against the verdict, %s: give a reason", change.Variant, verdict)
	}
	return nil
}

// overruled is the verdict against which a variant would be promoted; empty if the variant is the winner.
func (r *Rollout) overruled(variant string) string {
	if r.Finding == nil {
		return "not analysed yet"
	}
	d := r.Finding.Decision
	if d.Verdict == experiments.Winner && slices.Equal(d.Variants, []string{variant}) {
		return ""
	}
	return strings.Join(append([]string{string(d.Verdict)}, d.Variants...), " ")
}

// After returns the experiment's state after a change, or why the change is not allowed. It changes nothing.
func (r *Rollout) After(action Action, change Change, now time.Time) (State, error) {
	c := r.State
	if err := checkChange(action, change); err != nil {
		return c, err
	}
	if from := allowed[action]; !slices.Contains(from, c.Status) {
		return c, scoring.Invalid("status", "the experiment is %s; to %s it must be %s", c.Status, strings.TrimPrefix(string(action), "verdict."), anyOf(from))
	}
	var variants []string
	against := ""
	switch action {
	case Start:
		if err := r.same(change.Definition); err != nil {
			return c, err
		}
		c.Status, c.Due = Running, now.Add(c.Policy.Every)
		c.Epochs = slices.Clone(c.Epochs)
		c.Epochs[len(c.Epochs)-1].At = now
	case Ramp:
		epoch, err := r.ramped(change, now)
		if err != nil {
			return c, err
		}
		c.Epochs = lastOf(append(slices.Clone(c.Epochs), epoch), MaxRevisions)
	case Pause:
		c.Status = Paused
	case Resume:
		c.Status = Running
	case Stop:
		c.Status, c.Variant = Stopped, ""
	case Promote:
		if !slices.ContainsFunc(c.Definition.Variants, func(v experiments.Variant) bool { return v.Name == change.Variant }) {
			return c, scoring.Invalid("variant", "%q is not a variant of %q", change.Variant, c.Definition.Name)
		}
		if c.Status == Promoted && c.Variant == change.Variant {
			return c, scoring.Invalid("variant", "%q is promoted already", change.Variant)
		}
		c.Status, c.Variant, variants = Promoted, change.Variant, []string{change.Variant}
		against = r.overruled(change.Variant)
	}
	all := append(slices.Clone(c.Revisions), Revision{
		Number: c.Forgotten + len(c.Revisions) + 1, Action: action, Who: change.Who, Reason: change.Reason, At: now,
		Status: c.Status, Epoch: c.Epoch().Number, Variants: variants, Against: against,
	})
	if len(all) > MaxRevisions {
		gone := oldest(all)
		all = slices.Delete(all, gone, gone+1)
		c.Forgotten++
	}
	c.Revisions = all
	return c, nil
}

// allowed are the states that an action may be asked for in.
var allowed = map[Action][]Status{
	Start:   {Draft},
	Ramp:    {Running, Paused},
	Pause:   {Running},
	Resume:  {Paused},
	Stop:    {Running, Paused, Promoted},
	Promote: {Running, Paused, Stopped, Promoted},
	Notice:  {Running, Paused},
}

func anyOf(all []Status) string {
	var names []string
	for _, s := range all {
		names = append(names, string(s))
	}
	return strings.Join(names, " or ")
}

// checkChange refuses changes that are invalid for every experiment.
func checkChange(action Action, change Change) error {
	if err := scoring.CheckName("who", change.Who); err != nil {
		return err
	}
	switch {
	case len(change.Reason) > MaxReason:
		return scoring.Invalid("why", "%d bytes, at most %d are allowed", len(change.Reason), MaxReason)
	case action != Ramp && change.Weights != nil:
		return scoring.Invalid("weights", "they are for %s", Ramp)
	case action != Ramp && change.Allocation != 0:
		return scoring.Invalid("allocation", "it is for %s", Ramp)
	case action == Ramp && change.Weights == nil && change.Allocation == 0:
		return scoring.Invalid("weights", "say new ones, a new allocation, or both")
	case action != Promote && change.Variant != "":
		return scoring.Invalid("variant", "it is for %s", Promote)
	case action != Start && change.Definition != nil:
		return scoring.Invalid("definition", "it is for %s", Start)
	}
	return nil
}

// same refuses a definition that differs from the held one.
func (r *Rollout) same(d *experiments.Definition) error {
	if d == nil {
		return nil
	}
	change, fields := experiments.Compare(r.Definition, *d) //workflowcheck:ignore a pure function: it sorts what it ranges over
	switch change {
	case experiments.NewVersion:
		return scoring.Invalid("definition", "%s differ from the version that is held: start a new version", strings.Join(fields, ", "))
	case experiments.NewEpoch:
		return scoring.Invalid("definition", "%s differ from the held definition: start it unchanged, and ramp it", strings.Join(fields, ", "))
	}
	return nil
}

// ramped returns the next epoch.
func (r *Rollout) ramped(change Change, now time.Time) (experiments.Epoch, error) {
	was := r.Epoch()
	epoch := experiments.Epoch{Number: was.Number + 1, Weights: was.Weights, Allocation: was.Allocation, At: now}
	if change.Weights != nil {
		epoch.Weights = change.Weights
	}
	if change.Allocation != 0 {
		epoch.Allocation = change.Allocation
	}
	_, err := r.exp.At(epoch) //workflowcheck:ignore a pure function: it sorts what it ranges over
	if err != nil {
		return epoch, err
	}
	epoch.Weights = shares(r.Definition, epoch.Weights)
	if distance(r.Definition, epoch.Weights, was.Weights) < 1e-12 && epoch.Allocation == was.Allocation {
		return epoch, scoring.Invalid("weights", "they and the allocation are set to this already")
	}
	return epoch, nil
}

// firstEpoch is the epoch of the definition's own weights.
func firstEpoch(d experiments.Definition, now time.Time) experiments.Epoch {
	weights := map[string]float64{}
	for _, v := range d.Variants {
		weights[v.Name] = v.Weight
	}
	return experiments.Epoch{Weights: shares(d, weights), Allocation: d.Allocation, At: now}
}

// shares returns weights that sum to 1.
func shares(d experiments.Definition, weights map[string]float64) map[string]float64 {
	sum := 0.0
	for _, v := range d.Variants {
		sum += weights[v.Name]
	}
	out := map[string]float64{}
	for _, v := range d.Variants {
		out[v.Name] = weights[v.Name] / sum
	}
	return out
}

// distance is the total variation distance: the share of units that must move.
func distance(d experiments.Definition, a, b map[string]float64) float64 {
	sum := 0.0
	for _, v := range d.Variants {
		sum += math.Abs(a[v.Name] - b[v.Name])
	}
	return sum / 2
}

// lastOf returns the last n.
func lastOf[T any](all []T, n int) []T { return all[max(0, len(all)-n):] }
