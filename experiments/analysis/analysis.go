package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/internal/exact"
	"github.com/verdict-dev/verdict/scoring"
)

// Unit is one randomised unit and its observations.
type Unit struct {
	Variant string
	// Epoch is the weight epoch of its assignment, and Probabilities the probability of each variant.
	Epoch         int
	Probabilities map[string]float64
	At            time.Time // of the assignment
	// Mature tells that it is sealed, or, without a window, that its outcomes are final.
	Mature bool
	// SealedAt is the end of its window and grace: facts that the store learns of later do not count. The zero time without
	// a window. InGrace tells that its window has closed and it is not sealed yet.
	SealedAt time.Time
	InGrace  bool
	// TooLate tells that the store learned of its assignment after its seal. It counts in the sample ratio alone.
	TooLate bool
	// Reset tells that its run was reset away after its seal, or was found then to have been served something else. Its
	// outcomes stay.
	Reset bool
	// Crossed tells that it was seen with another variant under the same weights. Only its first one counts.
	Crossed bool
	// Outcomes are of the primary metric and then of the guardrails, in the order of the definition.
	Outcomes []Outcome
	final    time.Time // when it became final, without a window
}

// Outcome is a metric's reading of a unit.
type Outcome struct {
	// State is scoring.Scored when there is a value. The empty State means that there is no score.
	State scoring.State
	// Value is the unit's value: the mean over its runs if there are several. For a ratio it is the numerator.
	Value float64
	// Per is the denominator of a ratio.
	Per float64
	// Covariate was known at the assignment, if HasCovariate.
	Covariate    float64
	HasCovariate bool
	// Imputed tells that the value is the metric's value for a failed run or a missing score.
	Imputed bool
	// Capped tells that a score in the value was cut, at the metric's cap or at 0.
	Capped bool
	// Late tells that there was a score after the window had closed. It is not the value.
	Late bool
	// After is when the value came, or how long it has been waited for, counted from the assignment.
	After time.Duration
}

// Analysis accumulates units. Add them in the order of their assignment: results from the same units in the same order
// are the same to the last bit. It is not safe for concurrent use.
type Analysis struct {
	exp     *design
	epochs  map[stratum]*epoch
	metrics []*tally
	units   int
	matured int
	crossed int
	absent  int // without usable probabilities
	first   time.Time
	last    time.Time
	p       []float64 // scratch
	shares  lastShares
	seals   *seals
}

// stratum is a set of units that were assigned with the same probabilities: the units of an epoch, unless its number
// stands for several, because a deploy changed the weights of the code, or the caller's own choice has probabilities of
// its own. Units of different strata are never pooled.
type stratum struct {
	epoch  int
	shares string // empty: unusable, or one of too many
}

// maxStrata is how many sets of probabilities of one epoch are distinguished.
const maxStrata = 64

func (s stratum) compare(o stratum) int {
	return cmp.Or(cmp.Compare(s.epoch, o.epoch), cmp.Compare(s.shares, o.shares))
}

// strata returns the keys in their order.
func strata[T any](m map[stratum]T) []stratum {
	return slices.SortedFunc(maps.Keys(m), stratum.compare)
}

// epoch has the counts of units of a stratum by variant, and the shares that were expected.
type epoch struct {
	since    time.Time
	shares   []float64 // nil: not the same for all units, so there is no sample ratio to check
	assigned []float64
	matured  []float64
}

// lastShares spares most units the text of their probabilities.
type lastShares struct {
	p    []float64
	text string
}

func (l *lastShares) of(p []float64) string {
	if !slices.Equal(l.p, p) {
		l.p, l.text = append(l.p[:0], p...), fmt.Sprint(p)
	}
	return l.text
}

