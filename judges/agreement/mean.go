package agreement

import (
	"math"

	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/internal/special"
	"github.com/verdict-dev/verdict/scoring"
)

// Mean returns the mean of values with Student's interval; the values of one cluster, such as the samples of one run,
// may be alike, and values of two clusters must not be. cluster has a name for each value; nil stands for a cluster
// each. The variance is C/(C − 1)·Σ(Σ residuals of a cluster)²/n², with C − 1 degrees of freedom for C clusters (Miller
// 2024, arXiv:2411.00640, §2.2, with the correction for few clusters); without clusters it is the usual one. N is the
// number of clusters. It needs two; NaN and infinities are refused.
func Mean(values []float64, cluster []string, level float64) (Estimate, error) {
	if _, err := quantile(level); err != nil {
		return Estimate{}, err
	}
	if cluster != nil && len(cluster) != len(values) {
		return Estimate{}, scoring.Invalid("cluster", "there are %d for %d values", len(cluster), len(values))
	}
	var m estimate.Moments
	for _, v := range values {
		if !estimate.Finite(v) {
			return Estimate{}, scoring.Invalid("value", "%v is not finite", v)
		}
		m.Add(v)
	}
	clusters, variance := m.N, m.Estimate().Variance
	if cluster != nil {
		var order []string // a sum depends on it
		residuals := map[string]float64{}
		for i, v := range values {
			if _, known := residuals[cluster[i]]; !known {
				order = append(order, cluster[i])
			}
			residuals[cluster[i]] += v - m.Mean
		}
		clusters, variance = float64(len(order)), 0
		for _, name := range order {
			variance += residuals[name] * residuals[name] / (m.N * m.N)
		}
		variance *= clusters / (clusters - 1)
	}
	if clusters < 2 {
		return Estimate{}, undefined("it takes two values, of two clusters")
	}
	se := math.Sqrt(variance)
	half := special.StudentQuantile((1+level)/2, clusters-1) * se
	return Estimate{Value: m.Mean, SE: se, Lo: m.Mean - half, Hi: m.Mean + half, N: clusters}, nil
}
