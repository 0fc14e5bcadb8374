package judges

import "strings"

// Tokens compares texts as bags of words, as [Normalized] has them: without case, punctuation and articles, numbers by
// value. Words are separated by spaces and hyphens, so that a text in a script without spaces is one word.
// The zero Tokens is the measure of SQuAD.
type Tokens struct {
	// Set counts a word once, also where a text repeats it, as DROP does (Dua et al. 2019, arXiv:1903.00161, §5). By
	// default a word counts as often as it is repeated, as in SQuAD (Rajpurkar et al. 2016, arXiv:1606.05250, §6.1).
	Set bool
	// Stop are words that do not count.
	Stop []string
}

// F1 returns the harmonic mean of precision and recall, from 0 to 1: 2·common/(words of output + words of expected). Two
// texts without any words that count agree, 1; if only one has none, it is 0.
func (t Tokens) F1(output, expected string) float64 {
	a, b := t.bag(output), t.bag(expected)
	return bagF1(overlap(a, b), size(a), size(b))
}

// TokenF1 is F1 of the zero [Tokens].
func TokenF1(output, expected string) float64 { return Tokens{}.F1(output, expected) }

func (t Tokens) bag(text string) map[string]int {
	bag := map[string]int{}
	for _, word := range strings.Fields(normalize(text)) {
		if t.Set {
			bag[word] = 1
		} else {
			bag[word]++
		}
	}
	for _, stop := range t.Stop {
		for _, word := range strings.Fields(normalize(stop)) {
			delete(bag, word)
		}
	}
	return bag
}

// overlap returns how many elements two bags have in common, with repetitions.
func overlap(a, b map[string]int) int {
	n := 0
	//workflowcheck:ignore integers are added up
	for word, count := range a {
		n += min(count, b[word])
	}
	return n
}

func size(bag map[string]int) int {
	n := 0
	//workflowcheck:ignore integers are added up
	for _, count := range bag {
		n += count
	}
	return n
}

// bagF1 is 2·common/(a+b), and 1 where both are empty: there is no difference.
func bagF1(common, a, b int) float64 {
	if a+b == 0 {
		return 1
	}
	return 2 * float64(common) / float64(a+b)
}

// FuzzyMatch tells whether one of the texts contains the other once both are normalized as by [Normalized]. Parts of
// words count: 5 is contained in 15. It is the match of openai/evals (elsuite/basic/fuzzy_match.py). A text of which
// nothing remains only matches another such text.
func FuzzyMatch(output, expected string) bool {
	a, b := normalize(output), normalize(expected)
	if a == "" || b == "" {
		return a == b
	}
	return strings.Contains(a, b) || strings.Contains(b, a)
}
