package analysis

import (
	"time"

	"github.com/verdict-dev/verdict/experiments"
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
	// outcomes stay. ResetAt is when the store learned of it; if that is not known, the unit is counted, and not in the test
	// of whether the variants are reset equally often.
	Reset   bool
	ResetAt time.Time
	// Crossed tells that it was seen with another variant under the same weights. Only its first one counts.
	Crossed bool
	// Outcomes are of the primary metric and then of the guardrails, in the order of the definition.
	Outcomes []Outcome
	// Observed are of the observed metrics, in their order.
	Observed []Outcome
	final    time.Time // when it became final, without a window
	position int64     // among the units that the store has sealed; 0: it has not sealed this one
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
	// Of a metric with corrected values, Left tells that a random draw left the outcome out, which then has the state
	// scored and no value. Judged is what the judge said, if HasJudged.
	Left      bool
	Judged    float64
	HasJudged bool
	// By is the key of the scores of a judge's metric, which is the judge's identity: name and version.
	By string
	// After is when the value came, or how long it has been waited for, counted from the assignment.
	After time.Duration
}

// Analysis accumulates units. Add them in the order of their assignment: results from the same units in the same order
// are the same to the last bit. It is not safe for concurrent use.
type Analysis struct {
	exp     *design
	epochs  map[stratum]*epoch
	metrics []*tally
	held    []*heldTo
	// units counts the ones that were known in time, and late the others.
	units, late int
	matured     int
	first, last time.Time
	known       time.Time // when the store learned of the last assignment
	// arrivals counts the units as the store learned of them, and crossed the ones that were seen with two variants and absent
	// the ones without usable probabilities. many is when crossed were first too many, and unusable when there was an absent one.
	arrivals, crossed, absent int
	many, unusable            moment
	changes                   []change
	weights                   map[stratum]int // the last of the changes to some weights
	states                    []state
	strata                    map[stratum]bool // distinguished
	// assigned and arrived compare the assigned and the matured units with their shares.
	assigned, arrived ratio
	p                 []float64 // scratch
	shares            lastShares
	seals             *seals
}

// moment is when a unit became final: its number in the order of assignment, from 1, and the time of its seal. The zero
// moment is never.
type moment struct {
	unit int
	at   time.Time
}

// by tells whether the moment came, and no later than at t.
func (m moment) by(t time.Time) bool { return m.unit > 0 && !m.at.After(t) }

// momentOf returns the moment of the n-th unit.
func (e *design) momentOf(u Unit, n int) moment {
	at := u.SealedAt
	if at.IsZero() {
		at = u.At.Add(e.def.Maturity)
	}
	if u.final.After(at) {
		at = u.final
	}
	return moment{n, at.UTC()}
}

// New returns an empty analysis of an experiment.
func New(exp *experiments.Experiment) *Analysis { return designOf(exp).analysis() }

func (e *design) analysis() *Analysis {
	k := len(e.names)
	a := &Analysis{exp: e, epochs: map[stratum]*epoch{}, weights: map[stratum]int{}, strata: map[stratum]bool{}, p: make([]float64, k), seals: newSeals(k)}
	for i, m := range e.metrics {
		t := newTally(m, k)
		t.evidence = e.newEvidence(i)
		a.metrics = append(a.metrics, t)
	}
	a.held = e.newHeld()
	if e.def.EarlyRead {
		a.metrics[0].early = newEarly(e)
	}
	return a
}

// Add accumulates a unit. It takes the store to have learned of the assignment at once. It refuses a unit of an unknown
// variant, and one with another number of outcomes than the definition has metrics.
func (a *Analysis) Add(u Unit) error {
	v, ok := a.exp.index[u.Variant]
	if !ok {
		return scoring.Invalid("variant", "%q is not a variant of %q", u.Variant, a.exp.def.Name)
	}
	if len(u.Outcomes) != len(a.metrics) {
		return scoring.Invalid("outcomes", "%d, for %d metrics", len(u.Outcomes), len(a.metrics))
	}
	if len(u.Observed) != len(a.exp.observed) {
		return scoring.Invalid("observed", "%d, for %d metrics", len(u.Observed), len(a.exp.observed))
	}
	p := a.probabilities(u.Probabilities, v)
	at := a.stratum(u.Epoch, p)
	a.arrive(at, v, p, arrival{at: u.At, known: u.At, first: true, crossed: u.Crossed})
	a.add(at, v, p, u)
	return nil
}

// add accumulates the unit of an assignment that has arrived.
func (a *Analysis) add(at stratum, v int, p []float64, u Unit) {
	if a.first.IsZero() || u.At.Before(a.first) {
		a.first = u.At
	}
	if u.At.After(a.last) {
		a.last = u.At
	}
	e := a.epoch(at, p)
	if e.units++; e.since.IsZero() {
		e.since = u.At // not the assignment of the unit that the store learned of first
	}
	if a.seals.add(v, u, p); u.TooLate {
		a.late++
		return
	}
	a.units++
	sealed := a.exp.momentOf(u, a.units)
	if u.Mature {
		a.matured++
		a.arrived.add(a.exp, e.matured, e.shares, v, p, sealed)
		e.matured[v]++
	}
	for i, m := range a.metrics {
		m.add(at, v, u, u.Outcomes[i], p, sealed)
		if m.early != nil {
			m.early.add(m, v, u.Mature, u.Outcomes[i], p)
		}
	}
	if !u.Mature {
		return
	}
	for _, h := range a.held {
		h.add(v, u, p, sealed)
	}
}

// fewUnits is how many units there are for the share of the ones with two variants at least, so that a single one at the
// start is not 1% of them.
const fewUnits = 100