// tally is the state of one metric.
type tally struct {
	metric   metric
	counts   []Counts
	cells    map[stratum][]cell // by stratum and variant
	centre   estimate.Centre
	pairs    []estimate.EProcess // pairs[b*K+j]: b is better than j
	unscored estimate.Centre
	absences []estimate.EProcess // the same for "matured and unscored"
	ranks    estimate.Ranks
	signed   bool // an unbounded metric that has a value of 0 or less: no logarithms
	bare     bool // a unit without the covariate
	broken   bool // a value of a boolean metric that is a share
	sojourns [][]estimate.Sojourn
	behind   []estimate.EProcess // of the early read: the control is better than v, for any outcome of the open windows
}

// cell is the state of one metric, epoch and variant.
type cell struct {
	y      estimate.Moments
	log    estimate.Moments   // of an unbounded metric
	xy     estimate.CoMoments // x: covariate or denominator
	sketch *ddsketch.DDSketch
}

// New returns an empty analysis of an experiment.
func New(exp *experiments.Experiment) *Analysis { return designOf(exp).analysis() }

func (e *design) analysis() *Analysis {
	k := len(e.names)
	a := &Analysis{exp: e, epochs: map[stratum]*epoch{}, p: make([]float64, k), seals: newSeals(k)}
	for _, m := range e.metrics {
		a.metrics = append(a.metrics, newTally(m, k))
	}
	if e.def.EarlyRead {
		a.metrics[0].sojourns, a.metrics[0].behind = make([][]estimate.Sojourn, k), make([]estimate.EProcess, k)
	}
	return a
}

// newTally returns the empty state of a metric over k variants.
func newTally(m metric, k int) *tally {
	return &tally{
		metric: m, counts: make([]Counts, k), cells: map[stratum][]cell{},
		pairs: make([]estimate.EProcess, k*k), absences: make([]estimate.EProcess, k*k),
	}
}

// Add accumulates a unit. It refuses a unit of an unknown variant, and one with another number of outcomes than the
// definition has metrics.
func (a *Analysis) Add(u Unit) error {
	v, ok := a.exp.index[u.Variant]
	if !ok {
		return scoring.Invalid("variant", "%q is not a variant of %q", u.Variant, a.exp.def.Name)
	}
	if len(u.Outcomes) != len(a.metrics) {
		return scoring.Invalid("outcomes", "%d, for %d metrics", len(u.Outcomes), len(a.metrics))
	}
	a.units++
	if a.first.IsZero() || u.At.Before(a.first) {
		a.first = u.At
	}
	if u.At.After(a.last) {
		a.last = u.At
	}
	if u.Crossed {
		a.crossed++
	}
	p := a.probabilities(u, v)
	at := a.stratum(u.Epoch, p)
	e := a.epoch(at, u, p)
	e.assigned[v]++
	if a.seals.add(v, u, p); u.TooLate {
		return nil
	}
	if u.Mature {
		a.matured++
		e.matured[v]++
	}
	for i, m := range a.metrics {
		m.add(at, v, u, u.Outcomes[i], p, a.exp.def.Maturity)
		if m.behind != nil && p != nil {
			m.atBest(a.exp.control, v, u.Mature, u.Outcomes[i], p)
		}
	}
	return nil
}

// probabilities returns the probabilities of u by variant, or nil if they are unusable.
func (a *Analysis) probabilities(u Unit, v int) []float64 {
	sum := 0.0
	for i, name := range a.exp.names {
		a.p[i] = u.Probabilities[name]
		sum += a.p[i]
	}
	if !(math.Abs(sum-1) < 1e-6 && a.p[v] > 0) {
		a.absent++
		return nil
	}
	return a.p
}

// stratum returns the stratum of a unit with the probabilities p.
func (a *Analysis) stratum(epoch int, p []float64) stratum {
	if p == nil {
		return stratum{epoch: epoch}
	}
	s := stratum{epoch, a.shares.of(p)}
	if a.epochs[s] == nil {
		n := 0
		for other := range a.epochs {
			if other.epoch == epoch {
				n++
			}
		}
		if n >= maxStrata {
			return stratum{epoch: epoch}
		}
	}
	return s
}

