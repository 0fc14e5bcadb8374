package analysis

import (
	"math"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/judges/agreement"
	"github.com/verdict-dev/verdict/scoring"
)

// metric is a metric of a definition, as its scores are read.
type metric struct {
	experiments.Metric
	any bool // of a categorical score: 1 for each category
	// of is the outcome as it is read, if the metric is its corrected value. The metric itself is bounded then, by how far a
	// corrected value can go.
	of *experiments.Metric
}

// metricOf returns a metric of a definition.
func metricOf(m experiments.Metric) metric {
	if m.Corrected == (experiments.Corrected{}) {
		return metric{Metric: m}
	}
	outcome := m
	lo, hi, _ := metric{Metric: m}.bounds()
	from, to := corrections(m).Range()
	m.Type, m.Lo, m.Hi = experiments.Bounded, lo+float64(from*(hi-lo)), lo+float64(to*(hi-lo))
	return metric{Metric: m, of: &outcome}
}

// corrections returns the corrections of a metric that has them.
func corrections(m experiments.Metric) *agreement.Correction {
	c, err := agreement.NewCorrection(m.Corrected.Share)
	if err != nil {
		return &agreement.Correction{} // never: the definition is valid
	}
	return c
}

// uncorrected returns the metric as it is read.
func (m metric) uncorrected() metric {
	if m.of != nil {
		m.Metric, m.of = *m.of, nil
	}
	return m
}

// engine tells whether the engine knows the metric of every run.
func (m metric) engine() bool {
	return m.Name == experiments.RunFailed || m.Name == experiments.RunDuration || m.Name == experiments.RunAttempts
}

// worst returns the worst value of m, if it has one.
func (m metric) worst() (float64, bool) {
	lo, hi := 0.0, 1.0
	switch m.Type {
	case experiments.Boolean:
	case experiments.Bounded:
		lo, hi = m.Lo, m.Hi
	default:
		return 0, false
	}
	if m.Direction == experiments.Lower {
		return hi, true
	}
	return lo, true
}

// bounds returns the range of m's values, if it has one.
func (m metric) bounds() (lo, hi float64, ok bool) {
	switch m.Type {
	case experiments.Boolean:
		return 0, 1, true
	case experiments.Bounded:
		return m.Lo, m.Hi, true
	case experiments.Capped:
		return 0, m.Cap, true
	}
	return 0, 0, false
}

// value returns the y of a score as it enters the mean: checked against the type's range, and cut at the cap. cut tells
// whether that changed it.
func (m metric) value(y float64) (_ float64, cut bool, _ error) {
	switch {
	case !estimate.Finite(y):
		return 0, false, scoring.Invalid(m.Name, "%v is not a finite number", y)
	case m.Type == plain:
		return y, false, nil
	case m.Type == experiments.Capped: // of any size
		v := min(max(y, 0), m.Cap)
		return v, v != y, nil
	case !measurable(y) && !(m.Type == experiments.Bounded && math.Abs(y) < experiments.MinValue):
		return 0, false, scoring.Invalid(m.Name, "%v is not a measurement: its square or its cube is not a number", y)
	case m.Type == experiments.Boolean && y != 0 && y != 1:
		return 0, false, scoring.Invalid(m.Name, "%v is not a boolean, 0 or 1", y)
	case m.Type == experiments.Bounded && (y < m.Lo || y > m.Hi):
		return 0, false, scoring.Invalid(m.Name, "%v is not in [%v, %v]", y, m.Lo, m.Hi)
	}
	return y, false, nil
}

// admits tells whether y is a possible value of a unit. That of a boolean metric is a share when a unit has several
// runs.
func (m metric) admits(y float64) bool {
	switch m.Type {
	case experiments.Boolean:
		return y >= 0 && y <= 1
	case experiments.Bounded:
		return y >= m.Lo && y <= m.Hi
	case experiments.Capped:
		return y >= 0 && y <= m.Cap
	}
	return measurable(y)
}

// measurable tells whether moments can be made of y.
func measurable(y float64) bool {
	return y == 0 || math.Abs(y) >= experiments.MinValue && math.Abs(y) <= experiments.MaxValue
}

// sign is 1 when higher is better and -1 when lower is.
func (m metric) sign() float64 {
	if m.Direction == experiments.Lower {
		return -1
	}
	return 1
}

// exact tells whether m is decided and shown by bets: its scores have a range.
func (m metric) exact() bool { return m.Type != experiments.Unbounded && m.Denominator == "" }

// size returns the length of m's range, 1 for a metric without one.
func (m metric) size() float64 {
	if lo, hi, ok := m.bounds(); ok {
		return hi - lo
	}
	return 1
}
