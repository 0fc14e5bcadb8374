package judges

import "strings"

// ngrams returns how often each run of n tokens occurs.
func ngrams(tokens []string, n int) map[string]int {
	counts := map[string]int{}
	for i := range len(tokens) - n + 1 {
		counts[gram(tokens[i:i+n])]++
	}
	return counts
}

// gram joins tokens so that no two runs give the same text: no token of [strings.Fields] has a space.
func gram(tokens []string) string { return strings.Join(tokens, " ") }