func (a *Analysis) epoch(at stratum, u Unit, p []float64) *epoch {
	e := a.epochs[at]
	if e == nil {
		k := len(a.exp.names)
		e = &epoch{since: u.At, assigned: make([]float64, k), matured: make([]float64, k)}
		if at.shares != "" {
			e.shares = slices.Clone(p)
		}
		a.epochs[at] = e
	}
	if u.At.Before(e.since) {
		e.since = u.At
	}
	return e
}

// add accumulates the metric's reading of a unit of variant v.
func (m *tally) add(at stratum, v int, u Unit, o Outcome, p []float64, window time.Duration) {
	k := len(m.counts)
	if m.sojourns != nil {
		m.sojourns[v] = append(m.sojourns[v], sojourn(o, u.Mature, window))
	}
	if o.State == scoring.Scored && !m.metric.admits(o.Value) {
		o.State = scoring.Failed
	}
	m.counts[v].count(u, o)
	if !u.Mature {
		return
	}
	unscored := 1.0
	if o.State == scoring.Scored {
		unscored = 0
	}
	if p != nil {
		bet(m.absences, k, v, unscored, m.unscored.Value(), p)
	}
	m.unscored.Add(unscored)
	if unscored == 0 {
		m.score(at, v, o, p)
	}
}

// score accumulates the value of a matured, scored unit.
func (m *tally) score(at stratum, v int, o Outcome, p []float64) {
	k := len(m.counts)
	cells := m.cells[at]
	if cells == nil {
		cells = make([]cell, k)
		m.cells[at] = cells
	}
	cells[v].add(m, o)
	if m.metric.Denominator != "" {
		return // a ratio has no score per unit to bet on
	}
	u := m.unit(o.Value)
	if p != nil {
		bet(m.pairs, k, v, u, m.centre.Value(), p)
	}
	m.centre.Add(u)
}

func (c *cell) add(m *tally, o Outcome) {
	c.y.Add(o.Value)
	switch {
	case m.metric.Denominator != "":
		c.xy.Add(o.Per, o.Value)
	case m.metric.Covariate != "" && o.HasCovariate:
		c.xy.Add(o.Covariate, o.Value)
	case m.metric.Covariate != "":
		m.bare = true
	}
	switch m.metric.Type {
	case experiments.Boolean:
		m.broken = m.broken || (o.Value != 0 && o.Value != 1)
		return
	case experiments.Unbounded:
		if o.Value > 0 {
			c.log.Add(exact.Ln(o.Value))
		} else {
			m.signed = true
		}
	}
	if c.sketch == nil {
		// The accuracy is a constant that the sketch accepts.
		c.sketch, _ = ddsketch.NewDefaultDDSketch(sketchAccuracy)
	}
	// Only a value too large for the sketch, over 1e300, is refused: quantiles do without it.
	_ = c.sketch.Add(o.Value)
}

// sketchAccuracy is the relative accuracy of quantiles.
const sketchAccuracy = 0.01

// unit turns a value into the score in [0, 1] that is bet on, larger being better.
func (m *tally) unit(y float64) float64 {
	switch m.metric.Type {
	case experiments.Bounded:
		y = (y - m.metric.Lo) / (m.metric.Hi - m.metric.Lo)
	case experiments.Capped:
		y = y / m.metric.Cap
	case experiments.Unbounded:
		y = m.ranks.Next(y)
	}
	if m.metric.Direction == experiments.Lower {
		return 1 - y
	}
	return y
}

// bet lets a unit of variant v with the score u play in every pair that v is in.
func bet(pairs []estimate.EProcess, k, v int, u, c float64, p []float64) {
	for j := range k {
		if j == v || p[j] == 0 {
			continue
		}
		stake := estimate.Stake(u, c, p[v], p[j])
		pairs[v*k+j].Bet(stake)
		pairs[j*k+v].Bet(-stake)
	}
}

