package experiments

import (
	"errors"
	"fmt"
	"math"

	"github.com/verdict-dev/verdict/scoring"
)

// Type is the kind of a metric's values. It decides how a value becomes evidence.
type Type string

// The types of a metric.
const (
	// Boolean: true or false. A number is accepted if it is 0 or 1.
	Boolean Type = "boolean"
	// Bounded: a number in [Lo, Hi], [0, 1] when both are 0. One outside is an error, never clipped.
	Bounded Type = "bounded"
	// Capped: a number of 0 or more, cut at Cap (revenue, cost). The cap is fixed before the start: one that is computed
	// from the data breaks the guarantee. One below 0 is cut at 0. The report counts cut values.
	Capped Type = "capped"
	// Unbounded: any number (latency, tokens). It is decided on the order of the values and reported as a ratio of
	// geometric means; the plain mean is descriptive.
	Unbounded Type = "unbounded"
)

// Direction is which way is better.
type Direction string

// The directions of a metric.
const (
	Higher Direction = "higher"
	Lower  Direction = "lower"
)

// Missing is the meaning of a unit without a score, or with a pending or expired one, when its window has closed. It
// never applies to scores that are not applicable or failed.
type Missing string

// The meanings of a missing score.
const (
	// MissingUnknown leaves the unit out of the mean. It counts as missing, and variants that differ in how much is missing
	// make the experiment invalid.
	MissingUnknown Missing = "unknown"
	// MissingNegative is the worst value: false when higher is better. It needs a boolean or bounded metric.
	MissingNegative Missing = "negative"
	// MissingZero is the number 0.
	MissingZero Missing = "zero"
)

// Names of metrics that need no scores, because the engine knows them of every run.
const (
	RunFailed   = "run.failed"   // boolean: the run failed, timed out or was terminated
	RunDuration = "run.duration" // seconds from start to close
	RunAttempts = "run.attempts" // attempts of the run
)

// Metric says how a score is read. An experiment version freezes its metrics.
type Metric struct {
	// Required.

	// Name is the score's name, or [RunFailed], [RunDuration] or [RunAttempts].
	Name string `json:"name"`
	Type Type   `json:"type"`

	// Optional.

	// Step is the activity type for scores of steps; a unit's value is the mean over its steps. Empty: scores of the run. See
	// [Metric.OfSession] for scores of the session that is the unit.
	Step string `json:"step,omitempty"`
	// Category makes a boolean metric of a categorical score: whether it is this category. A score without a category is an error. See
	// [Metric.Equals].
	Category string `json:"equals,omitempty"`
	// Lo and Hi bound a [Bounded] metric. [0, 1] when both are 0.
	Lo float64 `json:"lo,omitempty"`
	Hi float64 `json:"hi,omitempty"`
	// Cap is where a [Capped] metric is cut.
	Cap float64 `json:"cap,omitempty"`
	// Direction defaults to [Higher].
	Direction Direction `json:"direction,omitempty"`
	// Missing defaults to [MissingUnknown]. A conversion, where silence means no, wants [MissingNegative].
	Missing Missing `json:"missing,omitempty"`
	// FailureUnknown treats a failed, canceled, terminated or timed-out run without a score like any other without one. By
	// default such a run has the worst value of a boolean or bounded metric. The engine's facts are never filled in like
	// this: within a window, a later failure is as unknown as a later success.
	FailureUnknown bool `json:"failure_unknown,omitempty"`
	// Denominator is the name of the score that a ratio is taken over: the metric is the sum of Name over the sum of Denominator. It is
	// decided on the confidence sequence alone, by the delta method, and marked approximate.
	Denominator string `json:"per,omitempty"`
	// Covariate is the name of a score that was known when the unit was assigned (input tokens, the tier of a customer). It
	// narrows the interval and brings the decision forward.
	Covariate string `json:"covariate,omitempty"`
	// Judge tells that the score is the opinion of a judge, and not an outcome. A report holds it to the outcomes of the
	// definition; see [Definition.Untrusted]. It needs a boolean or bounded metric.
	Judge bool `json:"judge,omitempty"`
	// Corrected makes a boolean or bounded metric the corrected value of an outcome.
	Corrected Corrected `json:"corrected,omitzero"`
	// Required makes a guardrail one that must pass before there is a winner: not worse than control by Margin or more.
	Required bool `json:"required,omitempty"`
	// Margin is how much worse a required guardrail may be, in units of the metric (for an unbounded one: as a share of the
	// control). 0 is no worse at all.
	Margin float64 `json:"margin,omitempty"`
}

// Equals returns m as the boolean metric that tells whether a categorical score is a category: Metric{Name: "intent"}.Equals("refund").
func (m Metric) Equals(category string) Metric {
	m.Type, m.Category = Boolean, category
	return m
}

// OfSession returns m as the metric of the scores that are about the whole session that is the unit, and not of the scores of its runs:
// Metric{Name: "resolved", Type: Boolean}.OfSession("customer"). It is refused in an experiment whose Unit is another one than the
// session's key. A failed run says nothing of it: a session without a score is missing.
func (m Metric) OfSession(key string) Metric {
	m.Step = scoring.SessionStep(key)
	return m
}

