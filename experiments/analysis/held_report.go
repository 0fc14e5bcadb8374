package analysis

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/judges/agreement"
)

// heldLevel is the level of the intervals of a judge's figures, and heldBins how many bins its calibration has.
const (
	heldLevel = 0.95
	heldBins  = 10
)

// report returns the figures of a judge, by version. Judgements and outcomes are good from one half on.
func (t *heldTo) report() (out []results.Judged) {
	for _, key := range slices.Sorted(maps.Keys(t.by)) {
		out = append(out, t.figures(key, t.by[key]))
	}
	if out == nil {
		out = append(out, t.figures("", newVersion(len(t.exp.names))))
	}
	return out
}

func (t *heldTo) figures(key string, h *held) results.Judged {
	judge, outcome := t.exp.all(t.judge), t.exp.all(t.outcome).uncorrected()
	out := results.Judged{
		Judge: judge.String(), Key: key, Outcome: outcome.String(), Standing: string(h.trust.Standing()), Drawn: outcome.Corrected.Share,
		For: rounded(h.trust.LogFor()), Against: rounded(h.trust.LogAgainst()),
	}
	switch {
	case h.revoked.unit > 0:
		out.Since = h.revoked.at
	case h.trusted.unit > 0:
		out.Since = h.trusted.at
	}
	all, unjudged := heldArm{pairs: map[heldPair]int{}, unknown: map[int]int{}}, 0
	for v := range h.arms {
		arm := &h.arms[v]
		for p, n := range arm.pairs {
			all.pairs[p] += n
		}
		for j, n := range arm.unknown {
			all.unknown[j] += n
		}
		all.left += arm.left
		unjudged += t.unjudged[v]
		r := results.JudgedVariant{Variant: t.exp.names[v], JudgedUnits: arm.units()}
		r.Unjudged = t.unjudged[v]
		if v != t.exp.control {
			r.LogE, r.Needs = rounded(arm.apart.LogE()), agreement.DivergenceE*float64(len(h.arms)-1)
			if arm.alarm.unit > 0 {
				r.Apart = arm.alarm.at
			}
			if gap, ok := arm.apart.Gap(heldLevel); ok {
				r.Gap = figure(gap, nil)
			}
		}
		out.Variants = append(out.Variants, r)
	}
	out.Overall = all.units()
	out.Overall.Unjudged = unjudged
	return out
}

// units returns the figures of some units.
func (a *heldArm) units() (out results.JudgedUnits) {
	out.Left = a.left
	var pairs, labels []agreement.Pair[float64]
	for _, p := range slices.SortedFunc(maps.Keys(a.pairs), heldPair.compare) {
		n := a.pairs[p]
		out.Pairs += n
		pairs = append(pairs, agreement.Pair[float64]{Judge: float64(p.judge) / hundredths, Outcome: float64(p.outcome) / hundredths, Times: n})
		l := agreement.Pair[float64]{Judge: label(p.judge), Outcome: label(p.outcome), Times: n}
		labels = append(labels, l)
		switch {
		case l.Judge == 1 && l.Outcome == 1:
			out.Confusion.BothGood += n
		case l.Judge == 1:
			out.Confusion.JudgeGood += n
		case l.Outcome == 1:
			out.Confusion.OutcomeGood += n
		default:
			out.Confusion.BothBad += n
		}
	}
	good := 0
	for _, j := range slices.SortedFunc(maps.Keys(a.unknown), cmp.Compare) {
		out.Unknown += a.unknown[j]
		if label(j) == 1 {
			good += a.unknown[j]
		}
	}
	if out.Unknown > 0 {
		out.Bounds = bounds(out, good)
		return out
	}
	table, err := agreement.Tabulate(labels, 0, 1)
	if err != nil {
		return out
	}
	out.Agreement = figure(agreement.Observed(table, heldLevel))
	out.Kappa = figure(agreement.Kappa(table, heldLevel))
	out.AC1 = figure(agreement.AC1(table, heldLevel))
	out.Alpha = figure(agreement.TableAlpha(table, heldLevel))
	out.Prevalence = figure(agreement.Prevalence(table, 1, heldLevel))
	if grades, err := agreement.Tabulate(pairs); err == nil {
		out.QuadraticKappa = figure(agreement.QuadraticKappa(grades, heldLevel))
	}
	c, err := agreement.CalibratePairs(pairs, heldBins, heldLevel)
	if err != nil {
		return out
	}
	out.CalibrationError, out.Brier = number(rounded(c.Error)), number(rounded(c.Brier))
	for _, b := range c.Bins {
		out.Calibration = append(out.Calibration, results.CalibrationBin{From: b.From, To: b.To, Judged: rounded(b.Judged), Outcome: *figure(b.Outcome, nil)})
	}
	return out
}

