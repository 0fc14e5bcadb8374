package judges

// Levenshtein returns how alike two texts are, from 0 to 1: 1 − d/max(len(output), len(expected)), where d is the least
// number of insertions, deletions and substitutions (Levenshtein 1966). The unit of d and of the lengths is the Unicode
// code point, not the byte nor the UTF-16 unit; nothing is normalized. Two empty texts are alike, 1. The time is
// proportional to the product of the lengths.
func Levenshtein(output, expected string) float64 {
	a, b := []rune(output), []rune(expected)
	longest := max(len(a), len(b))
	if longest == 0 {
		return 1
	}
	return 1 - float64(distance(a, b))/float64(longest)
}

func distance(a, b []rune) int {
	if len(a) < len(b) {
		a, b = b, a
	}
	// row[j] is the distance of the part of a read so far to b[:j].
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range b {
			substituted := diagonal
			if r != s {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
