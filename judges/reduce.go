package judges

import (
	"math"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// A Reducer makes one number of several: samples of one judge, judges of a panel, runs of a task. NaN is no value and is
// left out, as is a verdict without a value by [Values]; where nothing remains, the result is [ErrUndefined] and never 0.
// Infinities are refused.
type Reducer func(values []float64) (float64, error)

// Values returns the numbers of the verdicts that have one, in order. Booleans are 1 and 0.
func Values(verdicts []Verdict) []float64 {
	var values []float64
	for _, v := range verdicts {
		if f, ok := v.Value.Float(); ok && v.State == scoring.Scored {
			values = append(values, f)
		}
	}
	return values
}

// known returns the values that are numbers, sorted, so that no result depends on their order.
func known(values []float64) ([]float64, error) {
	var numbers []float64
	for _, v := range values {
		switch {
		case math.IsInf(v, 0):
			return nil, scoring.Invalid("value", "%v is not finite", v)
		case !math.IsNaN(v):
			numbers = append(numbers, v+0) // −0 is 0
		}
	}
	if len(numbers) == 0 {
		return nil, undefined("there are no values")
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Mean is the arithmetic mean.
func Mean(values []float64) (float64, error) {
	numbers, err := known(values)
	if err != nil {
		return 0, err
	}
	sum, n := 0.0, float64(len(numbers))
	for _, v := range numbers {
		sum += v
	}
	if math.IsInf(sum, 0) { // the sum overflows, the mean does not
		sum = 0
		for _, v := range numbers {
			sum += v / n
		}
		return sum, nil
	}
	return sum / n, nil
}

// Median is the middle value, and the mean of the two middle ones of an even number.
func Median(values []float64) (float64, error) {
	numbers, err := known(values)
	if err != nil {
		return 0, err
	}
	n := len(numbers)
	low, high := numbers[(n-1)/2], numbers[n/2]
	if sum := low + high; !math.IsInf(sum, 0) {
		return sum / 2, nil
	}
	return low/2 + high/2, nil
}

// Min is the least value.
func Min(values []float64) (float64, error) {
	numbers, err := known(values)
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// Max is the greatest value.
func Max(values []float64) (float64, error) {
	numbers, err := known(values)
	if err != nil {
		return 0, err
	}
	return numbers[len(numbers)-1], nil
}

// Mode is the value that occurs most often; [ErrUndefined] where two do, because the order of the votes is no reason.
func Mode(values []float64) (float64, error) {
	numbers, err := known(values)
	if err != nil {
		return 0, err
	}
	value, count, tied := commonest(numbers)
	if tied {
		return 0, undefined("several values occur %d times", count)
	}
	return value, nil
}

// Majority is the value that more than half of the values are; [ErrUndefined] where there is none, so an even split of
// a vote is undecided.
func Majority(values []float64) (float64, error) {
	numbers, err := known(values)
	if err != nil {
		return 0, err
	}
	value, count, _ := commonest(numbers)
	if 2*count <= len(numbers) {
		return 0, undefined("no value has more than half of %d votes", len(numbers))
	}
	return value, nil
}

// commonest returns the value that occurs most often in a sorted list, how often, and whether another does as often.
func commonest(sorted []float64) (value float64, count int, tied bool) {
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		switch n := j - i; {
		case n > count:
			value, count, tied = sorted[i], n, false
		case n == count:
			tied = true
		}
		i = j
	}
	return value, count, tied
}

// Every is 1 if all values are 1, else 0.
func Every(values []float64) (float64, error) {
	numbers, err := known(values)
	if err != nil {
		return 0, err
	}
	return number01(numbers[0] == 1 && numbers[len(numbers)-1] == 1), nil
}

// AtLeast is 1 if at least k values are threshold or more, else 0. k must be positive and threshold a number.
func AtLeast(k int, threshold float64) Reducer {
	return counted(k, threshold, func(_, passed int) (float64, error) { return number01(passed >= k), nil })
}

// PassAt is the probability that at least one of k values drawn from the given n without replacement is threshold or
// more: pass@k, estimated without bias by 1 − C(n−c, k)/C(n, k) where c values are (Chen et al. 2021, arXiv:2107.03374,
// eq. 1). [ErrUndefined] for fewer than k values.
func PassAt(k int, threshold float64) Reducer {
	return counted(k, threshold, func(n, passed int) (float64, error) {
		if n < k {
			return 0, undefined("%d of %d values cannot be drawn", k, n)
		}
		return 1 - drawn(n, n-passed, k), nil
	})
}

// PassAll is the probability that all of k values drawn from the given n without replacement are threshold or more: pass^k,
// C(c, k)/C(n, k) where c values are (Yao et al. 2024, arXiv:2406.12045, §4). [ErrUndefined] for fewer than k values.
func PassAll(k int, threshold float64) Reducer {
	return counted(k, threshold, func(n, passed int) (float64, error) {
		if n < k {
			return 0, undefined("%d of %d values cannot be drawn", k, n)
		}
		return drawn(n, passed, k), nil
	})
}

func counted(k int, threshold float64, result func(n, passed int) (float64, error)) Reducer {
	return func(values []float64) (float64, error) {
		if k < 1 || math.IsNaN(threshold) {
			return 0, scoring.Invalid("reducer", "k must be positive and the threshold a number, not %d and %v", k, threshold)
		}
		numbers, err := known(values)
		if err != nil {
			return 0, err
		}
		below, _ := slices.BinarySearch(numbers, threshold)
		return result(len(numbers), len(numbers)-below)
	}
}

// drawn returns C(c, k)/C(n, k), the probability that k of n are all among c of them.
func drawn(n, c, k int) float64 {
	p := 1.0
	for i := range k {
		if c <= i {
			return 0
		}
		p *= float64(c-i) / float64(n-i)
	}
	return p
}
