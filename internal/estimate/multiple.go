package estimate

import (
	"cmp"
	"math"
	"slices"
)

// eBH tells which hypotheses the e-Benjamini-Hochberg procedure rejects at level alpha, given the natural logarithms
// of their e-values: the largest k of them that all reach M/(k alpha). It controls the false discovery rate under every
// dependence (Wang and Ramdas 2022).
func eBH(logE []float64, alpha float64) []bool {
	order := make([]int, len(logE)) // the largest first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(logE[j], logE[i]) })
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
