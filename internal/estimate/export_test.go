package estimate

// What the reference cases reach from outside.
var (
	BernoulliLogE    = bernoulliLogE
	DirichletLogML   = dirichletLogML
	MultinomialLogML = multinomialLogML
	WelchFreedom     = welchFreedom
	EBH              = eBH
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
