package experiments

import (
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/verdict-dev/verdict/internal/exact"
	"github.com/verdict-dev/verdict/scoring"
)

// Ways of not taking part, in addition to the scoring package's. A unit with one of them has the control and is kept
// out of the statistics.
const (
	ByHoldout    scoring.AssignedBy = "holdout"    // held out of everything
	ByLayer      scoring.AssignedBy = "layer"      // belongs to another experiment of the layer
	ByAllocation scoring.AssignedBy = "allocation" // outside the share that takes part
	ByTargeting  scoring.AssignedBy = "targeting"  // not in the experiment's target
)

// Counted tells whether an assignment of this kind was randomised by the experiment and enters its statistics.
func Counted(by scoring.AssignedBy) bool {
	switch by {
	case scoring.ByWeight, scoring.ByBucket, scoring.ByFixed, scoring.ByCustom:
		return true
	}
	return false
}

// Unserved returns the units of an experiment's assignments that were served something other than recorded, at least
// once. They are out of the statistics.
func Unserved(assignments []scoring.Assignment) map[string]bool {
	units := map[string]bool{}
	for _, a := range assignments {
		if a.Unserved && !a.Superseded && Counted(a.By) {
			units[a.Unit] = true
		}
	}
	return units
}

// Epoch is a span of constant weights. Units of different epochs are never pooled.
type Epoch struct {
	// Number counts the epochs of a version, from 0: the epoch of the definition's own weights.
	Number int `json:"number"`
	// Weights has a weight of 0 or more for every variant. Nil: the definition's weights.
	Weights map[string]float64 `json:"weights,omitempty"`
	// Allocation is the share of units that take part. 0: the definition's allocation.
	Allocation float64 `json:"allocation,omitempty"`
	// At is when it began. For the first epoch the zero time will do.
	At time.Time `json:"at,omitzero"`
}

// Experiment is a validated definition. It is immutable and safe for concurrent use.
type Experiment struct {
	def      Definition // with defaults, variants in byte order
	names    []string
	index    map[string]int
	control  int
	seeds    []uint64 // one a variant
	layer    uint64
	holdout  uint64
	allocate uint64
}

// New validates and compiles a definition. The error joins every mistake.
func New(d Definition) (*Experiment, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	e := &Experiment{def: canonical(d), index: map[string]int{}}
	// The parts of a salt have no control characters, so NUL keeps them apart.
	salt := e.def.Name + "\x00" + e.def.Version + "\x00"
	for i, v := range e.def.Variants {
		e.names = append(e.names, v.Name)
		e.index[v.Name] = i
		e.seeds = append(e.seeds, xxhash.Sum64String("variant\x00"+salt+v.Name))
	}
	e.control = e.index[e.def.Control]
	e.layer = xxhash.Sum64String("layer\x00" + e.def.Layer.Name)
	e.holdout = xxhash.Sum64String("holdout\x00" + e.def.Holdout.Name)
	e.allocate = xxhash.Sum64String("allocation\x00" + salt)
	return e, nil
}

// Definition returns a copy of the definition with its defaults filled in and its variants in byte order.
func (e *Experiment) Definition() Definition { return e.def.WithDefaults() }

// Split is an experiment within one epoch: the function from units to variants. It is immutable and safe for
// concurrent use.
type Split struct {
	exp           *Experiment
	epoch         int
	weights       []float64 // normalised, in the order of exp.names
	probabilities map[string]float64
	allocation    float64
}

