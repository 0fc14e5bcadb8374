package judges

import "strings"

// GLEU returns how much of their wording two texts share, from 0 to 1: the number of 1- to 4-grams that both have, over
// the number that the text with more of them has (Wu et al. 2016, arXiv:1609.08144, §6.3, "Google-BLEU"). It is the
// smaller one of precision and recall, the same in both directions, and meant for single sentences. Words are separated
// by spaces, and case and punctuation count. Two texts without words are alike, 1.
func GLEU(output, expected string) float64 {
	a, b := strings.Fields(output), strings.Fields(expected)
	matched, most, expectedTotal := 0, 0, 0
	for n := 1; n <= maxGram; n++ {
		x, y := ngrams(a, n), ngrams(b, n)
		matched += overlap(x, y)
		most += size(x)
		expectedTotal += size(y)
	}
	most = max(most, expectedTotal)
	if most == 0 {
		return 1
	}
	return float64(matched) / float64(most)
}
