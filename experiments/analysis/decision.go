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
	a       *Analysis
	d       experiments.Definition
	k       float64
	read    []reading // primary first
	now     time.Time
	harmful []bool
	early   []string // how the early read found harm; empty if it did not
}

func (a *Analysis) judge(now time.Time) *judge {
	j := &judge{a: a, d: a.exp.def, k: float64(len(a.exp.names)), now: now}
	for _, m := range a.metrics {
		j.read = append(j.read, m.read())
	}
	j.harmful, j.early = make([]bool, len(a.exp.names)), make([]string, len(a.exp.names))
	for v := range j.harmful {
		if v == a.exp.control {
			continue
		}
		for _, r := range j.read {
			j.harmful[v] = j.harmful[v] || j.harms(r, v)
		}
		if j.d.EarlyRead && !j.harmful[v] {
			j.early[v] = j.harmsEarly(v)
			j.harmful[v] = j.early[v] != ""
		}
	}
	return j
}

// decide applies the rules in their order.
func (j *judge) decide() experiments.Decision {
	for _, rule := range []func() (experiments.Decision, bool){j.invalid, j.harm, j.unsettled, j.winner, j.equivalent, j.futile} {
		if d, ok := rule(); ok {
			return d
		}
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

// sequence returns the confidence sequence of a pair at a level.
func (j *judge) sequence(alpha float64) estimate.Sequence {
	return estimate.Sequence{Alpha: alpha, Planned: float64(j.d.Planned)}
}

func (j *judge) invalid() (experiments.Decision, bool) {
	var reasons []string
	if j.d.Selection == "fixed" {
		reasons = append(reasons, "everybody gets the same variant: nothing is compared")
	}
	if j.a.absent > 0 {
		reasons = append(reasons, fmt.Sprintf("%d units have no usable assignment probabilities", j.a.absent))
	}
	if float64(j.a.crossed) > 0.01*float64(j.a.units) {
		reasons = append(reasons, fmt.Sprintf("%d of %d units were seen with two variants", j.a.crossed, j.a.units))
	}
	if s := j.a.sampleRatio(false); s.Alarm {
		reasons = append(reasons, fmt.Sprintf("the variants did not get their shares of the units (e = %s, alarm at %d)", eText(s.LogE), AlarmE))
	}
	if s := j.a.sampleRatio(true); s.Alarm {
		reasons = append(reasons, fmt.Sprintf("the variants do not have their shares of the matured units (e = %s, alarm at %d)", eText(s.LogE), AlarmE))
	}
	if e := j.read[0].mismatch(); e >= math.Log(AlarmE) {
		reasons = append(reasons, fmt.Sprintf("the variants differ in how often %s is missing (e = %s, alarm at %d)", j.read[0].metric, eText(e), AlarmE))
	}
	reasons = append(reasons, j.a.seals.invalid()...)
	if reasons == nil {
		return experiments.Decision{}, false
	}
	return experiments.Decision{Verdict: experiments.Invalid, Reason: strings.Join(reasons, "; ")}, true
}

// harmThreshold is what evidence of harm must reach: alpha is shared by all variants and metrics that are watched, and
// by the two ways of the early read.
func (j *judge) harmThreshold() float64 {
	checks := len(j.read)
	if j.d.EarlyRead {
		checks += 2
	}
	return (j.k - 1) * float64(checks) / j.d.AlphaHarm
}

// harms tells whether v is worse than the control on a metric.
func (j *judge) harms(r reading, v int) bool {
	c := j.a.exp.control
	if r.metric.Denominator != "" {
		e, ok := r.effect(v, c)
		return ok && j.sequence(1/j.harmThreshold()).Upper(e) < 0
	}
	if r.logE(c, v) < math.Log(j.harmThreshold()) {
		return false
	}
	e, ok := r.effect(v, c)
	return ok && j.sequence(j.d.Alpha).Interval(e).Hi < 0
}

// harmsEarly is the same with the certain facts about open windows, and says how it found the harm.
//
// A variant that cannot catch up, even if all its open windows end well and all the control's end badly, need not be
// waited for: the e-process proves that. The Kaplan-Meier estimate has only the interval. It waits for units whose
// windows have closed: before that no unit has been followed to the end of its window, and it would favour the faster
// variant.
func (j *judge) harmsEarly(v int) string {
	m := j.a.metrics[0]
	counts, control := m.counts[v], m.counts[j.a.exp.control]
	if min(counts.Assigned, control.Assigned) >= MinUnits && m.behind[v].LogE() >= math.Log(j.harmThreshold()) {
		return "it cannot catch up any more"
	}
	if min(counts.Matured, control.Matured) < ApproximateUnits {
		return ""
	}
	b, c := estimate.KaplanMeier(m.sojourns[v], j.d.Maturity), estimate.KaplanMeier(m.sojourns[j.a.exp.control], j.d.Maturity)
	e := estimate.Difference(b, c)
	e.Value *= j.a.exp.metrics[0].sign()
	if e.SE > 0 && j.sequence(1/j.harmThreshold()).Upper(e) < 0 {
		return "early read"
	}
	return ""
}

// stopped tells whether a variant no longer gets units: in the newest epoch no unit had a chance of it.
func (j *judge) stopped(v int) bool {
	newest, none := math.MinInt, false
	for at, e := range j.a.epochs {
		if e.shares == nil || at.epoch < newest {
			continue
		}
		if at.epoch > newest {
			newest, none = at.epoch, true
		}
		none = none && e.shares[v] == 0
	}
	return none
}

func (j *judge) harm() (experiments.Decision, bool) {
	names := j.names(func(v int) bool { return j.harmful[v] && !j.stopped(v) })
	if names == nil {
		return experiments.Decision{}, false
	}
	var reasons []string
	for v, name := range j.a.exp.names {
		if j.harmful[v] && !j.stopped(v) {
			reasons = append(reasons, fmt.Sprintf("%s is worse than %s on %s", name, j.d.Control, j.harmedMetrics(v)))
		}
	}
	return experiments.Decision{Verdict: experiments.Harm, Variants: names, Reason: strings.Join(reasons, "; ") + ": give it no more units"}, true
}

func (j *judge) harmedMetrics(v int) string {
	if j.early[v] != "" {
		return fmt.Sprintf("%s (%s)", j.d.Primary, j.early[v])
	}
	var names []string
	for _, r := range j.read {
		if !j.harms(r, v) {
			continue
		}
		s := r.metric.String()
		if r.metric.Denominator == "" {
			s += fmt.Sprintf(" (e = %s, needs %.0f)", eText(r.logE(j.a.exp.control, v)), j.harmThreshold())
		}
		names = append(names, s)
	}
	return strings.Join(names, ", ")
}

// unsettled holds every other verdict back until one window after the last change of weights has closed, so that no
// verdict rests on units whose window began under other weights alone. Under an allocator, which changes them all the
// time, it is one window after the start.
func (j *judge) unsettled() (experiments.Decision, bool) {
	if j.a.matured == 0 {
		return j.goOn("no unit has matured yet"), true
	}
	since := j.a.first
	if j.d.Allocator == experiments.Manual {
		began := map[int]time.Time{}
		for at, e := range j.a.epochs {
			if j.d.Selection == scoring.ByCustom {
				// The caller's probabilities are no weights that change: only an epoch is.
				if first, ok := began[at.epoch]; ok && !e.since.Before(first) {
					continue
				}
				began[at.epoch] = e.since
				continue
			}
			if e.since.After(since) {
				since = e.since
			}
		}
		for _, t := range began {
			if t.After(since) {
				since = t
			}
		}
	}
	if settled := since.Add(j.d.Maturity); j.now.Before(settled) {
		return j.goOn("the first window since the weights changed is open until " + settled.UTC().Format(time.RFC3339)), true
	}
	return experiments.Decision{}, false
}

// winner looks for a variant that beats every other one. One that was shown to be harmful and gets no more units is out
// of the contest: its evidence can grow no more.
func (j *judge) winner() (experiments.Decision, bool) {
	r := j.read[0]
	threshold := j.k / j.d.Alpha
	s := j.sequence(j.d.Alpha / j.k)
	for b, name := range j.a.exp.names {
		if j.harmful[b] || !j.passes(b) {
			continue
		}
		beaten, out, weakest := 0, 0, math.Inf(1)
		margin := r.distance(j.d.Margin, true)
		for v := range j.a.exp.names {
			switch {
			case v == b:
			case j.harmful[v] && j.stopped(v):
				out++
			case r.better(b, v, s, threshold, margin):
				beaten++
				weakest = min(weakest, r.logE(b, v))
			}
		}
		if beaten+out < len(j.a.exp.names)-1 {
			continue
		}
		reason := fmt.Sprintf("%s is better than every other variant on %s", name, r.metric)
		switch {
		case beaten == 0:
			reason = fmt.Sprintf("every variant but %s was harmful", name)
		case r.metric.Denominator == "":
			reason += fmt.Sprintf(" (e = %s or more, needs %.0f)", eText(weakest), threshold)
		}
		return experiments.Decision{Verdict: experiments.Winner, Variants: []string{name}, Reason: reason}, true
	}
	return experiments.Decision{}, false
}

// passes tells whether b is shown not to be worse than the control, by the margin or more, on every guardrail that must
// pass.
func (j *judge) passes(b int) bool {
	if b == j.a.exp.control {
		return true
	}
	for _, r := range j.read[1:] {
		if !r.metric.Required {
			continue
		}
		margin := -r.distance(r.metric.Margin, false)
		if e, ok := r.effect(b, j.a.exp.control); ok {
			if j.sequence(j.d.Alpha).Lower(e) <= margin {
				return false
			}
		} else if i, ok := r.interval(b, j.a.exp.control, j.sequence(j.d.Alpha)); !ok || i.Lo <= margin {
			return false
		}
	}
	return true
}

func (j *judge) equivalent() (experiments.Decision, bool) {
	r := j.read[0]
	if j.d.ROPE == 0 || r.mixed() {
		return experiments.Decision{}, false
	}
	s := j.sequence(j.d.Alpha)
	top := func(v int) bool {
		if j.harmful[v] {
			return false
		}
		for b := range j.a.exp.names {
			if b != v && !j.harmful[b] && r.better(b, v, s, 1/j.d.Alpha, 0) {
				return false
			}
		}
		return true
	}
	best := j.names(top)
	if len(best) < 2 {
		return experiments.Decision{}, false
	}
	for i, b := range best {
		for _, v := range best[:i] {
			in, ok := r.interval(j.a.exp.index[b], j.a.exp.index[v], s)
			if !ok {
				return experiments.Decision{}, false
			}
			if in.Lo < -r.distance(j.d.ROPE, false) || in.Hi > r.distance(j.d.ROPE, true) {
				return experiments.Decision{}, false
			}
		}
	}
	return experiments.Decision{
		Verdict: experiments.Equivalent, Variants: best,
		Reason: fmt.Sprintf("%s differ by no more than %v on %s: take the cheapest", strings.Join(best, ", "), j.d.ROPE, r.metric),
	}, true
}

func (j *judge) futile() (experiments.Decision, bool) {
	r := j.read[0]
	c := j.a.exp.control
	s := j.sequence(j.d.Alpha)
	left := 0
	for v := range j.a.exp.names {
		if v == c || j.harmful[v] {
			continue
		}
		left++
		n := r.counts[v].Scored + r.counts[c].Scored
		if n >= j.d.MaxUnits {
			continue
		}
		in, ok := r.interval(v, c, s)
		if j.d.MDE == 0 || !ok || r.mixed() || in.Hi >= r.distance(j.d.MDE, true) {
			return experiments.Decision{}, false
		}
	}
	if left == 0 {
		return experiments.Decision{}, false
	}
	reason := fmt.Sprintf("no variant is better than %s by the difference that matters (%v), or it has had its %d units", j.d.Control, j.d.MDE, j.d.MaxUnits)
	if j.d.MDE == 0 {
		reason = fmt.Sprintf("every variant has had its %d units", j.d.MaxUnits)
	}
	return experiments.Decision{Verdict: experiments.Futile, Reason: reason}, true
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
			j.name(b), j.name(v), r.metric, eText(r.logE(b, v)), j.k/j.d.Alpha)
		if r.metric.Denominator != "" {
			d.Reason = fmt.Sprintf("%s leads %s on %s, but not surely", j.name(b), j.name(v), r.metric)
		} else if r.better(b, v, j.sequence(j.d.Alpha/j.k), j.k/j.d.Alpha, r.distance(j.d.Margin, true)) {
			d.Reason = fmt.Sprintf("%s leads on %s, but not yet over every variant or not with every guardrail passed", j.name(b), r.metric)
		}
	}
	scored := float64(r.counts[b].Scored + r.counts[v].Scored)
	growth := estimate.UnitsFactor(j.sequence(j.d.Alpha), e)
	if logE := r.logE(b, v); r.metric.Denominator == "" && logE > 0 {
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
		d.TimeNeeded = time.Duration(min(float64(d.UnitsNeeded)*each+float64(j.d.Maturity), math.MaxInt64/2)).Round(time.Second)
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

// mismatch returns the logarithm of the e-value against all variants missing equally often.
func (r reading) mismatch() float64 { return mismatch(r.absences, len(r.counts)) }

// mismatch returns the logarithm of the e-value against something happening equally often to the units of k variants.
func mismatch(pairs []estimate.EProcess, k int) float64 {
	var all []*estimate.EProcess
	for b := range k {
		for v := range k {
			if b != v {
				all = append(all, &pairs[b*k+v])
			}
		}
	}
	return estimate.MeanE(all...)
}

// sampleRatio checks the counts of all epochs whose shares were the same for all of their units.
func (a *Analysis) sampleRatio(matured bool) SampleRatio {
	k := len(a.exp.names)
	counts, shares := make([]float64, k), make([]float64, k)
	var s SampleRatio
	for _, n := range strata(a.epochs) {
		e := a.epochs[n]
		if e.shares == nil {
			continue
		}
		observed := e.assigned
		if matured {
			observed = e.matured
		}
		s.LogE += estimate.SampleRatioLogE(observed, e.shares, estimate.SampleRatioConcentration)
		sum := 0.0
		for _, c := range observed {
			sum += c
		}
		for v := range k {
			counts[v] += observed[v]
			shares[v] += sum * e.shares[v]
		}
	}
	s.LogE = max(min(s.LogE, math.MaxFloat64), -math.MaxFloat64)
	s.ChiSquareP = estimate.ChiSquareP(counts, shares)
	s.Alarm, s.Warn = s.LogE >= math.Log(AlarmE), s.LogE >= math.Log(WarnE)
	return s
}

// eText writes an e-value for people.
func eText(logE float64) string {
	if logE > 30 {
		return fmt.Sprintf("10^%.0f", math.Floor(logE/math.Ln10))
	}
	return fmt.Sprintf("%.3g", math.Exp(logE))
}
