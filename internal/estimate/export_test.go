package estimate

import "math"

// What the reference cases reach from outside.
var (
	BernoulliLogE = bernoulliLogE
	WelchFreedom  = welchFreedom
	EBH           = eBH
)

// MomentsOf returns the moments of n values with the given sum and sum of squares, as a database keeps them. The third
// central sum is not known from them and is 0.
func MomentsOf(n, sum, sumSquares float64) Moments {
	if n == 0 {
		return Moments{}
	}
	return Moments{N: n, Mean: sum / n, M2: max(sumSquares-sum*sum/n, 0)}
}

// SumSquares returns the sum of the squares of the values.
func (m Moments) SumSquares() float64 { return m.M2 + float64(m.N*m.Mean)*m.Mean }

// CoMomentsOf returns the moments of n pairs with the given sums, sums of squares and sum of products.
func CoMomentsOf(n, sumX, sumXX, sumY, sumYY, sumXY float64) CoMoments {
	if n == 0 {
		return CoMoments{}
	}
	return CoMoments{
		N: n, MeanX: sumX / n, MeanY: sumY / n,
		Mxx: max(sumXX-sumX*sumX/n, 0), Mxy: sumXY - sumX*sumY/n, Myy: max(sumYY-sumY*sumY/n, 0),
	}
}

// DirichletLogML returns the log probability of a sequence with the given counts when the shares have a Dirichlet
// distribution with the parameters alpha. A variant without a parameter is skipped if it has no count.
func DirichletLogML(counts, alpha []float64) float64 {
	sum, a, n := 0.0, 0.0, 0.0
	for i, c := range counts {
		if alpha[i] == 0 {
			continue
		}
		sum += lgamma(alpha[i]+c) - lgamma(alpha[i])
		a += alpha[i]
		n += c
	}
	return sum + lgamma(a) - lgamma(a+n)
}

// MultinomialLogML returns the log probability of a sequence with the given counts under the given shares.
func MultinomialLogML(counts, shares []float64) float64 {
	sum := 0.0
	for i, c := range counts {
		if c > 0 {
			sum += c * math.Log(shares[i])
		}
	}
	return sum
}
