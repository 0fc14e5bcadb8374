package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
)

// Of an allocator: how many matured units with a score each variant must have before it begins, and the least share of
// units that must move for a new epoch.
const (
	minExplored = 100
	minMoved    = 0.01
)

// act keeps a finding and does what the policy says.
func (k *controller) act(ctx workflow.Context, f activities.Finding) {
	f.Decision = k.settled(f.Decision, now(ctx))
	before := activities.Finding{Decision: experiments.Decision{Verdict: experiments.Continue}}
	if k.Finding != nil {
		before = *k.Finding
	}
	k.Finding = &f
	d := f.Decision
	if d.Verdict != before.Decision.Verdict || !slices.Equal(d.Variants, before.Decision.Variants) {
		k.decree(ctx, activities.Notice, activities.Change{Why: fmt.Sprintf("%s: %s", d.Verdict, d.Reason)}, d.Variants...)
	}
	switch {
	case d.Verdict == experiments.Harm && k.Policy.StopHarm:
		k.stopHarm(ctx, d)
	case d.Verdict == experiments.Winner && k.Policy.PromoteWinner && len(d.Variants) == 1 && k.Status == activities.Running:
		k.decree(ctx, activities.Promote, activities.Change{Why: d.Reason, Variant: d.Variants[0]})
	case d.Verdict != experiments.Invalid:
		k.allocate(ctx, f)
	}
	k.publish(ctx)
}

// decree is revise in the name of the policy. What it is told to do is valid; if it were not, nothing would change.
func (k *controller) decree(ctx workflow.Context, action activities.Action, change activities.Change, variants ...string) {
	change.Who = activities.ByPolicy
	if len(change.Why) > MaxWhy {
		change.Why = strings.ToValidUTF8(change.Why[:MaxWhy-3], "") + "..."
	}
	if _, err := k.revise(ctx, action, change, variants...); err != nil {
		workflow.GetLogger(ctx).Error("Verdict's policy could not act", "Action", action, "Error", err)
	}
}

// settled holds a verdict back until one window after the last change of weights. The analysis does that too, but it
// sees an epoch only once a unit was assigned in it. Harm and invalidity do not wait. Under an allocator, which changes
// weights all the time, it is one window after the start, which is for the analysis to see.
func (k *controller) settled(d experiments.Decision, now time.Time) experiments.Decision {
	until := k.Epoch().At.Add(k.Definition.Maturity)
	switch {
	case k.Definition.Allocator != experiments.Manual || !now.Before(until):
		return d
	case d.Verdict == experiments.Harm || d.Verdict == experiments.Invalid || d.Verdict == experiments.Continue:
		return d
	}
	return experiments.Decision{
		Verdict: experiments.Continue,
		Reason:  "the first window since the weights changed is open until " + until.UTC().Format(time.RFC3339),
	}
}

// stopHarm gives the harmful variants the weight 0, each once: whoever has ramped it up again has overruled the policy.
func (k *controller) stopHarm(ctx workflow.Context, d experiments.Decision) {
	weights := maps.Clone(k.Epoch().Weights)
	var harmful []string
	for _, v := range d.Variants {
		if weights[v] > 0 && !slices.Contains(k.Harmed, v) {
			harmful = append(harmful, v)
			weights[v] = 0
		}
	}
	if harmful == nil {
		return
	}
	left := 0.0
	for _, v := range k.Definition.Variants {
		left += weights[v.Name]
	}
	if left == 0 {
		weights[k.Definition.Control] = 1
	}
	k.Harmed = append(slices.Clone(k.Harmed), harmful...)
	k.decree(ctx, activities.Ramp, activities.Change{Why: d.Reason, Weights: weights}, harmful...)
}

// allocate gives the variants the weights that the definition's allocator makes of the probabilities of being best. It
// leaves the first weights until every variant is explored, and out those that get no units.
func (k *controller) allocate(ctx workflow.Context, f activities.Finding) {
	was := k.Epoch()
	if k.Definition.Allocator == experiments.Manual || k.Status != activities.Running || now(ctx).Before(was.At.Add(k.Policy.Reweight)) {
		return
	}
	var names []string
	var best []float64
	sum := 0.0
	for _, v := range k.Definition.Variants {
		p, known := f.Best[v.Name]
		switch {
		case was.Weights[v.Name] == 0:
			continue
		case !known || f.Scored[v.Name] < minExplored:
			return
		}
		names, best, sum = append(names, v.Name), append(best, p), sum+p
	}
	if len(names) < 2 || !(sum > 0) {
		return
	}
	for i := range best {
		best[i] /= sum
	}
	weights := map[string]float64{}
	for _, v := range k.Definition.Variants {
		weights[v.Name] = 0
	}
	var said []string
	for i, w := range k.Definition.Allocator.Allocate(best, k.Definition.Floor) {
		weights[names[i]] = w
		said = append(said, fmt.Sprintf("%s %.3g", names[i], best[i]))
	}
	if distance(k.Definition, weights, was.Weights) < minMoved {
		return
	}
	why := fmt.Sprintf("%s: probabilities of being best %s", k.Definition.Allocator, strings.Join(said, ", "))
	k.decree(ctx, activities.Ramp, activities.Change{Why: why, Weights: weights})
}
