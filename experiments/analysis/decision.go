package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/scoring"
)

// judge is the state of a decision in the making.
type judge struct {
	*history
	d       experiments.Definition
	k       float64
	read    []reading // primary first
	now     time.Time
	resets  ratio
	harmful []bool
	early   []string // how the early read found harm; empty if it did not
}

func (a *Analysis) judge(now time.Time) *judge {
	k := len(a.exp.names)
	j := &judge{history: a.history(now), d: a.exp.def, k: float64(k), now: now, resets: a.seals.resets.played(), harmful: make([]bool, k), early: make([]string, k)}
	for _, m := range a.metrics {
		j.read = append(j.read, m.read())
	}
	for v := range j.harmful {
		j.harmful[v] = j.history.harmful(v, now)
		if j.d.EarlyRead && !j.harmful[v] && v != a.exp.control {
			j.early[v] = j.harmsEarly(v)
			j.harmful[v] = j.early[v] != ""
		}
	}
	return j
}

// decided is decide, with why the judge that it rests on, if there is one, is not trusted.
func (j *judge) decided() experiments.Decision {
	d := j.decide()
	d.Untrusted = j.a.untrusted()
	return d
}

// decide returns the highest verdict that is due. A fact is never taken back, so neither is a verdict, except that HARM
// asks for an action: when a harmful variant gets no more units, the verdict is about the others. An early read rests on
// no fact.
func (j *judge) decide() experiments.Decision {
	for _, rule := range []func() (experiments.Decision, bool){j.invalid, j.harm, j.win, j.equal, j.giveUp} {
		if d, ok := rule(); ok {
			return d
		}
	}
	if j.a.matured == 0 {
		return j.goOn("no unit has matured yet")
	}
	if !j.settled(j.now) {
		until := j.lastChange(j.now).Add(j.d.Maturity)
		return j.goOn("the first window since the weights changed is open until " + until.UTC().Format(time.RFC3339))
	}
	return j.goOn("")
}

func (j *judge) name(v int) string { return j.a.exp.names[v] }

func (j *judge) names(which func(v int) bool) []string {
	var out []string
	for v, name := range j.a.exp.names {
		if which(v) {
			out = append(out, name)
		}
	}
	return out
}

// date writes a time for people.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func (j *judge) invalid() (experiments.Decision, bool) {
	var reasons []string
	var since moment
	always := j.d.Selection == scoring.ByFixed
	if always {
		reasons = append(reasons, "everybody gets the same variant: nothing is compared")
	}
	alarm := func(at moment, format string, args ...any) {
		if !always && (since.unit == 0 || at.at.Before(since.at)) {
			since = at
		}
		reasons = append(reasons, fmt.Sprintf(format+" since "+date(at.at), args...))
	}
	if j.a.unusable.unit > 0 {
		alarm(j.a.unusable, "%d units have no usable assignment probabilities", j.a.absent)
	}
	if j.a.many.unit > 0 {
		alarm(j.a.many, "%d of %d units were seen with two variants", j.a.crossed, j.a.arrivals)
	}
	if r := &j.a.assigned; r.alarm.unit > 0 {
		alarm(r.alarm, "the variants did not get their shares of the units (e = %s, alarm at %d)", eText(r.logE()), AlarmE)
	}
	if r := &j.a.arrived; r.alarm.unit > 0 {
		alarm(r.alarm, "the variants do not have their shares of the matured units (e = %s, alarm at %d)", eText(r.logE()), AlarmE)
	}
	if m := &j.read[0].missing; m.alarm.unit > 0 {
		alarm(m.alarm, "the variants differ in how often %s is missing (e = %s, alarm at %d)", j.read[0].metric, eText(m.logE()), AlarmE)
	}
	if r := &j.resets; r.alarm.unit > 0 {
		alarm(r.alarm, "the variants differ in how often units are reset after their seal (e = %s, alarm at %d)", eText(r.logE()), AlarmE)
	}
	if reasons == nil {
		return experiments.Decision{}, false
	}
	d := experiments.Decision{Verdict: experiments.Invalid, Reason: strings.Join(reasons, "; "), Since: since.at}
	all := func() (experiments.Decision, bool) { return j.won(func(int) bool { return true }) }
	for _, rule := range []func() (experiments.Decision, bool){j.harm, all, j.equal, j.giveUp} {
		if void, ok := rule(); ok {
			d.Reason += fmt.Sprintf(". %s of %s is void: it assumed what this refutes", strings.TrimSpace(string(void.Verdict)+" "+strings.Join(void.Variants, ", ")), date(void.Since))
		}
	}
	return d, true
}

