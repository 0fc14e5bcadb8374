package analysis

import (
	"math"

	"github.com/DataDog/sketches-go/ddsketch"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/internal/exact"
	"github.com/verdict-dev/verdict/judges/agreement"
	"github.com/verdict-dev/verdict/scoring"
)

// tally is the state of one metric.
type tally struct {
	metric   metric
	counts   []Counts
	cells    map[stratum][]cell // by stratum and variant
	centre   betting.Centre
	missing  mismatch  // of "matured and unscored"
	evidence *evidence // nil where variants are not compared
	early    *early    // nil without an early read
	ranks    estimate.Ranks
	sketches []*ddsketch.DDSketch // by variant, over all strata; nil for none
	signed   bool                 // an unbounded metric that has a value of 0 or less: no logarithms
	bare     bool                 // a unit without the covariate
	beside   bool                 // it decides nothing: whether scores are missing equally often is not tested
	broken   bool                 // a value of a boolean metric that is a share
	// correction makes the values of a metric whose outcomes are drawn in part, and left counts the units whose
	// outcome was not, by variant.
	correction *agreement.Correction
	left       []int
}

// cell is the state of one metric, epoch and variant.
type cell struct {
	y   estimate.Moments
	log estimate.Moments   // of an unbounded metric
	xy  estimate.CoMoments // x: covariate or denominator
}

// newTally returns the empty state of a metric over k variants.
func newTally(m metric, k int) *tally {
	t := &tally{metric: m, counts: make([]Counts, k), cells: map[stratum][]cell{}, missing: newMismatch(k), sketches: make([]*ddsketch.DDSketch, k)}
	if m.of != nil {
		t.correction, t.left = corrections(*m.of), make([]int, k)
	}
	return t
}

// add accumulates the metric's reading of a unit of variant v, which became final at a moment.
func (m *tally) add(at stratum, v int, u Unit, o Outcome, p []float64, sealed moment) {
	if o.State == scoring.Scored && !o.Left && !m.metric.uncorrected().admits(o.Value) {
		o.State = scoring.Failed
	}
	count(&m.counts[v], u, o)
	if !u.Mature {
		return
	}
	if !m.beside {
		m.missing.add(v, o.State != scoring.Scored, p, sealed)
	}
	if o.State != scoring.Scored {
		return
	}
	if o.Left {
		m.left[v]++
	}
	if m.correction != nil {
		o.Value = m.corrected(o)
	}
	m.score(at, v, o, p, sealed)
}

// corrected is the corrected value of an outcome.
func (m *tally) corrected(o Outcome) float64 {
	lo, hi, _ := m.metric.uncorrected().bounds()
	judged := math.NaN()
	if o.HasJudged {
		judged = o.Judged
	}
	if o.Left {
		return lo + float64(m.correction.Left(judged)*(hi-lo))
	}
	return lo + float64(m.correction.Drawn(judged, (o.Value-lo)/(hi-lo))*(hi-lo))
}

// score accumulates the value of a matured, scored unit.
func (m *tally) score(at stratum, v int, o Outcome, p []float64, sealed moment) {
	cells := m.cells[at]
	if cells == nil {
		cells = make([]cell, len(m.counts))
		m.cells[at] = cells
	}
	cells[v].add(m, o)
	m.sketch(v, o)
	if m.evidence == nil {
		return
	}
	if m.metric.Denominator == "" { // a ratio has no score per unit to bet on
		u, c := m.unit(o.Value), m.centre.Value()
		if m.adjusts(o) {
			c = m.centre.Given(o.Covariate)
			m.centre.AddGiven(u, o.Covariate)
		} else {
			m.centre.Add(u)
		}
		m.evidence.bet(m, v, u, c, p, sealed)
	}
	m.evidence.look(m, v, sealed)
}

// adjusts tells whether the covariate of a unit moves the centre of its bets. A unit without one has the mean as its
// centre.
func (m *tally) adjusts(o Outcome) bool {
	return m.metric.Covariate != "" && o.HasCovariate && m.metric.exact()
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
	case experiments.Unbounded:
		if o.Value > 0 {
			c.log.Add(exact.Ln(o.Value))
		} else {
			m.signed = true
		}
	}
}

// sketch keeps the value of a unit of variant v for quantiles.
func (m *tally) sketch(v int, o Outcome) {
	if m.metric.Type == experiments.Boolean {
		return
	}
	if m.sketches[v] == nil {
		m.sketches[v] = newSketch()
	}
	// Only a value too large for the sketch, over 1e300, is refused: quantiles do without it.
	_ = m.sketches[v].Add(o.Value)
}

func newSketch() *ddsketch.DDSketch {
	s, _ := ddsketch.NewDefaultDDSketch(sketchAccuracy) // an accuracy that it accepts
	return s
}

// sketchAccuracy is the relative accuracy of quantiles.
const sketchAccuracy = 0.01

// unit turns a value into the score in [0, 1] that is bet on.
func (m *tally) unit(y float64) float64 {
	switch m.metric.Type {
	case experiments.Bounded, experiments.Capped:
		lo, hi, _ := m.metric.bounds()
		y = (y - lo) / (hi - lo)
	case experiments.Unbounded:
		y = m.ranks.Next(y)
	}
	return y
}
