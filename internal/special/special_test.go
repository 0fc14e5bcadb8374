package special_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/internal/special"
)

// The exact values are mpmath's at 40 digits, from the series DLMF 8.17.8.
func TestRegIncBeta(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, x, want float64 }{
		{0.5, 0.5, 0.3, 0.36901011956554538276},
		{0.5, 0.5, 1e-12, 6.3661977236768744637e-7},
		{1, 1, 0.25, 0.25},
		{2, 3, 0.5, 0.6875},
		{0.5, 20.5, 0.001, 0.15953930304016502723},
		{0.5, 1000.5, 0.0000001, 0.011284826258954823282},
		{10.5, 0.5, 0.9999, 0.96388031353117389661},
		{30.5, 70.5, 0.3, 0.49416533517326574778},
		{30.5, 70.5, 0.1, 1.2228944502270505739e-8},
		{30.5, 70.5, 0.6, 0.99999999933771199958},
		{500.5, 500.5, 0.53, 0.97125406694095049932},
		{12345.5, 54321.5, 0.186, 0.70728855718317842936},
		{12345.5, 54321.5, 0.17, 3.0271853943614601833e-25},
		{500000.5, 500000.5, 0.4995, 0.15865513294606454551},
		{1000000.5, 3000000.5, 0.2499, 0.32203436881876070738},
		{1000.5, 999999000.5, 0.00000095, 0.053301688837365221921},
		{2, 3, 0, 0},
		{2, 3, 1, 1},
	} {
		require.InEpsilon(t, 1+c.want, 1+special.RegIncBeta(c.a, c.b, c.x), 1e-12, "%v", c)
		if c.want > 0 {
			require.InEpsilon(t, c.want, special.RegIncBeta(c.a, c.b, c.x), 1e-11, "%v", c)
		}
	}
}

func TestRegIncBetaQuantile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, p, want float64 }{
		{0.5, 10.5, 0.025, 0.000047890433157581889913},
		{10.5, 0.5, 0.975, 0.99995210956684241811},
		{30.5, 70.5, 0.025, 0.21684142861880505192},
		{30.5, 70.5, 0.975, 0.39454650663077320652},
		{5000.5, 45000.5, 0.975, 0.1026527181950094957},
	} {
		require.InEpsilon(t, c.want, special.RegIncBetaQuantile(c.a, c.b, c.p), 1e-12, "%v", c)
	}
	require.Zero(t, special.RegIncBetaQuantile(2, 3, 0))
	require.Equal(t, 1., special.RegIncBetaQuantile(2, 3, 1))
}

// The two tails are 1 together, and a quantile is where its probability is.
func TestBetaAgreesWithItself(t *testing.T) {
	t.Parallel()
	size := rapid.Map(rapid.Float64Range(-2, 7), func(e float64) float64 { return math.Pow(10, e) })
	rapid.Check(t, func(t *rapid.T) {
		a, b := size.Draw(t, "a"), size.Draw(t, "b")
		p := rapid.Float64Range(0.001, 0.999).Draw(t, "p")
		x := special.RegIncBetaQuantile(a, b, p)
		require.GreaterOrEqual(t, x, 0.)
		require.LessOrEqual(t, x, 1.)
		if x < 0.001 || x > 0.999 {
			return // the next number is far away, as far as the tail knows
		}
		require.InDelta(t, p, special.RegIncBeta(a, b, x), 1e-9)
		require.InDelta(t, 1, special.RegIncBeta(a, b, x)+special.RegIncBeta(b, a, 1-x), 1e-9)
	})
}

func TestStudent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ t, freedom, want float64 }{
		{0.1, 5, 0.46211507057733018723},
		{2, 1, 0.14758361765043327418},
		{2.5, 7.25, 0.019932760379457289284},
		{6, 30, 6.971384383602371351e-7},
		{12, 100, 2.1975438578021890726e-21},
	} {
		require.InEpsilon(t, c.want, special.StudentTail(c.t, c.freedom), 1e-12, "%v", c)
		require.InEpsilon(t, 1-c.want, special.StudentTail(-c.t, c.freedom), 1e-12, "%v", c)
		if c.want > 1e-10 {
			require.InEpsilon(t, c.t, special.StudentQuantile(1-c.want, c.freedom), 1e-8, "%v", c)
			require.InEpsilon(t, -c.t, special.StudentQuantile(c.want, c.freedom), 1e-8, "%v", c)
		}
	}
	require.Equal(t, 0.5, special.StudentTail(0, 3))
	require.Zero(t, special.StudentTail(math.Inf(1), 3))
	require.Zero(t, special.StudentQuantile(0.5, 3))
	require.True(t, math.IsInf(special.StudentQuantile(1, 3), 1))
}

func TestChiSquareTail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		x       float64
		freedom int
		want    float64
	}{
		{0.5, 1, 0.47950012218695346232},
		{3.84, 1, 0.050043521248705098948},
		{5.99, 2, 0.050036627086586287849},
		{20, 3, 0.0001697424355528264308},
		{100, 4, 9.8366242246159806934e-21},
		{30, 19, 0.051798458893023873606},
		{1400, 5, 1.3765875143943704219e-300},
	} {
		require.InEpsilon(t, c.want, special.ChiSquareTail(c.x, c.freedom), 1e-12, "%v", c)
	}
	for freedom := 1; freedom < 6; freedom++ {
		require.InDelta(t, 1, special.ChiSquareTail(0, freedom), 1e-15)
		require.Zero(t, special.ChiSquareTail(math.Inf(1), freedom))
	}
}

func TestLogBeta(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want float64 }{
		{0.5, 0.5, 1.1447298858494001741},
		{1e-3, 2, 6.9067557786490535189},
		{30.5, 70.5, -62.472894125743807521},
		{1000000.5, 0.5, -6.335390461057436965},
		{1e8, 3e8, -224934065.99508414176},
	} {
		require.InEpsilon(t, c.want, special.LogBeta(c.a, c.b), 1e-13, "%v", c)
	}
}

// n nodes integrate polynomials of a degree below 2n.
func TestLegendre(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 24; n++ {
		nodes, weights := make([]float64, n), make([]float64, n)
		special.Legendre(nodes, weights)
		for degree := range 2 * n {
			sum, want := 0.0, 0.0
			for i, x := range nodes {
				sum += weights[i] * math.Pow(x, float64(degree))
			}
			if degree%2 == 0 {
				want = 2 / float64(degree+1)
			}
			require.InDelta(t, want, sum, 1e-14, "%d nodes, degree %d", n, degree)
		}
	}
}
