package analysis

import (
	"math"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
)

// claim is a statement about an ordered pair of variants, b and j, that verdicts are made of. Larger is better in it.
type claim int

const (
	better  claim = iota // b is better than j, by more than the margin
	ahead                // b is better than j
	within               // b is better than j less the ROPE
	under                // j is not better than b by the margin
	short                // b is the control: j is not better by the MDE
	worse                // b is the control: j is harmful
	passing              // j is the control: b is not worse by its non-inferiority margin
	claims
)

// evidence is the state of a metric's comparisons.
type evidence struct {
	e       *design
	primary bool
	metric  metric
	k       int
	// facts are when a claim was first shown, by pair (b*k+j); nil for a claim that is not made. A fact is never taken back.
	facts [claims][]fact
	needs [claims]float64 // what the evidence must reach
	// tests are the tests of a pair, at the values that are decided on.
	tests [][]shift
	// pairs and means are by variant, of a metric with a range: against the control, and alone.
	pairs []*betting.Pair
	means []*betting.Mean
	// scored is how many units of a variant have a value; enough is when there were MinUnits, and full when a variant and
	// the control had had all their units.
	scored       []int
	enough, full []moment
	// next is at how many units of all variants the asymptotic sequence is looked at next, and peaks the most that the
	// logarithm of its evidence was, by variant, against the control.
	next  int
	peaks []float64
}

// shift is a test of "b is better than j by more than value", in units of the scores, and the claims that it makes.
type shift struct {
	value  float64
	test   betting.Test
	claims []claim
}

// fact is the first crossing of a claim.
type fact struct {
	moment
	e float64 // the evidence then, 0 where there is none
}

// newEvidence returns the empty comparisons of the i-th metric.
func (e *design) newEvidence(i int) *evidence {
	k := len(e.names)
	v := &evidence{
		e: e, primary: i == 0, metric: e.metrics[i], k: k,
		tests: make([][]shift, k*k), pairs: make([]*betting.Pair, k), means: make([]*betting.Mean, k),
		scored: make([]int, k), enough: make([]moment, k), full: make([]moment, k), peaks: make([]float64, k),
	}
	checks := len(e.metrics)
	if e.def.EarlyRead {
		checks += 2
	}
	each := float64(k) / e.def.Alpha
	v.needs = [claims]float64{
		better: each, ahead: each, under: each, short: each, passing: each,
		within: float64(max(k, k*(k-1)/2)) / e.def.Alpha,
		worse:  float64((k-1)*checks) / e.def.AlphaHarm,
	}
	for b := range k {
		for j := range k {
			if b != j {
				v.plan(b, j)
			}
		}
	}
	if v.metric.exact() {
		for a := range k {
			if v.metric.Type != experiments.Boolean { // a share has an interval of its own
				v.means[a] = betting.NewMean()
			}
			if a != e.control {
				v.pairs[a] = v.newPair()
			}
		}
	}
	return v
}

// plan adds the tests of a pair.
func (v *evidence) plan(b, j int) {
	d, c, size := v.e.def, v.e.control, v.metric.size()
	want := func(value float64, cl claim) {
		if v.facts[cl] == nil {
			v.facts[cl] = make([]fact, v.k*v.k)
		}
		if v.metric.Denominator != "" {
			return // nothing to bet on
		}
		if value /= size; !v.metric.exact() {
			value = 0 // ranks know no distances
		}
		tests := &v.tests[b*v.k+j]
		for i := range *tests {
			if (*tests)[i].value == value {
				(*tests)[i].claims = append((*tests)[i].claims, cl)
				return
			}
		}
		*tests = append(*tests, shift{value: value, claims: []claim{cl}})
	}
	if v.primary {
		want(d.Margin, better)
		want(0, ahead)
		if d.Margin > 0 {
			want(-d.Margin, under)
		}
		if d.ROPE > 0 {
			want(-d.ROPE, within)
		}
		if d.MDE > 0 && b == c {
			want(-d.MDE, short)
		}
	} else if b == c || j == c {
		want(0, ahead) // shown
	}
	if b == c {
		want(0, worse)
	}
	if v.metric.Required && j == c {
		want(-v.metric.Margin, passing)
	}
}

// newPair returns the interval of a variant against the control, which is tested at exactly the values that are decided
// on, so that an interval passes one just where the verdict is due.
func (v *evidence) newPair() *betting.Pair {
	d, size := v.e.def, v.metric.size()
	var more, less []float64
	if v.primary {
		more, less = []float64{d.Margin, -d.ROPE}, []float64{-d.Margin, d.Margin, d.ROPE, d.MDE}
	}
	if v.metric.Required {
		more = append(more, -v.metric.Margin)
	}
	for _, values := range [][]float64{more, less} {
		for i := range values {
			values[i] /= size * v.metric.sign()
		}
	}
	if v.metric.Direction == experiments.Lower {
		more, less = less, more
	}
	lo, _, _ := v.metric.bounds()
	return betting.NewPair(lo/size, v.metric.Covariate != "", more, less)
}