func (j *judge) harm() (experiments.Decision, bool) {
	in := func(v int) bool { return j.harmful[v] && !j.stopped(v, j.now) }
	names := j.names(in)
	if names == nil {
		return experiments.Decision{}, false
	}
	var reasons []string
	var since time.Time
	for v, name := range j.a.exp.names {
		if !in(v) {
			continue
		}
		text, from := j.harmed(v)
		reasons = append(reasons, fmt.Sprintf("%s is worse than %s on %s", name, j.d.Control, text))
		if !from.IsZero() && (since.IsZero() || from.Before(since)) {
			since = from
		}
	}
	return experiments.Decision{
		Verdict: experiments.Harm, Variants: names, Reason: strings.Join(reasons, "; ") + ": give it no more units", Since: since,
	}, true
}

// harmed says on what a variant is harmful, and since when.
func (j *judge) harmed(v int) (string, time.Time) {
	if j.early[v] != "" {
		return fmt.Sprintf("%s (%s)", j.d.Primary, j.early[v]), time.Time{}
	}
	c := j.a.exp.control
	var texts []string
	var first time.Time
	same := false
	for i, r := range j.read {
		if !r.evidence.shown(worse, c, v, j.now) {
			continue
		}
		f := r.evidence.at(worse, c, v)
		since := later(f.moment, r.evidence.ready(c, v)).at
		if first.IsZero() || since.Before(first) {
			first = since
		}
		s := fmt.Sprintf("%s since %s", r.metric, date(since))
		if test := r.evidence.test(worse, c, v); test != nil {
			s += fmt.Sprintf(" (%s)", j.evidence(f, test.LogE(), r.evidence.needs[worse]))
		}
		if b, ok := j.harmBound(r, v); ok {
			s += fmt.Sprintf(", by %.3g or more at its own level", b)
		}
		same = same || i == 0
		texts = append(texts, s)
	}
	text := strings.Join(texts, ", ")
	// A winner that turned out harmful: as it was before the harm was known.
	_, won, ok := j.winner(func(b int) bool { return b == v })
	switch {
	case ok && same:
		text += fmt.Sprintf(". It won on %s at %s: the effect has changed its sign, or one of the two is an error", j.d.Primary, date(won))
	case ok:
		text += fmt.Sprintf(". It won on %s at %s; do not ship it", j.d.Primary, date(won))
	}
	return text, first
}

// harmBound returns by how much a variant is worse than the control at least, at the level of harm; ok is false where that
// is not known, or no longer so.
func (j *judge) harmBound(r reading, v int) (float64, bool) {
	p := r.evidence.pairs[v]
	if p == nil {
		return 0, false
	}
	_, lo, hi := p.Difference(r.evidence.needs[worse])
	b := -hi
	if r.metric.Direction == experiments.Lower {
		b = lo
	}
	return b * r.metric.size(), b > 0
}

// evidence says what the evidence of a fact was, and what it is now where it has fallen under what it needed.
func (j *judge) evidence(f fact, logE, needs float64) string {
	if logE >= math.Log(needs) {
		return fmt.Sprintf("e = %s, needs %.0f", eText(logE), needs)
	}
	return fmt.Sprintf("e was %.3g, needs %.0f, and is %s now: the guarantee is of the first crossing, the estimate and the interval are of today", f.e, needs, eText(logE))
}

