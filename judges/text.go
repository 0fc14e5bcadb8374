package judges

import (
	"strings"
	"unicode"
)

// Exact tells whether output is expected. Two JSON objects or arrays are compared by meaning (see [SameJSON]), anything
// else byte by byte.
func Exact(output, expected string) bool {
	return output == expected || ValidJSON(output) && ValidJSON(expected) && SameJSON(output, expected)
}

// Includes tells whether expected is a part of output. The empty text is a part of every text.
func Includes(output, expected string) bool { return strings.Contains(output, expected) }

// IncludesFold is [Includes] without regard to case.
func IncludesFold(output, expected string) bool {
	return strings.Contains(fold(output), fold(expected))
}

// Normalized tells whether output and expected have the same words in the same order, without regard to case,
// punctuation, spaces, hyphens and the articles a, an and the; numbers are compared by value, so 3,000 is 3000.0. If
// nothing of the expected text remains, the two are compared byte by byte.
//
// It is the comparison of the SQuAD evaluation (Rajpurkar et al. 2016, arXiv:1606.05250, §6.1) with the numbers of
// DROP (Dua et al. 2019, arXiv:1903.00161, §5).
func Normalized(output, expected string) bool {
	words := normalize(expected)
	if words == "" {
		return output == expected
	}
	return normalize(output) == words
}

func normalize(text string) string {
	var words []string
	keep := func(w string) {
		w = strings.Map(func(r rune) rune {
			if unicode.IsPunct(r) || unicode.IsSymbol(r) {
				return -1
			}
			return r
		}, w)
		switch w {
		case "", "a", "an", "the":
		default:
			words = append(words, w)
		}
	}
	for _, token := range strings.Fields(fold(text)) {
		if n, ok := parseNumber(token); ok {
			words = append(words, n.String())
			continue
		}
		for _, part := range strings.Split(token, "-") {
			keep(part)
		}
	}
	return strings.Join(words, " ")
}

// fold maps letters that differ only in case to the same letter. Upper case comes first because some letters have two
// lower cases, such as the Greek sigma.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }
