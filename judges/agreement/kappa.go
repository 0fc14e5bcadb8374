package agreement

import (
	"cmp"
	"math"
)

// Kappa returns Cohen's kappa, from −1 to 1: how much more often two sides agree than if each said its labels as often,
// but at random: (Po − Pe)/(1 − Pe), with Po the observed agreement and Pe = Σ p_judge(k)·p_outcome(k) (Cohen 1960, doi
// 10.1177/001316446002000104). Its variance is the one for large samples (Fleiss, Cohen and Everitt 1969, doi
// 10.1037/h0028106). [judges.ErrUndefined] without pairs, and where Pe is 1, because both sides have only said one and
// the same label: neither 1 nor 0 would be known.
func Kappa[T cmp.Ordered](t Table[T], level float64) (Estimate, error) {
	return kappa(t, level, func(i, j int) float64 {
		if i == j {
			return 1
		}
		return 0
	})
}

// QuadraticKappa returns the weighted kappa of Cohen (1968, doi 10.1037/h0026256) for grades, from −1 to 1, in which a
// disagreement costs the square of its size: 1 − Σ (a − b)² observed / Σ (a − b)² expected at random. The size is the
// difference of the grades themselves, so that grades that nobody gave change nothing. [judges.ErrUndefined] without
// pairs, and where all grades are the same.
func QuadraticKappa(t Table[float64], level float64) (Estimate, error) {
	if len(t.labels) == 0 {
		return kappa(t, level, func(int, int) float64 { return 1 })
	}
	lowest, highest := t.used()
	return kappa(t, level, func(i, j int) float64 {
		if highest == lowest {
			return 1
		}
		// Dividing first keeps the squares from overflowing.
		d := t.labels[i]/(highest/2-lowest/2)/2 - t.labels[j]/(highest/2-lowest/2)/2
		return 1 - d*d
	})
}

// used returns the lowest and the highest label that somebody said.
func (t Table[T]) used() (lowest, highest T) {
	low, high := len(t.labels)-1, 0
	for i, row := range t.cells {
		for j, c := range row {
			if c.w > 0 {
				low, high = min(low, i, j), max(high, i, j)
			}
		}
	}
	return t.labels[low], t.labels[high]
}

// kappa returns the weighted kappa; agree says how much two labels agree, 1 for the same.
func kappa[T cmp.Ordered](t Table[T], level float64, agree func(i, j int) float64) (Estimate, error) {
	z, err := quantile(level)
	if err != nil {
		return Estimate{}, err
	}
	p, judge, outcome, n, err := t.proportions()
	if err != nil {
		return Estimate{}, err
	}
	observed, chance := 0.0, 0.0
	byJudge, byOutcome := make([]float64, len(p)), make([]float64, len(p)) // what a label agrees by chance
	for i := range p {
		for j := range p {
			w := agree(i, j)
			observed += w * p[i][j]
			chance += w * judge[i] * outcome[j]
			byJudge[i] += w * outcome[j]
			byOutcome[j] += w * judge[i]
		}
	}
	room := 1 - chance
	if room <= rounding {
		return Estimate{}, undefined("both sides have only said one and the same label")
	}
	value := max((observed-chance)/room, -1)
	v := t.variance(func(i, j int) float64 {
		return ((agree(i, j)-observed)*room - (byJudge[i]+byOutcome[j]-2*chance)*(1-observed)) / (room * room)
	})
	return chanceCorrected(min(value, 1), v, n, z), nil
}

// rounding is the error of 1 − 1 after sums of many shares.
const rounding = 1e-12

