package experiments

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// UnitRun is the unit of an experiment that randomises runs: the first run of each chain.
const UnitRun = "run"

// MaxVariants is how many variants an experiment may have.
const MaxVariants = 64

// Variant is one arm of an experiment.
type Variant struct {
	Name string `json:"name"`
	// Weight is its share of the units, relative to the other weights. Where all are left out the shares are equal; otherwise each
	// is positive: a weight of 0 is for an [Epoch].
	Weight float64 `json:"weight"`
}

// Layer makes experiments exclude each other: experiments with the same layer name split its units by disjoint ranges.
type Layer struct {
	Name string `json:"name"`
	// From and To are the range [From, To) of the layer, within [0, 1].
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// Holdout keeps a share of the units out of every experiment that names it.
type Holdout struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // in [0, 1)
}

// Definition describes an experiment. Everything except the weights and the allocation is frozen for a version:
// [Compare] tells which step a change needs.
type Definition struct {
	// Required.

	Name    string `json:"name"`
	Version string `json:"version"`
	// Variants are two or more. Their order does not matter.
	Variants []Variant `json:"variants"`
	// Control is the variant that the others are compared with, and that a unit outside the experiment gets.
	Control string `json:"control"`
	// Primary is the metric that a winner wins.
	Primary Metric `json:"primary"`

	// Optional.

	// Guardrails are metrics that a variant must not harm.
	Guardrails []Metric `json:"guardrails,omitempty"`
	// Observed are metrics that decide nothing, boolean or bounded: judges and outcomes, to hold the judges to the outcomes.
	Observed []Metric `json:"observed,omitempty"`
	// Untrusted is why a judge's score may be the primary metric although nothing has shown that it predicts outcomes. The
	// decision carries it for ever. TrustedBy names the version of an experiment whose report shows that it does; a
	// decision says so if it does not. A primary metric that is a judge's needs one of them.
	Untrusted string    `json:"untrusted,omitempty"`
	TrustedBy Reference `json:"trusted_by,omitzero"`
	// Unit is the unit of randomisation: [UnitRun] (the default), or the key of a session, or any other key.
	Unit string `json:"unit,omitempty"`
	// Selection is how a unit gets its variant: scoring.ByWeight (the default for runs), ByBucket (the default for
	// everything else), ByFixed or ByCustom.
	Selection scoring.AssignedBy `json:"selection,omitempty"`
	// Fixed is the variant that everybody gets under scoring.ByFixed.
	Fixed string `json:"fixed,omitempty"`
	// Maturity is how long after its assignment a unit is counted. Make it as long as an outcome may take, and at least as
	// long as a run may take. 0: a unit counts as soon as it has its score or its run has closed, which is only right when
	// scores come with the run's end and runs of all variants take equally long.
	Maturity time.Duration `json:"maturity,omitempty"`
	// Grace is how long after the end of its window a unit is sealed: facts that happened within the window and are
	// recorded by then count, later ones change nothing. Defaults to the larger of an hour and a twentieth of Maturity;
	// it needs a window. Make it as long as facts may be on their way to the store.
	Grace time.Duration `json:"grace,omitempty"`
	// Planned is the number of units, over a pair of variants, at which an asymptotic interval is the narrowest, and a unit
	// of MaxUnits. Defaults to the size of a fixed test with 80% power for MDE and Sigma, or 2000.
	Planned int `json:"planned,omitempty"`
	// MaxUnits is the number of units of a pair at which the experiment is given up. Defaults to 4 times Planned.
	MaxUnits int `json:"max_units,omitempty"`
	// MDE is the smallest difference that matters, in units of the primary metric (for an unbounded one: as a share of the
	// control). 0: none declared.
	MDE float64 `json:"mde,omitempty"`
	// Sigma is the standard deviation that is expected of the primary metric. Defaults to 0.5 for a boolean and a quarter
	// of the range for a bounded or capped one.
	Sigma float64 `json:"sigma,omitempty"`
	// Margin is by how much a winner must be better, in units of MDE.
	Margin float64 `json:"margin,omitempty"`
	// ROPE is the largest difference, in units of MDE, that makes variants equivalent. 0: never equivalent.
	ROPE float64 `json:"rope,omitempty"`
	// Alpha is the probability of declaring a wrong winner, over any number of looks. Defaults to 0.05.
	Alpha float64 `json:"alpha,omitempty"`
	// AlphaHarm is the probability of a wrong harm, over all variants and metrics. Defaults to 0.05.
	AlphaHarm float64 `json:"alpha_harm,omitempty"`
	// Allocation is the share of units that take part. Defaults to 1. Widening it moves no unit.
	Allocation float64 `json:"allocation,omitempty"`
	// Layer is the layer that the experiment is in. The zero Layer is none.
	Layer Layer `json:"layer,omitzero"`
	// Holdout is the share of units that take part in no experiment. The zero Holdout is empty.
	Holdout Holdout `json:"holdout,omitzero"`
	// Allocator is who sets the weights while it runs. Defaults to [Manual].
	Allocator Allocator `json:"allocator,omitempty"`
	// Floor is the share that every variant keeps under an allocator. Defaults to 0.05.
	Floor float64 `json:"floor,omitempty"`
	// EarlyRead also reads units whose window is still open: by their certain facts, and through a Kaplan-Meier estimate.
	// It needs a boolean primary metric with a maturity window, and can find harm but never a winner. Its HARM has no time and
	// may be taken back: these units are not final.
	EarlyRead bool `json:"early_read,omitempty"`
}