// atBest bets on the control against v with a unit of variant v, using only certain facts: a unit with an open window
// and no score counts for v as a success and for the control as a failure. Each stake is at most the stake with the
// final outcome, so the wealth never exceeds the wealth of a valid bet on all assigned units. The centre is fixed
// because the mean of the scores so far depends on the delays.
func (m *tally) atBest(control, v int, mature bool, o Outcome, p []float64) {
	const centre = 0.5
	known := o.State == scoring.Scored && m.metric.admits(o.Value)
	if mature && !known {
		return // it leaves the mean
	}
	for j := range m.behind {
		if j == control || (v != control && v != j) {
			continue
		}
		u := 0.0
		switch {
		case known:
			u = m.unit(o.Value)
		case v == j:
			u = 1
		}
		if v == control {
			m.behind[j].Bet(estimate.Stake(u, centre, p[control], p[j]))
		} else {
			m.behind[j].Bet(-estimate.Stake(u, centre, p[j], p[control]))
		}
	}
}

func sojourn(o Outcome, mature bool, window time.Duration) estimate.Sojourn {
	switch {
	case o.State == scoring.Scored && o.Value == 1:
		return estimate.Sojourn{After: o.After, Success: true}
	case mature || o.State == scoring.Scored:
		return estimate.Sojourn{After: window}
	}
	return estimate.Sojourn{After: min(o.After, window)}
}

// Merge accumulates everything that o has seen of the same experiment; o is not changed. Counts and moments then cover
// all units, up to rounding. Wealths multiply, which is a valid e-process as long as the shards are of different units,
// with each shard bet around its own centre.
func (a *Analysis) Merge(o *Analysis) error {
	if a.exp.def.Fingerprint() != o.exp.def.Fingerprint() {
		return scoring.Invalid("analysis", "it belongs to another experiment or version")
	}
	a.units += o.units
	a.matured += o.matured
	a.crossed += o.crossed
	a.absent += o.absent
	a.seals.merge(o.seals)
	if a.first.IsZero() || (!o.first.IsZero() && o.first.Before(a.first)) {
		a.first = o.first
	}
	if !o.last.Before(a.last) {
		a.last = o.last
	}
	for _, n := range strata(o.epochs) {
		a.mergeEpoch(n, o.epochs[n])
	}
	for i, m := range a.metrics {
		if err := m.merge(o.metrics[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *Analysis) mergeEpoch(n stratum, o *epoch) {
	e := a.epochs[n]
	if e == nil {
		a.epochs[n] = &epoch{o.since, slices.Clone(o.shares), slices.Clone(o.assigned), slices.Clone(o.matured)}
		return
	}
	if o.since.Before(e.since) {
		e.since = o.since
	}
	for v := range e.assigned {
		e.assigned[v] += o.assigned[v]
		e.matured[v] += o.matured[v]
	}
}

func (m *tally) merge(o *tally) error {
	for v := range m.counts {
		m.counts[v].Add(o.counts[v])
		if m.sojourns != nil {
			m.sojourns[v] = append(m.sojourns[v], o.sojourns[v]...)
			m.behind[v].Merge(o.behind[v])
		}
	}
	for _, n := range strata(o.cells) {
		if m.cells[n] == nil {
			m.cells[n] = make([]cell, len(m.counts))
		}
		for v := range m.counts {
			if err := m.cells[n][v].merge(o.cells[n][v]); err != nil {
				return err
			}
		}
	}
	for i := range m.pairs {
		m.pairs[i].Merge(o.pairs[i])
		m.absences[i].Merge(o.absences[i])
	}
	m.centre = estimate.Centre{Sum: m.centre.Sum + o.centre.Sum, Count: m.centre.Count + o.centre.Count}
	m.unscored = estimate.Centre{Sum: m.unscored.Sum + o.unscored.Sum, Count: m.unscored.Count + o.unscored.Count}
	m.ranks.Merge(&o.ranks)
	m.signed = m.signed || o.signed
	m.bare = m.bare || o.bare
	m.broken = m.broken || o.broken
	return nil
}

func (c *cell) merge(o cell) error {
	c.y.Merge(o.y)
	c.log.Merge(o.log)
	c.xy.Merge(o.xy)
	if o.sketch == nil {
		return nil
	}
	if c.sketch == nil {
		c.sketch = o.sketch.Copy()
		return nil
	}
	return c.sketch.MergeWith(o.sketch)
}