// label is 1 for a good value.
func label(value int) float64 {
	if value >= hundredths/2 {
		return 1
	}
	return 0
}

// bounds are for any outcomes of the units whose outcome is not known. The judge calls some of these good.
func bounds(u results.JudgedUnits, good int) *results.JudgedBounds {
	n, bad := float64(u.Pairs+u.Unknown), u.Unknown-good
	c := u.Confusion
	same, outcome := float64(c.BothGood+c.BothBad), float64(c.BothGood+c.OutcomeGood)
	out := &results.JudgedBounds{
		Agreement:  Interval{Lo: rounded(same / n), Hi: rounded((same + float64(u.Unknown)) / n)},
		Prevalence: Interval{Lo: rounded(outcome / n), Hi: rounded((outcome + float64(u.Unknown)) / n)},
	}
	least := kappaOf(results.Confusion{BothGood: c.BothGood, JudgeGood: c.JudgeGood + good, OutcomeGood: c.OutcomeGood + bad, BothBad: c.BothBad})
	most := kappaOf(results.Confusion{BothGood: c.BothGood + good, JudgeGood: c.JudgeGood, OutcomeGood: c.OutcomeGood, BothBad: c.BothBad + bad})
	if least != nil && most != nil {
		out.Kappa = &Interval{Lo: least.Value, Hi: most.Value}
	}
	return out
}

func kappaOf(c results.Confusion) *results.Figure {
	var pairs []agreement.Pair[float64]
	for _, p := range []agreement.Pair[float64]{{Judge: 1, Outcome: 1, Times: c.BothGood}, {Judge: 1, Times: c.JudgeGood}, {Outcome: 1, Times: c.OutcomeGood}, {Times: c.BothBad}} {
		if p.Times > 0 {
			pairs = append(pairs, p)
		}
	}
	table, err := agreement.Tabulate(pairs, 0, 1)
	if err != nil {
		return nil
	}
	return figure(agreement.Kappa(table, heldLevel))
}

// figure is nil where an estimate has no value.
func figure(e agreement.Estimate, err error) *results.Figure {
	if err != nil || math.IsNaN(e.Value+e.Lo+e.Hi) || math.IsInf(e.Value+e.Lo+e.Hi, 0) {
		return nil
	}
	return &results.Figure{Value: rounded(e.Value) + 0, Interval: Interval{Lo: rounded(e.Lo) + 0, Hi: rounded(e.Hi) + 0}}
}

// untrusted says why the judge that is the primary metric may decide without trust. A judge that this experiment itself has
// shown not to predict an outcome is not trusted, by anybody.
func (a *Analysis) untrusted() string {
	reason := a.exp.def.Untrusted
	for _, t := range a.held {
		if t.judge != 0 {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(t.by)) {
			h := t.by[key]
			if h.revoked.unit == 0 {
				continue
			}
			if reason != "" {
				reason += "; "
			}
			reason += "since " + date(h.revoked.at) + " it is shown that "
			if key != "" {
				reason += key + ", which gave a part of the scores, does not predict "
			} else {
				reason += "it does not predict "
			}
			reason += t.exp.all(t.outcome).String()
		}
	}
	return reason
}