// Allocator is who sets the weights of an experiment while it runs.
type Allocator string

// The allocators.
const (
	// Manual: people do.
	Manual Allocator = "manual"
	// Thompson gives a variant the probability that it is the best: the most reward on the way.
	Thompson Allocator = "thompson"
	// TopTwo gives it half of that and half the probability of being the best of the rest: the earliest decision.
	TopTwo Allocator = "top_two"
)

// DefaultFloor is the share that every variant keeps under an allocator.
const DefaultFloor = 0.05

// Defaults of a [Definition].
const (
	DefaultAlpha   = 0.05
	DefaultPlanned = 2000
	DefaultPower   = 0.8
	maxUnitsFactor = 4
)

// WithDefaults returns a copy of d with every default filled in.
func (d Definition) WithDefaults() Definition {
	d.Variants = append([]Variant(nil), d.Variants...)
	if !slices.ContainsFunc(d.Variants, func(v Variant) bool { return v.Weight != 0 }) {
		for i := range d.Variants {
			d.Variants[i].Weight = 1
		}
	}
	d.Primary = d.Primary.withDefaults()
	guardrails := make([]Metric, len(d.Guardrails))
	for i, g := range d.Guardrails {
		guardrails[i] = g.withDefaults()
	}
	d.Guardrails = guardrails
	if d.Observed != nil {
		observed := make([]Metric, len(d.Observed))
		for i, m := range d.Observed {
			observed[i] = m.withDefaults()
		}
		d.Observed = observed
	}
	if d.Unit == "" {
		d.Unit = UnitRun
	}
	if d.Selection == "" {
		d.Selection = scoring.ByBucket
		if d.Unit == UnitRun {
			d.Selection = scoring.ByWeight
		}
	}
	if d.Grace == 0 {
		d.Grace = defaultGrace(d.Maturity)
	}
	if d.Allocator == "" {
		d.Allocator = Manual
	}
	if d.Allocator != Manual {
		setDefault(&d.Floor, DefaultFloor)
	}
	setDefault(&d.Alpha, DefaultAlpha)
	setDefault(&d.AlphaHarm, DefaultAlpha)
	setDefault(&d.Allocation, 1)
	setDefault(&d.Sigma, d.Primary.sigma())
	if d.Planned == 0 {
		d.Planned = DefaultPlanned
		if d.MDE > 0 && d.Sigma > 0 {
			n := FixedTotal(d.MDE, d.Sigma*d.Sigma, 0.5, DefaultAlpha, DefaultPower)
			d.Planned = int(math.Ceil(min(n, math.MaxInt32)))
		}
	}
	if d.MaxUnits == 0 {
		d.MaxUnits = maxUnitsFactor * d.Planned
	}
	return d
}

// defaultGrace is the grace of a window: none without one.
func defaultGrace(window time.Duration) time.Duration {
	if window <= 0 {
		return 0
	}
	return max(time.Hour, window/20)
}

func setDefault(field *float64, value float64) {
	if *field == 0 {
		*field = value
	}
}

// sigma is the standard deviation to plan with when none is declared; 0 when there is no telling.
func (m Metric) sigma() float64 {
	if q := m.Corrected.Share; q > 0 {
		m.Corrected = Corrected{}
		return m.sigma() / math.Sqrt(q) // the judge may be of no use
	}
	switch m.Type {
	case Boolean:
		return 0.5
	case Bounded:
		return max(m.Hi-m.Lo, 0) / 4
	case Capped:
		return max(m.Cap, 0) / 4
	}
	return 0
}

