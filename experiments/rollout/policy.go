package rollout

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Policy is how an experiment acts on its analysis by itself. The zero Policy only notifies: every new verdict is a
// revision. Allocating weights by results is part of the definition, because it affects the analysis: see
// experiments.Definition.Allocator.
type Policy struct {
	// StopHarm gives a harmful variant the weight 0. It does so once for a variant: ramping it up again overrules the
	// policy.
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

// Validate refuses values out of range.
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

// Of an allocator: how many matured units with a score each variant must have before it begins, and the least share of
// units that must move for a new epoch.
const (
	minExplored = 100
	minMoved    = 0.01
)

// Act keeps the finding of an analysis and applies the policy; each change is a revision of its own. A change by the
// policy is always valid; if it were not, nothing would change, and Act would return an error.
func (r *Rollout) Act(f Finding, now time.Time) error {
	f.Decision = r.settled(f.Decision, now)
	before := Finding{Decision: experiments.Decision{Verdict: experiments.Continue}}
	if r.Finding != nil {
		before = *r.Finding
	}
	r.Finding = &f
	d := f.Decision
	var errs []error
	if d.Verdict != before.Decision.Verdict || !slices.Equal(d.Variants, before.Decision.Variants) {
		errs = append(errs, r.decree(Notice, Change{Reason: fmt.Sprintf("%s: %s", d.Verdict, d.Grounds())}, now, d.Variants...))
	}
	switch {
	case d.Verdict == experiments.Harm && r.Policy.StopHarm:
		errs = append(errs, r.stopHarm(d, now))
	case d.Verdict == experiments.Winner && r.Policy.PromoteWinner && len(d.Variants) == 1 && r.Status == Running:
		errs = append(errs, r.decree(Promote, Change{Reason: d.Grounds(), Variant: d.Variants[0]}, now))
	case d.Verdict != experiments.Invalid:
		errs = append(errs, r.allocate(f, now))
	}
	return errors.Join(errs...)
}

// decree is [Rollout.Revise] in the name of the policy.
func (r *Rollout) decree(action Action, change Change, now time.Time, variants ...string) error {
	change.Who = ByPolicy
	if len(change.Reason) > MaxReason {
		change.Reason = strings.ToValidUTF8(change.Reason[:MaxReason-3], "") + "..."
	}
	_, err := r.Revise(action, change, "", now, variants...)
	return err
}

// settled holds a verdict back until one window after the last change of weights. The analysis does that too, but it
// sees an epoch only once a unit was assigned in it. Harm and invalidity do not wait. Under an allocator, which changes
// weights all the time, it is one window after the start, which is for the analysis to see.
func (r *Rollout) settled(d experiments.Decision, now time.Time) experiments.Decision {
	until := r.Epoch().At.Add(r.Definition.Maturity)
	switch {
	case r.Definition.Allocator != experiments.Manual || !now.Before(until):
		return d
	case d.Verdict == experiments.Harm || d.Verdict == experiments.Invalid || d.Verdict == experiments.Continue:
		return d
	}
	return experiments.Decision{
		Verdict: experiments.Continue,
		Reason:  "the first window since the weights changed is open until " + until.UTC().Format(time.RFC3339), Untrusted: d.Untrusted,
	}
}

// stopHarm gives the harmful variants the weight 0, each once: ramping it up again overrules the policy.
func (r *Rollout) stopHarm(d experiments.Decision, now time.Time) error {
	weights := maps.Clone(r.Epoch().Weights)
	var harmful []string
	for _, v := range d.Variants {
		if weights[v] > 0 && !slices.Contains(r.Harmed, v) {
			harmful = append(harmful, v)
			weights[v] = 0
		}
	}
	if harmful == nil {
		return nil
	}
	left := 0.0
	for _, v := range r.Definition.Variants {
		left += weights[v.Name]
	}
	if left == 0 {
		weights[r.Definition.Control] = 1
	}
	r.Harmed = append(slices.Clone(r.Harmed), harmful...)
	return r.decree(Ramp, Change{Reason: d.Reason, Weights: weights}, now, harmful...)
}

// allocate gives the variants the weights that the definition's allocator computes from the probabilities of being
// best. It keeps the first weights until every variant is explored, and leaves out variants that get no units.
func (r *Rollout) allocate(f Finding, now time.Time) error {
	was := r.Epoch()
	if r.Definition.Allocator == experiments.Manual || r.Status != Running || now.Before(was.At.Add(r.Policy.Reweight)) {
		return nil
	}
	var names []string
	var best []float64
	sum := 0.0
	for _, v := range r.Definition.Variants {
		p, known := f.Best[v.Name]
		switch {
		case was.Weights[v.Name] == 0:
			continue
		case !known || f.Scored[v.Name] < minExplored:
			return nil
		}
		names, best, sum = append(names, v.Name), append(best, p), sum+p
	}
	if len(names) < 2 || !(sum > 0) {
		return nil
	}
	for i := range best {
		best[i] /= sum
	}
	weights := map[string]float64{}
	for _, v := range r.Definition.Variants {
		weights[v.Name] = 0
	}
	var said []string
	for i, w := range Weights(r.Definition.Allocator, best, r.Definition.Floor) {
		weights[names[i]] = w
		said = append(said, fmt.Sprintf("%s %.3g", names[i], best[i]))
	}
	if distance(r.Definition, weights, was.Weights) < minMoved {
		return nil
	}
	why := fmt.Sprintf("%s: probabilities of being best %s", r.Definition.Allocator, strings.Join(said, ", "))
	return r.decree(Ramp, Change{Reason: why, Weights: weights}, now)
}
