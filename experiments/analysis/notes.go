package analysis

import (
	"fmt"
	"strings"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// cut names the variants with values that were cut.
func (j *judge) cut(r reading) string {
	var all []string
	for v, c := range r.counts {
		if c.Capped > 0 {
			all = append(all, fmt.Sprintf("%d of %s", c.Capped, j.name(v)))
		}
	}
	return ": " + strings.Join(all, ", ")
}

func (j *judge) notes() []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for i, r := range j.read {
		var all Counts
		for _, c := range r.counts {
			all.Add(c)
		}
		name := r.metric.String()
		if n := all.Scored + all.Late; n > 0 && float64(all.Late) > 0.05*float64(n) {
			note("%d of %d scores of %s came after the window of %s and are not counted: a longer window is a new version", all.Late, n, name, j.d.Maturity)
		}
		if all.Capped > 0 {
			note("%d of %d values of %s were cut at 0 or at %v%s", all.Capped, all.Scored, name, r.metric.Cap, j.cut(r))
		}
		if r.scale == relative && r.zero(j.a.exp.control) {
			note("the mean of %s is 0 in %s, up to rounding: there is no lift over it, so this metric decides nothing", name, j.d.Control)
		}
		if all.Error > 0 {
			note("%s is an error or an impossible value in %d of %d units", name, all.Error, all.Assigned)
		}
		if r.metric.of != nil {
			left := 0
			for _, n := range r.left {
				left += n
			}
			note("%s is the corrected value of the outcome, by %s: the outcomes of %d of %d units were drawn (%v of all), and the others do not count", name, r.metric.Corrected.Judge, all.Scored-left, all.Scored, r.metric.Corrected.Share)
		}
		if r.metric.Denominator != "" {
			note("%s is a ratio: it is decided on its asymptotic interval alone, which is approximate", name)
		} else if !r.metric.exact() {
			note("%s has no range: its interval is asymptotic, which is approximate, and a verdict needs the bets on its ranks as well", name)
		}
		if r.metric.Type == experiments.Unbounded && r.signed && r.metric.Denominator == "" {
			note("%s has values of 0 or less: its interval is of the plain means, and approximate", name)
		}
		if r.metric.Covariate != "" && !r.metric.exact() && !r.cuped {
			note("%s is not adjusted by %s: some units lack it, or its interval is on a logarithmic scale", name, r.metric.Covariate)
		}
		if m := &j.a.metrics[i].missing; m.warned.unit > 0 && i > 0 {
			note("the variants differ in how often %s is missing (e = %s)", name, eText(m.logE()))
		}
	}
	sets := map[int]int{}
	for _, n := range strata(j.a.epochs) {
		if sets[n.epoch]++; sets[n.epoch] == 2 && j.d.Selection != scoring.ByCustom {
			note("the weights of epoch %d changed without a new epoch: its units are analysed separately, by the weights that each had", n.epoch)
		}
		if j.a.epochs[n].shares == nil {
			note("units of epoch %d have no usable probabilities or too many different ones: each is checked by its own probabilities, and no asymptotic interval decides", n.epoch)
		}
	}
	if j.d.Maturity == 0 {
		note("no maturity is set: units count in the order in which they become final, so nothing is guaranteed; the figures are right only if the scores of all variants take equally long")
	}
	return append(notes, j.a.seals.notes(j.a.exp.names, &j.resets)...)
}
