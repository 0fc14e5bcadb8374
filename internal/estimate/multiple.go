package estimate

import (
	"cmp"
	"math"
	"slices"
)

// BenjaminiHochberg returns the p-values adjusted for the false discovery rate, in the order given. It needs p-values
// that are independent or positively dependent.
func BenjaminiHochberg(p []float64) []float64 {
	order := sorted(p, func(a, b float64) int { return cmp.Compare(b, a) })
	adjusted := make([]float64, len(p))
	least := 1.0
	for i, k := range order {
		rank := float64(len(p) - i)
		least = min(least, p[k]*float64(len(p))/rank)
		adjusted[k] = least
	}
	return adjusted
}

// EBH tells which hypotheses the e-Benjamini-Hochberg procedure rejects at level alpha, given the natural logarithms
// of their e-values: the largest k of them that all reach M/(k alpha). It controls the false discovery rate under every
// dependence (Wang and Ramdas 2022).
func EBH(logE []float64, alpha float64) []bool {
	order := sorted(logE, func(a, b float64) int { return cmp.Compare(b, a) })
	rejected := make([]bool, len(logE))
	for k := len(order); k > 0; k-- {
		if logE[order[k-1]] >= math.Log(float64(len(logE))/(float64(k)*alpha)) {
			for _, i := range order[:k] {
				rejected[i] = true
			}
			break
		}
	}
	return rejected
}

// sorted returns the indices of values in an order, ties by index.
func sorted(values []float64, order func(a, b float64) int) []int {
	index := make([]int, len(values))
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(i, j int) int { return order(values[i], values[j]) })
	return index
}
