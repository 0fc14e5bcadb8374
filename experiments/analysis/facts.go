package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/verdict-dev/verdict/internal/exact"
)

// facts lists the facts by now, in the order of their times.
func (j *judge) facts() []Fact {
	var all []Fact
	for i, r := range j.read {
		for cl := range claims {
			if r.evidence.facts[cl] == nil || cl == ahead && (i > 0 || j.d.Margin == 0) {
				continue
			}
			for b := range j.a.exp.names {
				for o := range j.a.exp.names {
					if b != o && r.evidence.at(cl, b, o).by(j.now) {
						all = append(all, j.fact(r, cl, b, o))
					}
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Fact) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Unit, b.Unit)) })
	return all
}

func (j *judge) fact(r reading, cl claim, b, o int) Fact {
	at := r.evidence.at(cl, b, o)
	f := Fact{Metric: r.metric.String(), Variant: j.name(b), Versus: j.name(o), Unit: at.unit, At: at.at, Needs: r.evidence.needs[cl]}
	if cl == worse || cl == short || cl == under {
		f.Variant, f.Versus = f.Versus, f.Variant
	}
	by := func(bound float64) string {
		f.Bound = bound
		if bound == 0 {
			return ""
		}
		return fmt.Sprintf(" by %v or more", bound)
	}
	switch cl {
	case better:
		f.Kind = "better"
		f.Text = fmt.Sprintf("%s is better than %s on %s%s", f.Variant, f.Versus, f.Metric, by(j.d.Margin))
	case ahead:
		f.Kind = "ahead"
		f.Text = fmt.Sprintf("%s is better than %s on %s", f.Variant, f.Versus, f.Metric)
	case within:
		f.Kind = "not_worse"
		f.Text = fmt.Sprintf("%s is not worse than %s on %s%s", f.Variant, f.Versus, f.Metric, by(j.d.ROPE))
	case under:
		f.Kind = "not_better"
		f.Text = fmt.Sprintf("%s is not better than %s on %s%s", f.Variant, f.Versus, f.Metric, by(j.d.Margin))
	case short:
		f.Kind = "not_better"
		f.Text = fmt.Sprintf("%s is not better than %s on %s%s", f.Variant, f.Versus, f.Metric, by(j.d.MDE))
	case worse:
		f.Kind = "harm"
		f.Text = fmt.Sprintf("%s is worse than %s on %s", f.Variant, f.Versus, f.Metric)
	case passing:
		f.Kind = "guardrail"
		f.Text = fmt.Sprintf("%s is not worse than %s on %s%s", f.Variant, f.Versus, f.Metric, by(r.metric.Margin))
	}
	f.Text += fmt.Sprintf(", since %s (unit %d", date(at.at), at.unit)
	if t := r.evidence.test(cl, b, o); t != nil && at.e > 0 {
		was, now := math.MaxFloat64, t.LogE()
		if !math.IsInf(at.e, 1) {
			was = exact.Ln(at.e)
		}
		f.LogE, f.LogENow = &was, &now
		f.Text += fmt.Sprintf(": e was %.3g, needs %.0f, is %s now", at.e, f.Needs, eText(now))
	}
	f.Text += ")"
	return f
}