// checkUnit refuses a metric of sessions in an experiment that assigns by something else.
func (m Metric) checkUnit(field, unit string) error {
	key, ok := scoring.SessionOfStep(m.Step)
	if !ok || key == unit && unit != UnitRun {
		return nil
	}
	return scoring.Invalid(field+" step", "a score of the session %q counts for the unit %q, and this experiment's unit is %q", key, key, unit)
}

// withDefaults returns m with every default filled in.
func (m Metric) withDefaults() Metric {
	if m.Type == Bounded && m.Lo == 0 && m.Hi == 0 {
		m.Hi = 1
	}
	if m.Direction == "" {
		m.Direction = Higher
	}
	if m.Missing == "" {
		m.Missing = MissingUnknown
	}
	return m
}

// check returns every mistake of m, each with the field under the given name.
func (m Metric) check(field string) error {
	m = m.withDefaults()
	var errs []error
	bad := func(name, format string, args ...any) {
		errs = append(errs, scoring.Invalid(field+" "+name, format, args...))
	}
	if err := scoring.CheckName(field+" name", m.Name); err != nil {
		errs = append(errs, err)
	}
	if len(m.Step) > scoring.MaxID {
		bad("step", "%d bytes, at most %d are allowed", len(m.Step), scoring.MaxID)
	}
	for _, other := range []struct{ name, score string }{{"per", m.Denominator}, {"covariate", m.Covariate}} {
		if other.score == "" {
			continue
		}
		if err := scoring.CheckName(field+" "+other.name, other.score); err != nil {
			errs = append(errs, err)
		}
		if other.score == m.Name {
			bad(other.name, "%q is the metric itself", other.score)
		}
	}
	if m.Denominator != "" && m.Covariate != "" {
		bad("covariate", "a ratio has none")
	}
	if m.Judge && !m.comparable() {
		bad("judge", "only a boolean or bounded score is a judge's")
	}
	if c := m.Corrected; c != (Corrected{}) {
		if err := scoring.CheckName(field+" corrected", c.Judge); err != nil {
			errs = append(errs, err)
		}
		if !(c.Share >= MinShare && c.Share <= 1) {
			bad("corrected", "%v is not a share from %v to 1", c.Share, MinShare)
		}
		if !m.comparable() || m.Judge || m.Covariate != "" || m.Category != "" || c.Judge == m.Name {
			bad("corrected", "only a boolean or bounded outcome without a covariate or category is corrected, by another score")
		}
	}
	if m.Category != "" {
		if err := scoring.CheckCategory(m.Category); err != nil {
			bad("equals", "%s", err)
		}
		if m.Type != Boolean || m.Denominator != "" {
			bad("equals", "only a boolean metric that is no ratio equals a category")
		}
	}
	switch m.Type {
	case Boolean, Bounded, Capped, Unbounded:
	default:
		bad("type", "%q is not boolean, bounded, capped or unbounded", m.Type)
	}
	if m.Type == Bounded && !(math.Abs(m.Lo) <= MaxValue && math.Abs(m.Hi) <= MaxValue && m.Hi-m.Lo >= MinValue) {
		bad("bounds", "[%v, %v] is not an interval", m.Lo, m.Hi)
	}
	if m.Type != Bounded && (m.Lo != 0 || m.Hi != 0) {
		bad("bounds", "only a bounded metric has them")
	}
	if m.Type == Capped && !(m.Cap <= MaxValue && m.Cap >= MinValue) {
		bad("cap", "%v: a capped metric has a positive one", m.Cap)
	}
	if m.Type != Capped && m.Cap != 0 {
		bad("cap", "only a capped metric has one")
	}
	if m.Direction != Higher && m.Direction != Lower {
		bad("direction", "%q is not higher or lower", m.Direction)
	}
	switch m.Missing {
	case MissingUnknown:
	case MissingNegative:
		if m.Type != Boolean && m.Type != Bounded {
			bad("missing", "only a boolean or bounded metric has a worst value")
		}
	case MissingZero:
		if m.Type == Bounded && (m.Lo > 0 || m.Hi < 0) {
			bad("missing", "0 is not in [%v, %v]", m.Lo, m.Hi)
		}
	default:
		bad("missing", "%q is not unknown, negative or zero", m.Missing)
	}
	if !(finite(m.Margin) && m.Margin >= 0) {
		bad("margin", "%v is not a number of 0 or more", m.Margin)
	}
	return errors.Join(errs...)
}

// MaxValue is the largest size of a value: the third moment of a million of them is still a number. MinValue is the
// smallest that is not 0: its square is not 0 either, so that values which differ have a variance.
const (
	MaxValue = 1e100
	MinValue = 1e-100
)

func (m Metric) String() string {
	s := m.Name
	if m.Denominator != "" {
		s = fmt.Sprintf("%s per %s", m.Name, m.Denominator)
	}
	if m.Step != "" {
		s += " of " + m.Step
	}
	if m.Category != "" {
		s += " = " + m.Category
	}
	return s
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
