package judges

import (
	"math"
	"strings"
)

// BLEU returns how much of output's wording occurs in a reference, from 0 to 1: the geometric mean of the modified
// precisions of 1- to 4-grams, times a penalty for brevity (Papineni et al. 2002, ACL P02-1040, §2.3). There is no
// smoothing: if no 4-gram of output occurs in a reference it is 0, and so a text of fewer than four words has 0 even
// against itself; [GLEU] is the measure for short texts.
//
// Words are separated by spaces, and case and punctuation count: prepare the texts if they should not. An n-gram counts
// at most as often as in the reference that has it most often. Without references it is 0. [BLEU4] compares with one.
func BLEU(output string, references []string) float64 {
	return CorpusBLEU([]string{output}, [][]string{references})
}

// BLEU4 is [BLEU] with a single reference.
func BLEU4(output, expected string) float64 { return BLEU(output, []string{expected}) }

const maxGram = 4

// CorpusBLEU is [BLEU] over several outputs, each with its references: the counts are added up before they are divided, so
// that it is not the mean of the outputs' own (Papineni et al. 2002, §2.2.2). Outputs without references, and the other way
// around, are left out.
func CorpusBLEU(outputs []string, references [][]string) float64 {
	var matched, total [maxGram]int
	length, reference := 0, 0
	for i := range min(len(outputs), len(references)) {
		if len(references[i]) == 0 {
			continue
		}
		words := strings.Fields(outputs[i])
		var lengths []int
		for _, r := range references[i] {
			lengths = append(lengths, len(strings.Fields(r)))
		}
		length += len(words)
		reference += closest(len(words), lengths)
		for n := range maxGram {
			m, t := ModifiedPrecision(outputs[i], references[i], n+1)
			matched[n] += m
			total[n] += t
		}
	}
	logs := 0.0
	for n := range maxGram {
		if matched[n] == 0 {
			return 0
		}
		logs += math.Log(float64(matched[n])/float64(total[n])) / maxGram
	}
	return brevity(length, reference) * math.Exp(logs)
}

// ModifiedPrecision returns how many n-grams of output occur in a reference, each at most as often as in the reference
// that has it most often, and how many n-grams output has; their quotient is the modified precision (Papineni et al.
// 2002, §2.1). Both are 0 where output has fewer than n words, or n is not positive.
func ModifiedPrecision(output string, references []string, n int) (matched, total int) {
	if n < 1 {
		return 0, 0
	}
	most := map[string]int{}
	for _, r := range references {
		//workflowcheck:ignore the largest of each
		for g, count := range ngrams(strings.Fields(r), n) {
			most[g] = max(most[g], count)
		}
	}
	counts := ngrams(strings.Fields(output), n)
	return overlap(counts, most), size(counts)
}

// BrevityPenalty returns the factor, from 0 to 1, by which BLEU punishes an output of length words that is shorter than
// the reference whose length is closest to it (the shorter one of two as close): exp(1 − closest/length), 1 where it is not
// shorter, 0 where it is empty and no reference is (Papineni et al. 2002, §2.2.2). Without references it is 1.
func BrevityPenalty(length int, references []int) float64 {
	return brevity(length, closest(length, references))
}

func brevity(length, reference int) float64 {
	switch {
	case length >= reference:
		return 1
	case length <= 0:
		return 0
	}
	return math.Exp(1 - float64(reference)/float64(length))
}

func closest(length int, references []int) int {
	best := 0
	for i, r := range references {
		d, was := abs(r-length), abs(best-length)
		if i == 0 || d < was || d == was && r < best {
			best = r
		}
	}
	return best
}

func abs(n int) int { return max(n, -n) }
