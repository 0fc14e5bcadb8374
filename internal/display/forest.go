package display

import (
	"fmt"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
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
	Interval *results.Interval // nil while there are too few units: then Value means nothing
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

// PanelsOf returns the primary metric, the guardrails, and the engine's facts that differ between variants.
func PanelsOf(e results.Experiment) []Panel {
	if e.Analysis == nil {
		return nil
	}
	var panels []Panel
	there := map[string]bool{}
	for _, m := range e.Analysis.Metrics {
		p := Panel{Metric: m.Name, Role: m.Role, Direction: m.Direction}
		var versus []*results.Comparison
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
		var versus []*results.Comparison
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
func (p *Panel) fill(versus []*results.Comparison) {
	p.Lift = results.OnLift(versus)
	for i, c := range versus {
		if value, in, ok := c.Effect(p.Lift); ok {
			p.Effects[i].Value, p.Effects[i].Interval = value, &in
		}
		p.Effects[i].Lift = p.Lift
	}
}
