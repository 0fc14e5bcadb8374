package report

import (
	"fmt"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
)

// Panel is a metric in a forest plot, which compares all variants with the control.
type Panel struct {
	Metric string
	Role   string // primary, guardrail, or engine
	// Lift tells that effects are shares of the control. Otherwise they are differences, as the metric is measured.
	Lift      bool
	Direction experiments.Direction
	Effects   []Effect // of the variants but the control
}

// Effect is how much a variant exceeds the control.
type Effect struct {
	Variant  string
	Value    float64
	Interval *analysis.Interval // nil while there are too few units: then Value means nothing
	Lift     bool
}

// String shows the effect in three significant digits.
func (e Effect) String() string {
	switch {
	case e.Interval == nil:
		return "too few units, or all alike"
	case e.Lift:
		return fmt.Sprintf("%s (%s)", percent(e.Value), PercentRange(e.Interval))
	}
	return fmt.Sprintf("%s (%s)", signed(e.Value), SignedRange(e.Interval))
}

// Forest returns the primary metric, the guardrails, and the engine's facts that differ between variants.
func (e Experiment) Forest() []Panel {
	if e.Analysis == nil {
		return nil
	}
	var panels []Panel
	there := map[string]bool{}
	for _, m := range e.Analysis.Metrics {
		p := Panel{Metric: m.Name, Role: m.Role, Direction: m.Direction}
		var versus []*analysis.Comparison
		for _, r := range m.Variants {
			if r.Variant != e.Control {
				p.Effects, versus = append(p.Effects, Effect{Variant: r.Variant}), append(versus, r.Versus)
			}
		}
		p.fill(versus)
		panels, there[m.Name] = append(panels, p), true
	}
	for from := 0; from < len(e.Engine); {
		p := Panel{Metric: e.Engine[from].Score, Role: "engine", Direction: experiments.Lower}
		var versus []*analysis.Comparison
		for ; from < len(e.Engine) && e.Engine[from].Score == p.Metric; from++ {
			if r := e.Engine[from]; r.Variant != e.Control {
				p.Effects, versus = append(p.Effects, Effect{Variant: r.Variant}), append(versus, r.Versus)
			}
		}
		p.fill(versus)
		if !there[p.Metric] && slices.ContainsFunc(p.Effects, func(e Effect) bool { return e.Interval != nil }) {
			panels = append(panels, p)
		}
	}
	return panels
}

// fill copies the comparisons into the effects, all on one scale.
func (p *Panel) fill(versus []*analysis.Comparison) {
	p.Lift = onLift(versus)
	for i, c := range versus {
		if value, in, ok := effect(c, p.Lift); ok {
			p.Effects[i].Value, p.Effects[i].Interval = value, &in
		}
		p.Effects[i].Lift = p.Lift
	}
}

// onLift tells whether variants are compared by their lifts: an unbounded metric has no interval of the difference.
func onLift(versus []*analysis.Comparison) bool {
	return slices.ContainsFunc(versus, func(c *analysis.Comparison) bool { return c != nil && c.DifferenceInterval == nil })
}

// effect returns a comparison's difference or lift, if it has an interval.
func effect(c *analysis.Comparison, lift bool) (float64, analysis.Interval, bool) {
	switch {
	case c == nil:
	case lift && c.Lift != nil && bounded(c.LiftInterval) != nil:
		return *c.Lift, *c.LiftInterval, true
	case !lift && bounded(c.DifferenceInterval) != nil:
		return c.Difference, *c.DifferenceInterval, true
	}
	return 0, analysis.Interval{}, false
}