// win is the verdict of a winner. One that was found harmful since is none.
func (j *judge) win() (experiments.Decision, bool) {
	return j.won(func(b int) bool { return !j.harmful[b] })
}

func (j *judge) won(may func(b int) bool) (experiments.Decision, bool) {
	b, since, ok := j.winner(may)
	if !ok {
		return experiments.Decision{}, false
	}
	r := j.read[0]
	weakest, opposite := -1, []string(nil)
	for v := range j.a.exp.names {
		if v == b || !r.evidence.shown(better, b, v, since) {
			continue
		}
		if t := r.evidence.test(better, b, v); t != nil && (weakest < 0 || t.LogE() < r.evidence.test(better, b, weakest).LogE()) {
			weakest = v
		}
		against := under
		if j.d.Margin == 0 {
			against = better
		}
		if r.evidence.shown(against, v, b, j.now) {
			opposite = append(opposite, fmt.Sprintf("since %s the opposite is shown about %s", date(r.evidence.at(against, v, b).at), j.name(v)))
		}
	}
	reason := fmt.Sprintf("%s is better than every other variant on %s since %s", j.name(b), r.metric, date(since))
	switch {
	case !slices.ContainsFunc(j.a.exp.names, func(name string) bool { return r.evidence.at(better, b, j.a.exp.index[name]).by(since) }):
		reason = fmt.Sprintf("every variant but %s was harmful", j.name(b))
	case weakest >= 0:
		reason += fmt.Sprintf(" (%s)", j.evidence(r.evidence.at(better, b, weakest), r.evidence.test(better, b, weakest).LogE(), r.evidence.needs[better]))
	}
	return experiments.Decision{
		Verdict: experiments.Winner, Variants: []string{j.name(b)}, Reason: strings.Join(append([]string{reason}, opposite...), "; "), Since: since,
	}, true
}

func (j *judge) equal() (experiments.Decision, bool) {
	best, since, ok := j.equivalent()
	if !ok {
		return experiments.Decision{}, false
	}
	names := j.names(func(v int) bool { return slices.Contains(best, v) })
	return experiments.Decision{
		Verdict: experiments.Equivalent, Variants: names, Since: since,
		Reason: fmt.Sprintf("%s differ by no more than %v on %s since %s: take the cheapest", strings.Join(names, ", "), j.d.ROPE, j.read[0].metric, date(since)),
	}, true
}

func (j *judge) giveUp() (experiments.Decision, bool) {
	since, ok := j.futile()
	if !ok {
		return experiments.Decision{}, false
	}
	reason := fmt.Sprintf("no variant is better than %s by the difference that matters (%v), or it has had its %d units", j.d.Control, j.d.MDE, j.d.MaxUnits)
	if j.d.MDE == 0 {
		reason = fmt.Sprintf("every variant has had its %d units", j.d.MaxUnits)
	}
	return experiments.Decision{Verdict: experiments.Futile, Reason: fmt.Sprintf("%s, since %s", reason, date(since)), Since: since}, true
}

// harmsEarly tells whether the early read finds a variant harmful, and says how.
//
// A variant that cannot catch up, even if all its open windows end well and all the control's end badly, need not be
// waited for: the bets prove that. The Kaplan-Meier estimate has only the interval. It waits for units whose
// windows have closed: before that no unit has been followed to the end of its window, and it would favour the faster
// variant.
func (j *judge) harmsEarly(v int) string {
	m := j.a.metrics[0]
	counts, control, needs := m.counts[v], m.counts[j.a.exp.control], m.evidence.needs[worse]
	if min(counts.Assigned, control.Assigned) >= MinUnits && m.early.behind[v].Peak() >= needs {
		return "it cannot catch up any more"
	}
	if min(counts.Matured, control.Matured) < ApproximateUnits {
		return ""
	}
	e := estimate.Difference(m.early.sojourns[v].Estimate(), m.early.sojourns[j.a.exp.control].Estimate())
	e.Value *= j.a.exp.metrics[0].sign()
	if e.SE > 0 && j.a.exp.sequence(1/needs).Upper(e) < 0 {
		return "early read"
	}
	return ""
}

