package estimate

import "math"

// BernoulliInterval returns the interval of a proportion that covers it at all sample sizes at once with probability
// 1 - alpha, exactly and not asymptotically: the shares that the beta-binomial mixture does not reject (Howard, Ramdas,
// McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49(2),
// 2021). planned is the number of trials at which it is narrowest.
func BernoulliInterval(successes, trials, alpha, planned float64) Interval {
	if trials == 0 {
		return Interval{0, 1}
	}
	mean := successes / trials
	limit := -math.Log(alpha)
	excess := func(p float64) float64 { return bernoulliLogE(successes, trials, p, planned) - limit }
	i := Interval{0, 1}
	if successes > 0 {
		i.Lo = bisect(excess, 0, mean)
	}
	if successes < trials {
		i.Hi = bisect(excess, 1, mean)
	}
	return i
}

// bernoulliLogE returns the natural logarithm of the e-value against the share p in (0, 1): the likelihood ratio of a
// beta distribution of shares with mean p, whose spread is chosen for the planned number of trials.
func bernoulliLogE(successes, trials, p, planned float64) float64 {
	const level = 0.05 // that the spread is chosen for
	q := 1 - p
	l := -2 * math.Log(level)
	r := max(p*q*planned/(l+math.Log1p(l))-p*q, 1e-3*p*q)
	a, b := r/q, r/p
	failures := trials - successes
	return lbeta(a+successes, b+failures) - lbeta(a, b) - successes*math.Log(p) - failures*math.Log(q)
}

func lbeta(a, b float64) float64 { return lgamma(a) + lgamma(b) - lgamma(a+b) }

// bisect returns where f changes its sign between out, where it is positive, and in, where it is not.
func bisect(f func(float64) float64, out, in float64) float64 {
	for range 60 {
		mid := (out + in) / 2
		if f(mid) > 0 {
			out = mid
		} else {
			in = mid
		}
	}
	return in
}
