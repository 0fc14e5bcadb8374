package judges

import "slices"

// commonSubsequence returns the positions in a of one longest common subsequence of a and b, in order, in time and memory
// proportional to the product of the lengths.
func commonSubsequence(a, b []string) []int {
	// length[i][j] is for a[i:] and b[j:].
	length := make([][]int32, len(a)+1)
	length[len(a)] = make([]int32, len(b)+1)
	for i := range slices.Backward(a) {
		length[i] = make([]int32, len(b)+1)
		for j := range slices.Backward(b) {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var positions []int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			positions = append(positions, i)
			i++
			j++
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return positions
}
