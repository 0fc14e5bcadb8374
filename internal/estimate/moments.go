package estimate

import "math"

// Products are converted explicitly throughout the accumulators: the conversion forbids the compiler to fuse them with
// an addition, which some architectures do and others cannot, so that a state is the same to the last bit everywhere.

// Moments accumulates the number, the mean and the second and third central sums of values in one pass, without the
// cancellation that sums of squares suffer from. The zero Moments is empty.
type Moments struct {
	N    float64 `json:"n"`
	Mean float64 `json:"mean"`
	M2   float64 `json:"m2"` // sum of (x - mean)^2
	M3   float64 `json:"m3"` // sum of (x - mean)^3
}

// Add accumulates x (Welford 1962; Terriberry 2007 for the third moment).
func (m *Moments) Add(x float64) {
	before := m.N
	m.N++
	delta := x - m.Mean
	d := delta / m.N
	t := float64(float64(delta*d) * before)
	m.Mean += d
	m.M3 += float64(float64(t*d)*(m.N-2)) - float64(float64(3*d)*m.M2)
	m.M2 += t
}

// Merge accumulates everything that o has (Chan, Golub and LeVeque 1979; Pébay 2008 for the third moment).
func (m *Moments) Merge(o Moments) {
	if o.N == 0 {
		return
	}
	if m.N == 0 {
		*m = o
		return
	}
	n := m.N + o.N
	d := o.Mean - m.Mean
	share := float64(m.N * o.N / n)
	d2 := float64(d * d)
	m.M3 += o.M3 + float64(float64(float64(d2*d)*share)*((m.N-o.N)/n)) +
		float64(3*d*(float64(m.N*o.M2)-float64(o.N*m.M2))/n)
	m.M2 += o.M2 + float64(d2*share)
	m.Mean += float64(d * (o.N / n))
	m.N = n
}

// Variance returns the sample variance, with n-1 in the denominator; 0 for fewer than two values.
func (m Moments) Variance() float64 {
	if m.N < 2 {
		return 0
	}
	return m.M2 / (m.N - 1)
}

// SD returns the sample standard deviation.
func (m Moments) SD() float64 { return math.Sqrt(m.Variance()) }

// Sum returns the sum of the values.
func (m Moments) Sum() float64 { return m.N * m.Mean }

// CoMoments accumulates the moments of pairs (x, y) in one pass. The zero CoMoments is empty.
type CoMoments struct {
	N     float64 `json:"n"`
	MeanX float64 `json:"mean_x"`
	MeanY float64 `json:"mean_y"`
	Mxx   float64 `json:"mxx"` // sum of (x - meanX)^2
	Mxy   float64 `json:"mxy"` // sum of (x - meanX)(y - meanY)
	Myy   float64 `json:"myy"` // sum of (y - meanY)^2
}

// Add accumulates a pair.
func (m *CoMoments) Add(x, y float64) {
	m.N++
	dx := x - m.MeanX
	dy := y - m.MeanY
	m.MeanX += dx / m.N
	m.MeanY += dy / m.N
	m.Mxx += float64(dx * (x - m.MeanX))
	m.Mxy += float64(dx * (y - m.MeanY))
	m.Myy += float64(dy * (y - m.MeanY))
}

// Merge accumulates everything that o has.
func (m *CoMoments) Merge(o CoMoments) {
	if o.N == 0 {
		return
	}
	if m.N == 0 {
		*m = o
		return
	}
	n := m.N + o.N
	dx, dy := o.MeanX-m.MeanX, o.MeanY-m.MeanY
	share := m.N * o.N / n
	m.Mxx += o.Mxx + float64(float64(dx*dx)*share)
	m.Mxy += o.Mxy + float64(float64(dx*dy)*share)
	m.Myy += o.Myy + float64(float64(dy*dy)*share)
	m.MeanX += float64(dx * (o.N / n))
	m.MeanY += float64(dy * (o.N / n))
	m.N = n
}

// Theta returns the coefficient of the regression of y on x, cov(x, y)/var(x), which lets a covariate narrow an
// interval (Deng, Xu, Kohavi and Walker 2013); 0 when x does not vary.
func (m CoMoments) Theta() float64 {
	if m.Mxx <= 0 {
		return 0
	}
	return m.Mxy / m.Mxx
}