// Validate returns every mistake of d at once, joined, each a [scoring.InvalidError].
func (d Definition) Validate() error {
	d = d.WithDefaults()
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	bad := func(field, format string, args ...any) { add(scoring.Invalid(field, format, args...)) }
	share := func(field string, x float64) {
		if !(x > 0 && x < 1) {
			bad(field, "%v is not between 0 and 1", x)
		}
	}
	size := func(field string, x float64) {
		if !(finite(x) && x >= 0) {
			bad(field, "%v is not a number of 0 or more", x)
		}
	}

	add(scoring.CheckName("name", d.Name))
	add(scoring.CheckName("version", d.Version))
	add(d.checkVariants())
	add(d.checkMetrics())
	add(d.checkJudges())
	add(scoring.CheckName("unit", d.Unit))
	switch d.Selection {
	case scoring.ByWeight:
		if d.Unit != UnitRun {
			bad("selection", "%q is for the unit %q; use %q for %q", d.Selection, UnitRun, scoring.ByBucket, d.Unit)
		}
	case scoring.ByBucket:
		if d.Unit == UnitRun {
			bad("selection", "%q needs a unit other than %q", d.Selection, UnitRun)
		}
	case scoring.ByFixed:
		if !d.has(d.Fixed) {
			bad("fixed", "%q is not a variant", d.Fixed)
		}
	case scoring.ByCustom:
	default:
		bad("selection", "%q is not weighted, bucket, fixed or custom", d.Selection)
	}
	if d.Selection != scoring.ByFixed && d.Fixed != "" {
		bad("fixed", "only the selection %q has one", scoring.ByFixed)
	}
	if d.Maturity < 0 {
		bad("maturity", "%s is negative", d.Maturity)
	}
	switch {
	case d.Grace < 0:
		bad("grace", "%s is negative", d.Grace)
	case d.Grace > 0 && d.Maturity == 0:
		bad("grace", "it needs a maturity window")
	}
	if d.Planned < 0 {
		bad("planned", "%d is negative", d.Planned)
	}
	if d.MaxUnits < 0 {
		bad("max units", "%d is negative", d.MaxUnits)
	}
	size("mde", d.MDE)
	size("sigma", d.Sigma)
	size("margin", d.Margin)
	size("rope", d.ROPE)
	share("alpha", d.Alpha)
	share("alpha harm", d.AlphaHarm)
	if !(d.Allocation > 0 && d.Allocation <= 1) {
		bad("allocation", "%v is not in (0, 1]", d.Allocation)
	}
	if d.Layer != (Layer{}) {
		add(scoring.CheckName("layer", d.Layer.Name))
		if !(d.Layer.From >= 0 && d.Layer.From < d.Layer.To && d.Layer.To <= 1) {
			bad("layer", "[%v, %v) is not a range within [0, 1]", d.Layer.From, d.Layer.To)
		}
	}
	if d.Holdout != (Holdout{}) {
		add(scoring.CheckName("holdout", d.Holdout.Name))
		if !(d.Holdout.Share >= 0 && d.Holdout.Share < 1) {
			bad("holdout", "%v is not in [0, 1)", d.Holdout.Share)
		}
	}
	switch d.Allocator {
	case Manual, Thompson, TopTwo:
	default:
		bad("allocator", "%q is not manual, thompson or top_two", d.Allocator)
	}
	if !(d.Floor >= 0 && d.Floor*float64(len(d.Variants)) <= 1) {
		bad("floor", "%v is not a share that each of %d variants can keep", d.Floor, len(d.Variants))
	}
	if d.EarlyRead && (d.Primary.Type != Boolean || d.Primary.Corrected != (Corrected{}) || d.Maturity == 0 || d.Unit != UnitRun) {
		bad("early read", "it needs a boolean primary metric, a maturity window and the unit %q", UnitRun)
	}
	return errors.Join(errs...)
}

func (d Definition) checkVariants() error {
	var errs []error
	if n := len(d.Variants); n < 2 || n > MaxVariants {
		errs = append(errs, scoring.Invalid("variants", "%d, not 2 to %d", n, MaxVariants))
	}
	seen := map[string]bool{}
	for i, v := range d.Variants {
		field := fmt.Sprintf("variant %d", i+1)
		if err := scoring.CheckName(field, v.Name); err != nil {
			errs = append(errs, err)
		} else if seen[v.Name] {
			errs = append(errs, scoring.Invalid(field, "%q appears twice", v.Name))
		}
		seen[v.Name] = true
		if !(v.Weight > 0 && finite(v.Weight)) {
			errs = append(errs, scoring.Invalid("weight", "%v of variant %q is not a positive number", v.Weight, v.Name))
		}
	}
	if !seen[d.Control] {
		errs = append(errs, scoring.Invalid("control", "%q is not a variant", d.Control))
	}
	return errors.Join(errs...)
}

func (d Definition) checkMetrics() error {
	errs := []error{d.Primary.check("primary"), d.Primary.checkUnit("primary", d.Unit)}
	if d.Primary.Required || d.Primary.Margin != 0 {
		errs = append(errs, scoring.Invalid("primary", "required and margin are for guardrails; the definition has its own margin"))
	}
	type key struct{ name, step, per, equals string }
	seen := map[key]bool{{d.Primary.Name, d.Primary.Step, d.Primary.Denominator, d.Primary.Category}: true}
	for i, g := range append(slices.Clone(d.Guardrails), d.Observed...) {
		field := fmt.Sprintf("guardrail %d", i+1)
		if i >= len(d.Guardrails) {
			field = fmt.Sprintf("observed %d", i+1-len(d.Guardrails))
		} else {
			errs = append(errs, g.check(field))
		}
		errs = append(errs, g.checkUnit(field, d.Unit))
		k := key{g.Name, g.Step, g.Denominator, g.Category}
		if seen[k] {
			errs = append(errs, scoring.Invalid(field, "%q appears twice", g.String()))
		}
		seen[k] = true
	}
	return errors.Join(errs...)
}

func (d Definition) has(variant string) bool {
	for _, v := range d.Variants {
		if v.Name == variant {
			return true
		}
	}
	return false
}