// bet plays the score u of a unit of variant a, with the centre c and the probabilities p.
func (v *evidence) bet(m *tally, a int, u, c float64, p []float64, at moment) {
	if v.means[a] != nil {
		v.means[a].Add(u)
	}
	if p == nil {
		return
	}
	for o := range v.k {
		if o == a {
			continue
		}
		s, ok := betting.NewStake(u, c, p[a], p[o])
		if !ok {
			continue
		}
		switch v.e.control {
		case o:
			if v.pairs[a] != nil {
				v.pairs[a].Add(s)
			}
		case a:
			if v.pairs[o] != nil {
				v.pairs[o].Add(s.Reversed())
			}
		}
		good := s
		if v.metric.Direction == experiments.Lower {
			good = s.Reversed()
		}
		v.play(a, o, good, at)
		v.play(o, a, good.Reversed(), at)
	}
}

// play plays a unit in the tests of "b is better than j".
func (v *evidence) play(b, j int, s betting.Stake, at moment) {
	tests := v.tests[b*v.k+j]
	for i := range tests {
		t := &tests[i]
		t.test.Than(s, t.value)
		if !v.metric.exact() {
			continue // the sequence has a say
		}
		for _, cl := range t.claims {
			if f := &v.facts[cl][b*v.k+j]; f.unit == 0 && t.test.E() >= v.needs[cl] {
				*f = fact{at, t.test.E()}
			}
		}
	}
}

// look counts a scored unit of variant a, and reads the asymptotic sequence of a metric that needs it whenever there is
// one unit in a hundred more: at the same numbers of units for every reader, so that a fact stays.
func (v *evidence) look(m *tally, a int, at moment) {
	if v.scored[a]++; v.scored[a] == MinUnits {
		v.enough[a] = at
	}
	c := v.e.control
	for b := range v.k {
		if b != c && (a == b || a == c) && v.full[b].unit == 0 && v.scored[b]+v.scored[c] >= v.e.def.MaxUnits {
			v.full[b] = at
		}
	}
	if v.metric.exact() {
		return
	}
	n := 0
	for _, s := range v.scored {
		n += s
	}
	if n < v.next {
		return
	}
	v.next = max(n+1, int(math.Ceil(float64(n)*1.01)))
	r := m.read()
	for b := range v.k {
		for j := range v.k {
			if b != j && min(v.scored[b], v.scored[j]) >= MinUnits {
				v.asymptotic(r, b, j, at)
			}
		}
	}
}

// asymptotic makes the claims that the sequence shows about a pair, and of a metric with ranks the bets as well.
func (v *evidence) asymptotic(r reading, b, j int, at moment) {
	d := v.e.def
	e, ok := r.effect(b, j)
	if !ok {
		return
	}
	level := v.e.sequence
	if v.e.control == j {
		v.peaks[b] = max(v.peaks[b], level(d.Alpha).LogE(e))
	}
	var rank *betting.Test
	if tests := v.tests[b*v.k+j]; len(tests) > 0 {
		rank = &tests[0].test
	}
	over := func(cl claim) bool { return rank == nil || rank.Peak() >= v.needs[cl] }
	shows := func(cl claim, shown bool) {
		if v.facts[cl] == nil {
			return
		}
		if f := &v.facts[cl][b*v.k+j]; shown && f.unit == 0 {
			*f = fact{moment: at}
			if rank != nil {
				f.e = rank.E()
			}
		}
	}
	lower := level(d.Alpha / float64(v.k)).Lower(e)
	shows(better, lower > r.distance(d.Margin, true) && over(better))
	shows(ahead, lower > 0 && over(ahead))
	shows(under, lower > -r.distance(d.Margin, true))
	shows(within, level(1/v.needs[within]).Lower(e) >= -r.distance(d.ROPE, b > j) && !r.mixed())
	if b == v.e.control {
		shows(short, lower > -r.distance(d.MDE, true) && !r.mixed())
		if rank == nil {
			shows(worse, level(1/v.needs[worse]).Lower(e) > 0)
		} else {
			shows(worse, level(d.Alpha).Interval(e).Lo > 0 && over(worse))
		}
	}
	if j == v.e.control {
		shows(passing, lower > -r.distance(v.metric.Margin, false))
	}
}

// at returns the fact of a claim about a pair; its unit is 0 if there is none.
func (v *evidence) at(cl claim, b, j int) fact {
	if v.facts[cl] == nil {
		return fact{}
	}
	return v.facts[cl][b*v.k+j]
}

// test returns the test of a claim about a pair, or nil if it does not rest on one.
func (v *evidence) test(cl claim, b, j int) *betting.Test {
	tests := v.tests[b*v.k+j]
	for i := range tests {
		if slices.Contains(tests[i].claims, cl) {
			return &tests[i].test
		}
	}
	return nil
}

// ready is when both variants of a pair had enough units to speak of.
func (v *evidence) ready(b, j int) moment {
	if v.enough[b].unit == 0 || v.enough[j].unit == 0 {
		return moment{}
	}
	return later(v.enough[b], v.enough[j])
}

func later(a, b moment) moment {
	if b.at.After(a.at) || b.at.Equal(a.at) && b.unit > a.unit {
		return b
	}
	return a
}

// logE returns the logarithm of the evidence that b is better than j, 0 without any.
func (v *evidence) logE(b, j int) float64 {
	if t := v.test(ahead, b, j); t != nil {
		return t.LogE()
	}
	return 0
}

// sequence returns the asymptotic confidence sequence of a pair at a level.
func (e *design) sequence(alpha float64) estimate.Sequence {
	return estimate.Sequence{Alpha: alpha, Planned: float64(e.def.Planned)}
}
