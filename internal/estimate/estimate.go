package estimate

import "math"

// Estimate is a mean (or a ratio of means) with the variance that it has as an estimate.
type Estimate struct {
	N    float64 // units that it rests on
	Mean float64
	// Variance is the variance of Mean: a squared standard error.
	Variance float64
	// Third is the third cumulant of Mean, which determines its skew; 0 when it is not known.
	Third float64
}

// Estimate returns the mean with the sample variance over n.
func (m Moments) Estimate() Estimate {
	if m.N == 0 {
		return Estimate{}
	}
	return Estimate{m.N, m.Mean, m.Variance() / m.N, m.M3 / (m.N * m.N * m.N)}
}

// Proportion returns the mean of values of 0 and 1, with the variance p(1-p)/n.
func (m Moments) Proportion() Estimate {
	e := m.Estimate()
	if m.N > 0 {
		e.Variance = m.M2 / (m.N * m.N)
	}
	return e
}

// Ratio returns the ratio of the means of y over x by the delta method: variance (s_y^2 - 2R s_xy + R^2 s_x^2)/(n x^2).
// ok is false when there are fewer than two pairs or the mean of x is 0.
func (m CoMoments) Ratio() (e Estimate, ok bool) {
	if m.N < 2 || m.MeanX == 0 {
		return Estimate{}, false
	}
	r := m.MeanY / m.MeanX
	s2 := max(m.Myy-2*r*m.Mxy+r*r*m.Mxx, 0) / (m.N - 1)
	return Estimate{N: m.N, Mean: r, Variance: s2 / (m.N * m.MeanX * m.MeanX)}, true
}

// Adjusted returns the mean of y - theta (x - centre): the mean with the covariate's part taken out. theta and centre
// must be the same for all variants.
func (m CoMoments) Adjusted(theta, centre float64) Estimate {
	if m.N < 2 {
		return Estimate{N: m.N, Mean: m.MeanY}
	}
	s2 := max(m.Myy+theta*theta*m.Mxx-2*theta*m.Mxy, 0) / (m.N - 1)
	return Estimate{N: m.N, Mean: m.MeanY - theta*(m.MeanX-centre), Variance: s2 / m.N}
}

// Stratify combines the estimates of two variants by epoch, with b[e] and j[e] from epoch e: each epoch weighs as many
// units as it has of both. An epoch with fewer than two units of either variant has no information about the difference
// and is left out. Pooling instead would mistake a drift of the baseline for an effect when weights change.
func Stratify(b, j []Estimate) (Estimate, Estimate) {
	total := 0.0
	for e := range b {
		if b[e].N >= 2 && j[e].N >= 2 {
			total += b[e].N + j[e].N
		}
	}
	var sb, sj Estimate
	for e := range b {
		if b[e].N < 2 || j[e].N < 2 {
			continue
		}
		w := (b[e].N + j[e].N) / total
		sb.Add(b[e], w)
		sj.Add(j[e], w)
	}
	return sb, sj
}

// Add accumulates e, with a weight.
func (s *Estimate) Add(e Estimate, w float64) {
	s.N += e.N
	s.Mean += w * e.Mean
	s.Variance += w * w * e.Variance
	s.Third += w * w * w * e.Third
}

// Effect is how much a variant differs from another.
type Effect struct {
	N     float64 // units of both
	Value float64
	SE    float64
	// Skew is the standardised skew of the estimate. Over 0.15 in size, an interval that leans on normality is doubtful.
	Skew float64
}

// Difference returns b - j.
func Difference(b, j Estimate) Effect {
	e := Effect{N: b.N + j.N, Value: b.Mean - j.Mean, SE: math.Sqrt(b.Variance + j.Variance)}
	if cube := e.SE * e.SE * e.SE; cube > 0 && Finite(cube) {
		e.Skew = (b.Third - j.Third) / cube
	}
	return e
}

// Relative returns (b - j)/|j| by the delta method, which treats the baseline j as an estimate too (Deng, Knoblich and
// Lu 2018). ok is false when j is 0, up to rounding, and when the result is not finite.
func Relative(b, j Estimate) (e Effect, ok bool) { return RelativeTo(b, j, b.Mean, j.Mean) }

// approximateBaseline is the relative standard error of a baseline over which a lift is marked approximate: a ratio over
// so uncertain a number is far from normal.
const approximateBaseline = 0.15

// Uncertain tells whether e is too uncertain to be the baseline of a lift.
func (e Estimate) Uncertain() bool {
	return !(e.Variance <= approximateBaseline*approximateBaseline*e.Mean*e.Mean)
}

// RelativeTo returns the difference of two adjusted means as a share of the control's plain one: meanB and meanJ are the
// means without the covariate's adjustment. ok is false as in [Relative].
func RelativeTo(b, j Estimate, meanB, meanJ float64) (e Effect, ok bool) {
	if (Estimate{N: j.N, Mean: meanJ, Variance: j.Variance}).Zero() {
		return Effect{}, false
	}
	j2 := meanJ * meanJ
	se := math.Sqrt(b.Variance/j2 + j.Variance*meanB*meanB/(j2*j2))
	if j2*j2 == 0 || !Finite(j2*j2) || !Finite(se) { // powers that are no numbers, of quotients that are
		se = math.Hypot(math.Sqrt(b.Variance)/meanJ, math.Sqrt(j.Variance)/meanJ*(meanB/meanJ))
	}
	d := Difference(b, j)
	e = Effect{d.N, d.Value / math.Abs(meanJ), se, d.Skew}
	return e, e.Known()
}

// Zero tells whether the mean is 0, up to rounding: a sum of N numbers is off by up to N units in the last place of
// their size. Dividing by such a mean makes no sense.
func (e Estimate) Zero() bool {
	const ulp = 0x1p-52
	size := math.Hypot(math.Sqrt(e.Variance*e.N), e.Mean)
	return math.Abs(e.Mean) <= min(e.N, 1/ulp/2)*ulp*size
}

// Known tells whether an effect is a number.
func (e Effect) Known() bool { return Finite(e.Value) && Finite(e.SE) && Finite(e.Skew) }

// Interval is a range of values, both ends included.
type Interval struct {
	Lo float64 `json:"lo"`
	Hi float64 `json:"hi"`
}

// Contains tells whether x is in the interval.
func (i Interval) Contains(x float64) bool { return x >= i.Lo && x <= i.Hi }

// Finite tells whether x is a number.
func Finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
