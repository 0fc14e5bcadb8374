package judges

import (
	"slices"
	"strings"
	"unicode"
)

// Overlap is how much two things have in common, each from 0 to 1: Precision over the output's part, Recall over the
// expected one's, F1 their harmonic mean.
type Overlap struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// overlapOf divides the common part. Nothing over nothing is 0: where nothing was found, nothing was found right.
func overlapOf(common, output, expected int) Overlap {
	o := Overlap{Precision: share(common, output), Recall: share(common, expected)}
	if common > 0 {
		o.F1 = bagF1(common, output, expected)
	}
	return o
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// RougeN returns how many runs of n words output and expected have in common, with repetitions (Lin 2004, ACL W04-1013,
// §2). Words are runs of letters and digits of any script, in lower case, without stemming. Texts with the same words
// have 1, also where they are too short to have such a run; otherwise a text without one has 0. n below 1 counts as 1.
func RougeN(n int, output, expected string) Overlap {
	a, b := rougeWords(output), rougeWords(expected)
	if slices.Equal(a, b) {
		return Overlap{1, 1, 1}
	}
	x, y := ngrams(a, max(n, 1)), ngrams(b, max(n, 1))
	return overlapOf(overlap(x, y), size(x), size(y))
}

// RougeL returns the length of the longest common subsequence of words over the lengths of the texts (Lin 2004, §3.1,
// with β = 1). Words are as in [RougeN]; texts with the same words have 1. The time is proportional to the product of
// the lengths.
func RougeL(output, expected string) Overlap {
	a, b := rougeWords(output), rougeWords(expected)
	if slices.Equal(a, b) {
		return Overlap{1, 1, 1}
	}
	return overlapOf(len(commonSubsequence(a, b)), len(a), len(b))
}

// RougeLsum is [RougeL] for texts of several sentences, one a line: a word of an expected sentence counts if it is in
// the longest common subsequence with any sentence of output, and at most as often as output has it (Lin 2004, §3.2,
// the union of longest common subsequences).
func RougeLsum(output, expected string) Overlap {
	a, b := rougeSentences(output), rougeSentences(expected)
	if slices.EqualFunc(a, b, slices.Equal) {
		return Overlap{1, 1, 1}
	}
	left, right := bagOf(a), bagOf(b)
	outputWords, expectedWords := size(left), size(right)
	hits := 0
	for _, sentence := range b {
		union := make([]bool, len(sentence))
		for _, candidate := range a {
			for _, i := range commonSubsequence(sentence, candidate) {
				union[i] = true
			}
		}
		for i, in := range union {
			if w := sentence[i]; in && left[w] > 0 && right[w] > 0 {
				left[w]--
				right[w]--
				hits++
			}
		}
	}
	return overlapOf(hits, outputWords, expectedWords)
}

func bagOf(sentences [][]string) map[string]int {
	bag := map[string]int{}
	for _, s := range sentences {
		for _, w := range s {
			bag[w]++
		}
	}
	return bag
}

func rougeSentences(text string) (sentences [][]string) {
	for line := range strings.SplitSeq(text, "\n") {
		if words := rougeWords(line); len(words) > 0 {
			sentences = append(sentences, words)
		}
	}
	return sentences
}

func rougeWords(text string) []string {
	return strings.FieldsFunc(fold(text), func(r rune) bool {
		// Marks belong to the letter before them.
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
}