// goOn is the verdict to continue, with the units that the leading pair still needs.
func (j *judge) goOn(reason string) experiments.Decision {
	r := j.read[0]
	d := experiments.Decision{Verdict: experiments.Continue, Reason: reason}
	b, v, e, ok := j.leaders()
	if !ok {
		if reason == "" {
			d.Reason = fmt.Sprintf("fewer than %d matured units in a variant, or no differences between units", MinUnits)
		}
		return d
	}
	if reason == "" {
		d.Reason = fmt.Sprintf("%s leads %s on %s, but not surely (e = %s, needs %.0f)",
			j.name(b), j.name(v), r.metric, eText(r.evidence.logE(b, v)), j.k/j.d.Alpha)
		switch {
		case r.evidence.shown(better, b, v, j.now):
			d.Reason = fmt.Sprintf("%s leads on %s, but not yet over every variant or not with every guardrail passed", j.name(b), r.metric)
		case r.metric.Denominator != "":
			d.Reason = fmt.Sprintf("%s leads %s on %s, but not surely", j.name(b), j.name(v), r.metric)
		case j.d.Margin > 0:
			d.Reason = fmt.Sprintf("%s leads %s on %s, but not surely by the margin of %v (e = %s, needs %.0f)",
				j.name(b), j.name(v), r.metric, j.d.Margin, eText(r.evidence.test(better, b, v).LogE()), j.k/j.d.Alpha)
		}
	}
	scored := float64(r.counts[b].Scored + r.counts[v].Scored)
	growth := estimate.UnitsFactor(j.a.exp.sequence(j.d.Alpha), e)
	if logE := r.evidence.logE(b, v); r.metric.Denominator == "" && logE > 0 {
		growth = max(growth, math.Log(j.k/j.d.Alpha)/logE) // evidence grows about as the units do
	}
	if scored == 0 || growth*scored > float64(j.d.MaxUnits) {
		growth = max(1, float64(j.d.MaxUnits)/max(scored, 1))
	}
	// All units that must be assigned for the pair to grow so, minus the ones that are assigned and not yet matured.
	total := float64(j.a.matured) * growth
	d.UnitsNeeded = max(0, int(math.Ceil(total))-j.a.units)
	span := j.a.last.Sub(j.a.first)
	if j.a.units > 1 && span > 0 {
		each := float64(span) / float64(j.a.units-1)
		d.TimeNeeded = time.Duration(min(float64(d.UnitsNeeded)*each+float64(j.d.Maturity+j.d.Grace), math.MaxInt64/2)).Round(time.Second)
	}
	return d
}

// leaders returns the variant that looks best, the second best, and the effect between them.
func (j *judge) leaders() (first, second int, e estimate.Effect, ok bool) {
	r := j.read[0]
	c := j.a.exp.control
	type place struct {
		v     int
		value float64
	}
	places := []place{{c, 0}}
	for v := range j.a.exp.names {
		if v == c || j.harmful[v] {
			continue
		}
		if e, ok := r.effect(v, c); ok {
			places = append(places, place{v, e.Value})
		}
	}
	if len(places) < 2 {
		return 0, 0, estimate.Effect{}, false
	}
	slices.SortStableFunc(places, func(a, b place) int {
		switch {
		case a.value > b.value:
			return -1
		case a.value < b.value:
			return 1
		}
		return 0
	})
	first, second = places[0].v, places[1].v
	e, ok = r.effect(first, second)
	return first, second, e, ok
}