// At returns the split of an epoch. The error joins every mistake: a negative number or allocation, a weight that is
// missing, unknown, negative or not finite, and weights that are all 0.
func (e *Experiment) At(epoch Epoch) (*Split, error) {
	s := &Split{exp: e, epoch: epoch.Number, allocation: epoch.Allocation, probabilities: map[string]float64{}}
	setDefault(&s.allocation, e.def.Allocation)
	var errs []error
	bad := func(field, format string, args ...any) { errs = append(errs, scoring.Invalid(field, format, args...)) }
	if epoch.Number < 0 {
		bad("epoch", "%d is negative", epoch.Number)
	}
	if !(s.allocation > 0 && s.allocation <= 1) {
		bad("allocation", "%v is not in (0, 1]", s.allocation)
	}
	sum := 0.0
	for _, v := range e.def.Variants {
		w, ok := epoch.Weights[v.Name]
		switch {
		case epoch.Weights == nil:
			w = v.Weight
		case !ok:
			bad("weight", "none for variant %q", v.Name)
		case !(w >= 0 && finite(w)):
			bad("weight", "%v of variant %q is not a number of 0 or more", w, v.Name)
		}
		s.weights = append(s.weights, w)
		sum += w
	}
	for _, name := range slices.Sorted(maps.Keys(epoch.Weights)) { //workflowcheck:ignore they are sorted
		if _, ok := e.index[name]; !ok {
			bad("weight", "%q is not a variant", name)
		}
	}
	if len(errs) == 0 && !(sum > 0 && finite(sum)) {
		bad("weight", "they sum to %v", sum)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for i, name := range e.names {
		s.weights[i] /= sum
		s.probabilities[name] = s.weights[i]
	}
	if e.def.Selection == scoring.ByFixed {
		s.probabilities = e.certain(e.index[e.def.Fixed])
	}
	return s, nil
}

func (e *Experiment) certain(variant int) map[string]float64 {
	p := make(map[string]float64, len(e.names))
	for _, name := range e.names {
		p[name] = 0
	}
	p[e.names[variant]] = 1
	return p
}

// Pick is the variant of a unit, and how it was chosen.
type Pick struct {
	Variant string
	By      scoring.AssignedBy
	Epoch   int
	// Probabilities has the probability that each variant had. It is shared by all picks of a split: read it only.
	Probabilities map[string]float64
}

// Counted tells whether the unit enters the statistics.
func (p Pick) Counted() bool { return Counted(p.By) }

// Assign returns the variant of a unit. It is the same for the same experiment, version, weights and unit in every
// process, and independent of the unit's variant in another experiment.
//
// The variant is found by weighted rendezvous hashing: each variant v draws an exponential time -ln(h_v(unit))/w_v and
// the earliest wins. When weights change, a unit moves from a to b only if b's weight grew relative to a's. If one
// weight changes (or there are two variants) that is the least movement possible, the total variation distance d of the
// two weight vectors. If several change it is at most 2d/(1+d), which no rule that keeps no memory of earlier weights
// can improve on (Bavarian et al., "Optimality of Correlated Sampling Strategies", Theory of Computing 16, 2020).
//
// In order: the holdout, the layer, the allocation, the variant.
func (s *Split) Assign(unit string) Pick {
	e := s.exp
	d := &e.def
	switch {
	case d.Holdout.Share > 0 && uniform(e.holdout, unit) < d.Holdout.Share:
		return s.outside(ByHoldout)
	case d.Layer.Name != "" && !within(uniform(e.layer, unit), d.Layer):
		return s.outside(ByLayer)
	case s.allocation < 1 && uniform(e.allocate, unit) >= s.allocation:
		return s.outside(ByAllocation)
	case d.Selection == scoring.ByFixed:
		return Pick{d.Fixed, scoring.ByFixed, s.epoch, s.probabilities}
	}
	by := d.Selection
	if by == scoring.ByCustom {
		by = scoring.ByBucket // the experiment's own hash was asked after all
	}
	best, first := -1, math.Inf(1)
	for i, w := range s.weights {
		if w == 0 {
			continue
		}
		// 0 is drawn with probability 2^-53 and means that the variant never wins.
		if t := -exact.Ln(uniform(e.seeds[i], unit)) / w; t < first || best < 0 {
			best, first = i, t
		}
	}
	return Pick{e.names[best], by, s.epoch, s.probabilities}
}

func (s *Split) outside(by scoring.AssignedBy) Pick {
	return Pick{s.exp.def.Control, by, s.epoch, s.probabilities}
}

func within(u float64, l Layer) bool { return u >= l.From && u < l.To }

// Force returns the pick of an override. It is kept out of the statistics.
func (s *Split) Force(variant string) (Pick, error) {
	if _, ok := s.exp.index[variant]; !ok {
		return Pick{}, scoring.Invalid("variant", "%q is not a variant of %q", variant, s.exp.def.Name)
	}
	return Pick{variant, scoring.ByForce, s.epoch, s.probabilities}, nil
}

// Exclude returns the pick of a unit outside the experiment's target: the control, kept out of the statistics.
func (s *Split) Exclude() Pick { return s.outside(ByTargeting) }

// Pause returns the pick of every unit while the experiment is paused: the control, kept out of the statistics.
func (s *Split) Pause() Pick { return s.outside(scoring.ByPause) }

// Choose returns the pick of a caller's own selection, with the probability that each variant had in it. Probabilities
// that are left out make the experiment's statistics invalid, so they are refused: they must be a distribution over the
// variants that gives the chosen one a positive probability. The map is kept and must not be changed.
func (s *Split) Choose(variant string, probabilities map[string]float64) (Pick, error) {
	if _, ok := s.exp.index[variant]; !ok {
		return Pick{}, scoring.Invalid("variant", "%q is not a variant of %q", variant, s.exp.def.Name)
	}
	sum := 0.0
	for _, name := range slices.Sorted(maps.Keys(probabilities)) { //workflowcheck:ignore they are sorted
		p := probabilities[name]
		if _, ok := s.exp.index[name]; !ok {
			return Pick{}, scoring.Invalid("probabilities", "%q is not a variant of %q", name, s.exp.def.Name)
		}
		if !(p >= 0 && p <= 1) {
			return Pick{}, scoring.Invalid("probabilities", "%v of variant %q is not in [0, 1]", p, name)
		}
		sum += p
	}
	if math.Abs(sum-1) > 1e-9 || probabilities[variant] == 0 {
		return Pick{}, scoring.Invalid("probabilities", "they sum to %v, with %v for the chosen %q", sum, probabilities[variant], variant)
	}
	return Pick{variant, scoring.ByCustom, s.epoch, probabilities}, nil
}

// Again returns the pick of the unit of a by the weights of s. A pick by the experiment's hash is made again; an
// override and an exclusion stay; a caller's own choice stays while its unit takes part and its variant has a weight.
func (s *Split) Again(a scoring.Assignment) Pick {
	p := s.Assign(a.Unit)
	switch a.By {
	case ByTargeting:
		return s.Exclude()
	case scoring.ByForce:
		if forced, err := s.Force(a.Variant); err == nil {
			return forced
		}
	case scoring.ByCustom:
		if i, ok := s.exp.index[a.Variant]; !ok || s.weights[i] == 0 {
			return s.Pause()
		}
		if chosen, err := s.Choose(a.Variant, a.Probabilities); err == nil && p.Counted() {
			return chosen
		}
	}
	return p
}

// Assignment returns the record of a pick, to which the caller adds the facts of the run.
func (s *Split) Assignment(p Pick, unit string, run scoring.Run, at time.Time) scoring.Assignment {
	return scoring.Assignment{
		Experiment: s.exp.def.Name, Version: s.exp.def.Version, Epoch: p.Epoch, Variant: p.Variant, By: p.By,
		Probabilities: maps.Clone(p.Probabilities), Unit: unit, Run: run, At: at,
	}
}
