package judges

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/verdict-dev/verdict/scoring"
)

// Ranking is a list of documents as a search returned them, best first. A document that is repeated counts where it is
// first; its other places count as irrelevant.
type Ranking []string

// hits tells, for the first k places (all where k is 0), which have a relevant document that no earlier place has.
func (r Ranking) hits(relevant []string, k int) []bool {
	found, seen := make([]bool, r.depth(k)), map[string]bool{}
	for i := range found {
		found[i] = !seen[r[i]] && slices.Contains(relevant, r[i])
		seen[r[i]] = true
	}
	return found
}

func (r Ranking) depth(k int) int {
	if k == 0 {
		return len(r)
	}
	return min(k, len(r))
}

// Precision is the share of the first k places that have a relevant document, from 0 to 1 (Manning, Raghavan and
// Schütze 2008, §8.4). Places that a shorter ranking does not have count as irrelevant; k = 0 stands for the places
// that it has. [ErrUndefined] for an empty ranking with k = 0; a negative k is refused.
func (r Ranking) Precision(relevant []string, k int) (float64, error) {
	if err := checkDepth(k); err != nil {
		return 0, err
	}
	places := k
	if k == 0 {
		places = len(r)
	}
	if places == 0 {
		return 0, undefined("nothing was retrieved")
	}
	return float64(count(r.hits(relevant, k))) / float64(places), nil
}

// Recall is the share of the relevant documents that are in the first k places, or in any where k is 0, from 0 to 1.
// [ErrUndefined] where no document is relevant; a negative k is refused.
func (r Ranking) Recall(relevant []string, k int) (float64, error) {
	if err := checkDepth(k); err != nil {
		return 0, err
	}
	different := map[string]bool{}
	for _, d := range relevant {
		different[d] = true
	}
	if len(different) == 0 {
		return 0, undefined("no document is relevant")
	}
	return float64(count(r.hits(relevant, k))) / float64(len(different)), nil
}

// ReciprocalRank is one over the place of the first relevant document, and 0 where there is none (Voorhees 1999,
// TREC-8). Its mean over queries is MRR: see [Mean]. [ErrUndefined] where no document is relevant.
func (r Ranking) ReciprocalRank(relevant []string) (float64, error) {
	if len(relevant) == 0 {
		return 0, undefined("no document is relevant")
	}
	if i := slices.Index(r.hits(relevant, 0), true); i >= 0 {
		return 1 / float64(i+1), nil
	}
	return 0, nil
}

// NDCG is the normalized discounted cumulative gain of the first k places, or of all where k is 0, from 0 to 1: Σ
// gain/log2(place + 1), over the same sum of the best ranking (Järvelin and Kekäläinen 2002, doi
// 10.1145/582415.582418). gains has the documents that are of use; pass 2^grade − 1 for the exponential variant (Burges
// et al. 2005). [ErrUndefined] where no document has a gain; negative and infinite gains and a negative k are refused.
func (r Ranking) NDCG(gains map[string]float64, k int) (float64, error) {
	if err := checkDepth(k); err != nil {
		return 0, err
	}
	var ideal []float64
	largest := 0.0
	//workflowcheck:ignore sorted
	for _, document := range slices.Sorted(maps.Keys(gains)) {
		gain := gains[document]
		if !finite(gain) || gain < 0 {
			return 0, scoring.Invalid("gain", "%v of %.40q is not a finite number of 0 or more", gain, document)
		}
		ideal = append(ideal, gain)
		largest = max(largest, gain)
	}
	if largest == 0 {
		return 0, undefined("no document has a gain")
	}
	slices.SortFunc(ideal, func(a, b float64) int { return cmp.Compare(b, a) })
	if k > 0 {
		ideal = ideal[:min(k, len(ideal))]
	}
	got, seen := make([]float64, r.depth(k)), map[string]bool{}
	for i := range got {
		if !seen[r[i]] {
			got[i] = gains[r[i]]
		}
		seen[r[i]] = true
	}
	return min(discounted(got, largest)/discounted(ideal, largest), 1), nil
}

// discounted is a DCG in units of the largest gain, so that no sum overflows.
func discounted(gains []float64, unit float64) float64 {
	sum := 0.0
	for i, g := range gains {
		sum += g / unit / math.Log2(float64(i+2))
	}
	return sum
}

func checkDepth(k int) error {
	if k < 0 {
		return scoring.Invalid("k", "must not be negative, is %d", k)
	}
	return nil
}

func count(found []bool) int {
	n := 0
	for _, f := range found {
		if f {
			n++
		}
	}
	return n
}

// AveragePrecision is the mean of the precisions at the places with a relevant document, from 0 to 1: Σ P@k·v_k / Σ
// v_k, where v_k says whether the document at place k is relevant. It only looks at the retrieved documents, which RAG
// evaluations call context precision (ragas, DeepEval); it is 0 where none is relevant, and [ErrUndefined] where
// nothing was retrieved.
func AveragePrecision(relevant []bool) (float64, error) {
	if len(relevant) == 0 {
		return 0, undefined("nothing was retrieved")
	}
	sum, hits := 0.0, 0
	for i, v := range relevant {
		if v {
			hits++
			sum += float64(hits) / float64(i+1)
		}
	}
	if hits == 0 {
		return 0, nil
	}
	return sum / float64(hits), nil
}

// ContextRelevancy is the share of a context, by code points, that a judge found relevant: the length of its relevant
// sentences over the context's, at most 1. [ErrUndefined] for an empty context.
func ContextRelevancy(context string, sentences []string) (float64, error) {
	whole := utf8.RuneCountInString(context)
	if whole == 0 {
		return 0, undefined("the context is empty")
	}
	part := 0
	for _, s := range sentences {
		part += utf8.RuneCountInString(s)
	}
	return min(float64(part)/float64(whole), 1), nil
}

// FBeta is the weighted harmonic mean of precision and recall from counts of true positives, false positives and false
// negatives, from 0 to 1: (1 + β²)·tp / ((1 + β²)·tp + β²·fn + fp) (van Rijsbergen 1979, ch. 7). β over 1 favors
// recall; F1 has β = 1, and over the claims of an answer it is the factuality part of answer correctness.
// [ErrUndefined] where all counts are 0; negative counts and a β that is not positive and finite are refused.
func FBeta(beta, tp, fp, fn float64) (float64, error) {
	for _, v := range []float64{tp, fp, fn} {
		if !finite(v) || v < 0 {
			return 0, scoring.Invalid("count", "%v is not a finite number of 0 or more", v)
		}
	}
	if !finite(beta*beta) || beta*beta == 0 || beta < 0 {
		return 0, scoring.Invalid("beta", "%v is not a positive number", beta)
	}
	largest := max(tp, fp, fn)
	if largest == 0 {
		return 0, undefined("there are no claims on either side")
	}
	tp, fp, fn = tp/largest, fp/largest, fn/largest
	// β²·fn grows without bound where (1 + β²)·tp does: divided by 1 + β², neither does.
	recall := beta * beta / (1 + beta*beta)
	return tp / (tp + recall*fn + (1-recall)*fp), nil
}