// AC1 returns Gwet's first-order agreement coefficient, from −1 to 1: (Po − Pe)/(1 − Pe) with Pe = Σ π(1 − π)/(K − 1),
// π the mean of both sides' shares of each of the K labels of the table (Gwet 2008, doi 10.1348/000711006X126600, eq. 4
// and 9; variance to first order). Unlike [Kappa] it stays near the observed agreement where one label is rare.
// [judges.ErrUndefined] without pairs, and for fewer than two labels: give [Tabulate] the labels that could have been
// said.
func AC1[T cmp.Ordered](t Table[T], level float64) (Estimate, error) {
	z, err := quantile(level)
	if err != nil {
		return Estimate{}, err
	}
	p, judge, outcome, n, err := t.proportions()
	if err != nil {
		return Estimate{}, err
	}
	k := float64(len(t.labels))
	if k < 2 {
		return Estimate{}, undefined("there is only one label")
	}
	observed, chance, slope := 0.0, 0.0, 0.0
	pi := make([]float64, len(p))
	for i := range p {
		observed += p[i][i]
		pi[i] = (judge[i] + outcome[i]) / 2
		chance += pi[i] * (1 - pi[i]) / (k - 1)
		slope += (1 - 2*pi[i]) * pi[i] / (k - 1)
	}
	room := 1 - chance // at least 1/2: the sum is at most (K − 1)/K
	v := t.variance(func(i, j int) float64 {
		same := 0.0
		if i == j {
			same = 1
		}
		moved := ((1-2*pi[i])+(1-2*pi[j]))/2/(k-1) - slope
		return ((same-observed)*room - moved*(1-observed)) / (room * room)
	})
	return chanceCorrected(min(max((observed-chance)/room, -1), 1), v, n, z), nil
}

// TableAlpha returns Krippendorff's alpha of the labels of the two sides, as [Alpha] with [Nominal] does of the pairs themselves,
// with its variance to first order. [judges.ErrUndefined] without pairs, and where all labels are the same.
func TableAlpha[T cmp.Ordered](t Table[T], level float64) (Estimate, error) {
	z, err := quantile(level)
	if err != nil {
		return Estimate{}, err
	}
	p, judge, outcome, n, err := t.proportions()
	if err != nil {
		return Estimate{}, err
	}
	disagree, same := 1.0, 0.0
	pi := make([]float64, len(p))
	for i := range p {
		disagree -= p[i][i]
		pi[i] = (judge[i] + outcome[i]) / 2
		same += pi[i] * pi[i]
	}
	chance := 1 - same
	if chance <= rounding {
		return Estimate{}, undefined("all labels are the same")
	}
	few := (2*n - 1) / (2 * n) // the ratings of a unit are dealt without replacement
	disagree = max(disagree, 0)
	v := t.variance(func(i, j int) float64 {
		differ := 1.0
		if i == j {
			differ = 0
		}
		moved := 2*same - pi[i] - pi[j]
		return few * ((differ-disagree)*chance - disagree*moved) / (chance * chance)
	})
	return chanceCorrected(1-few*disagree/chance, v, n, z), nil
}

// McNemar returns the two-sided p-value of the exact test that two judges pass the same share of the same units, from
// the numbers that only one of them passes (McNemar 1947, doi 10.1007/BF02295996): 2·P(X ≤ min) for X binomial with
// probability 1/2, at most 1. Units that both pass or both fail say nothing about it. Negative numbers count as 0.
func McNemar(onlyA, onlyB int) float64 {
	p, _ := upTo(onlyA, onlyB)
	return min(2*p, 1)
}

// McNemarMidP is [McNemar] with half of the probability of the numbers seen: 2·P(X ≤ min) − P(X = min). It is less
// cautious than the exact test, and rarely too bold (Fagerland, Lydersen and Laake 2013, doi 10.1186/1471-2288-13-91).
func McNemarMidP(onlyA, onlyB int) float64 {
	p, last := upTo(onlyA, onlyB)
	return min(2*p-last, 1)
}

// upTo returns P(X ≤ min) and P(X = min).
func upTo(onlyA, onlyB int) (p, last float64) {
	a, b := max(onlyA, 0), max(onlyB, 0)
	n := float64(a + b)
	total, _ := math.Lgamma(n + 1)
	for x := range min(a, b) + 1 {
		below, _ := math.Lgamma(float64(x) + 1)
		above, _ := math.Lgamma(n - float64(x) + 1)
		last = math.Exp(total - below - above - n*math.Ln2)
		p += last
	}
	return p, last
}
