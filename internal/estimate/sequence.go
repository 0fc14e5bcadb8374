package estimate

import "math"

// Sequence is the normal-mixture asymptotic confidence sequence: intervals that cover the effect at all sample sizes at
// once with probability 1 - Alpha, as the samples grow (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform
// central limit theory and asymptotic confidence sequences", arXiv:2103.06476, equations 9, 134, 155 and 161). One may
// look at it as often as one likes; it is valid at few units or under skew only approximately.
type Sequence struct {
	// Alpha is the probability of ever missing, in (0, 1).
	Alpha float64
	// Planned is the number of units, of both variants, at which the interval is narrowest against a fixed one. It is
	// chosen before the start.
	Planned float64
}

// rho2 is the squared tuning parameter that makes the sequence narrowest at s.Planned (equation 161).
func (s Sequence) rho2(alpha float64) float64 {
	l := -2 * math.Log(alpha)
	return (l + math.Log(l+1)) / s.Planned
}

// Multiplier returns how many standard errors the interval reaches to either side at n units; a fixed one has 1.96 for
// Alpha 0.05.
func (s Sequence) Multiplier(n float64) float64 {
	r := n * s.rho2(s.Alpha)
	return math.Sqrt(2 * (r + 1) / r * math.Log(math.Sqrt(r+1)/s.Alpha))
}

// MultiplierOneSided returns how many standard errors below the effect its lower bound lies at n units.
func (s Sequence) MultiplierOneSided(n float64) float64 {
	r := n * s.rho2(2*s.Alpha)
	return math.Sqrt(2 * (r + 1) / r * math.Log1p(math.Sqrt(r+1)/(2*s.Alpha)))
}

// Interval returns the two-sided interval.
func (s Sequence) Interval(e Effect) Interval {
	h := s.Multiplier(e.N) * e.SE
	return Interval{e.Value - h, e.Value + h}
}

// Lower returns the one-sided lower bound at Alpha.
func (s Sequence) Lower(e Effect) float64 { return e.Value - s.MultiplierOneSided(e.N)*e.SE }

// Upper returns the one-sided upper bound at Alpha.
func (s Sequence) Upper(e Effect) float64 { return e.Value + s.MultiplierOneSided(e.N)*e.SE }

// LogE returns the natural logarithm of the e-value of the two-sided mixture, which determines the interval: the
// interval at Alpha excludes 0 when it reaches ln(1/Alpha).
func (s Sequence) LogE(e Effect) float64 {
	z, ok := e.z()
	if !ok {
		return z
	}
	r := e.N * s.rho2(s.Alpha)
	return r*z*z/(2*(r+1)) - math.Log1p(r)/2
}

// LogEGreater returns the natural logarithm of the e-value of the one-sided mixture against an effect of at most 0
// (Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics 49(2), 2021, proposition 6).
func (s Sequence) LogEGreater(e Effect) float64 {
	z, ok := e.z()
	if !ok {
		return math.Copysign(z, e.Value)
	}
	r := e.N * s.rho2(2*s.Alpha)
	return r*z*z/(2*(r+1)) - math.Log1p(r)/2 + math.Ln2 + math.Log(upperTail(-z*math.Sqrt(r/(r+1))))
}

// z returns the effect in standard errors; without any error it returns the logarithm of the evidence and false.
func (e Effect) z() (float64, bool) {
	if e.SE > 0 {
		return e.Value / e.SE, true
	}
	if e.Value == 0 {
		return 0, false
	}
	return math.Inf(1), false
}

// PValue returns the two-sided p-value, which is valid at every look.
func (s Sequence) PValue(e Effect) float64 { return math.Min(1, math.Exp(-s.LogE(e))) }
