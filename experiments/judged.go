package experiments

import (
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/verdict-dev/verdict/scoring"
)

// Corrected makes a metric the corrected value of an outcome, in which a judge speaks of every unit and the outcome of a random
// share of them: g + R/q·(Y − g), with Y the outcome, q the share, R 1 for the units that are drawn, and g what the judgement
// makes one expect of the outcome. Its mean is the mean outcome, even if the judge is wrong or gamed: a judge that predicts
// well saves outcomes. The zero Corrected is none.
type Corrected struct {
	// Judge is the name of the judge's score of the run. A unit without one counts by its outcome alone.
	Judge string `json:"judge"`
	// Share is the share of units whose outcome is drawn, from 0.05 to 1. See [Experiment.Drawn].
	Share float64 `json:"share"`
}

// MinShare is the least share of a [Corrected] metric.
const MinShare = 0.05

// Reference names a version of an experiment.
type Reference struct {
	Experiment string `json:"experiment"`
	Version    string `json:"version"`
}

func (r Reference) String() string { return r.Experiment + "@" + r.Version }

// MaxObserved is how many metrics a definition may observe, and MaxHeld how many pairs of a judge and an outcome it may have.
const (
	MaxObserved = 16
	MaxHeld     = 16
)

// Drawn tells whether the outcome of a unit is drawn, for a metric that is [Corrected]: the other ones do without, and an outcome
// that comes all the same does not count. It is the same for the same experiment, version, metric and unit in every
// process, and independent of the unit's variant, so workflow code may ask. Of any other metric every outcome counts.
func (e *Experiment) Drawn(m Metric, unit string) bool {
	return m.Drawn(e.def.Name, e.def.Version, unit)
}

// Drawn is [Experiment.Drawn] for a version of an experiment.
func (m Metric) Drawn(experiment, version, unit string) bool {
	if m.Corrected == (Corrected{}) {
		return true
	}
	seed := xxhash.Sum64String("drawn\x00" + experiment + "\x00" + version + "\x00" + m.Step + "\x00" + m.Name)
	return uniform(seed, unit) < m.Corrected.Share
}

// checkJudges returns the mistakes about judges and observed metrics.
func (d Definition) checkJudges() error {
	var errs []error
	bad := func(field, format string, args ...any) { errs = append(errs, scoring.Invalid(field, format, args...)) }
	if p := d.Primary; p.Judge && d.Untrusted == "" && d.TrustedBy == (Reference{}) {
		bad("primary", "%q is a judge's score: say in TrustedBy which experiment has shown that it predicts outcomes, or in Untrusted why it may decide without, or make the outcome the metric and let it be Corrected by the judge", p.Name)
	}
	if !d.Primary.Judge && (d.Untrusted != "" || d.TrustedBy != (Reference{})) {
		bad("untrusted", "the primary metric %q is no judge's score", d.Primary.Name)
	}
	if d.Untrusted != "" && d.TrustedBy != (Reference{}) {
		bad("untrusted", "it is trusted by %s", d.TrustedBy)
	}
	if n := len(d.Untrusted); n > scoring.MaxReason {
		bad("untrusted", "%d bytes, at most %d are allowed", n, scoring.MaxReason)
	}
	if d.TrustedBy != (Reference{}) {
		errs = append(errs, scoring.CheckName("trusted by", d.TrustedBy.Experiment), scoring.CheckName("trusted by", d.TrustedBy.Version))
	}
	if len(d.Observed) > MaxObserved {
		bad("observed", "%d metrics, at most %d are allowed", len(d.Observed), MaxObserved)
	}
	for i, m := range d.Observed {
		field := fmt.Sprintf("observed %d", i+1)
		errs = append(errs, m.check(field))
		if m.Required || m.Margin != 0 || m.Covariate != "" || m.Corrected != (Corrected{}) {
			bad(field, "%q decides nothing: it has no margin, covariate or correction", m.Name)
		}
		if !m.comparable() {
			bad(field, "%q is not boolean or bounded", m.Name)
		}
	}
	judges, outcomes := d.Held()
	if n := len(judges) * len(outcomes); n > MaxHeld {
		bad("observed", "%d judges and %d outcomes are %d pairs, at most %d are allowed", len(judges), len(outcomes), n, MaxHeld)
	}
	for _, m := range d.Metrics() {
		if m.Corrected != (Corrected{}) && d.Maturity == 0 {
			bad("corrected", "%q needs a maturity window", m.Name)
		}
	}
	return errors.Join(errs...)
}

// Metrics are the primary metric, the guardrails and the observed ones.
func (d Definition) Metrics() []Metric {
	all := append([]Metric{d.Primary}, d.Guardrails...)
	return append(all, d.Observed...)
}

// Held are the metrics that are compared: each judge is held to each outcome. They are indices into [Definition.Metrics].
func (d Definition) Held() (judges, outcomes []int) {
	for i, m := range d.Metrics() {
		switch {
		case !m.comparable():
		case m.Judge:
			judges = append(judges, i)
		default:
			outcomes = append(outcomes, i)
		}
	}
	if len(judges) == 0 || len(outcomes) == 0 {
		return nil, nil
	}
	return judges, outcomes
}

// comparable tells whether m can be a judge's score or an outcome that one is held to.
func (m Metric) comparable() bool {
	switch m.Name {
	case RunFailed, RunDuration, RunAttempts:
		return false
	}
	return (m.Type == Boolean || m.Type == Bounded) && m.Denominator == ""
}
