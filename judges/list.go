package judges

import "math"

// ListContains returns how well two lists agree without regard to order, from 0 to 1: the elements are paired one to
// one so that the sum of their [Levenshtein] likenesses is largest, and the sum is divided by the length of the longer
// list. So a missing and a superfluous element both cost. Two empty lists agree, 1.
func ListContains(output, expected []string) float64 {
	return listScore(output, expected, max(len(output), len(expected)))
}

// ListCovers is [ListContains] with superfluous elements of output for free: the sum is divided by the length of
// expected. An empty expected list is covered, 1.
func ListCovers(output, expected []string) float64 {
	return listScore(output, expected, len(expected))
}

func listScore(output, expected []string, n int) float64 {
	if n == 0 {
		return 1
	}
	rows, columns := output, expected
	if len(rows) > len(columns) {
		rows, columns = columns, rows
	}
	cost := make([][]float64, len(rows))
	for i, r := range rows {
		cost[i] = make([]float64, len(columns))
		for j, c := range columns {
			cost[i][j] = -Levenshtein(r, c)
		}
	}
	sum := 0.0
	for i, j := range assign(cost) {
		sum -= cost[i][j]
	}
	return sum / float64(n)
}

// assign returns the column of each row in the one-to-one assignment with the least total cost; there are at least as
// many columns as rows. It is the Hungarian method (Kuhn 1955) with shortest augmenting paths (Jonker and Volgenant
// 1987), in O(rows² · columns). Column 0 stands for "not assigned", so rows and columns are counted from 1 inside.
func assign(cost [][]float64) []int {
	rows := len(cost)
	if rows == 0 {
		return nil
	}
	columns := len(cost[0])
	u, v := make([]float64, rows+1), make([]float64, columns+1)
	owner := make([]int, columns+1)    // the row that has a column, 0 for none
	previous := make([]int, columns+1) // the column before a column on the path
	for row := 1; row <= rows; row++ {
		owner[0] = row
		last := 0
		slack := make([]float64, columns+1)
		for j := range slack {
			slack[j] = math.Inf(1)
		}
		used := make([]bool, columns+1)
		for owner[last] != 0 {
			used[last] = true
			i, delta, next := owner[last], math.Inf(1), 0
			for j := 1; j <= columns; j++ {
				if used[j] {
					continue
				}
				if reduced := cost[i-1][j-1] - u[i] - v[j]; reduced < slack[j] {
					slack[j], previous[j] = reduced, last
				}
				if slack[j] < delta {
					delta, next = slack[j], j
				}
			}
			for j := range used {
				if used[j] {
					u[owner[j]] += delta
					v[j] -= delta
				} else {
					slack[j] -= delta
				}
			}
			last = next
		}
		for last != 0 {
			owner[last] = owner[previous[last]]
			last = previous[last]
		}
	}
	column := make([]int, rows)
	for j := 1; j <= columns; j++ {
		if owner[j] != 0 {
			column[owner[j]-1] = j - 1
		}
	}
	return column
}
