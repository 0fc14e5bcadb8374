package agreement

import (
	"cmp"
	"math"
	"slices"

	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/scoring"
)

// Pair is what a judge said about a unit, and what became of it. Labels are texts, or numbers such as 1 and 0.
type Pair[T cmp.Ordered] struct {
	Judge   T
	Outcome T
	// Probability is the probability that the pair is drawn, in (0, 1]; the pair counts 1/Probability times. 0 stands
	// for 1.
	Probability float64
	// Times is how often the pair was seen. 0 stands for 1.
	Times int
}

// Table counts pairs by label: a confusion table of a judge against outcomes, or of two judges. The zero Table is empty.
type Table[T cmp.Ordered] struct {
	labels []T
	cells  [][]cell // by the judge's label, then by the outcome
	pairs  int
}

// cell has the sums of the weights of its pairs, and of their squares.
type cell struct{ w, w2 float64 }

// maxLabels bounds a table, which has a cell for each two. Scores that are not grades belong into bins first, or into
// [Alpha].
const maxLabels = 1000

// Tabulate counts pairs. Labels that could have been said belong to the table also if nobody said them; [AC1] depends
// on their number. It refuses labels that are NaN, more than 1,000 labels, and probabilities outside [0, 1].
func Tabulate[T cmp.Ordered](pairs []Pair[T], labels ...T) (Table[T], error) {
	all := slices.Clone(labels)
	for _, p := range pairs {
		all = append(all, p.Judge, p.Outcome)
		if !(p.Probability >= 0 && p.Probability <= 1) {
			return Table[T]{}, scoring.Invalid("probability", "%v is not from 0 to 1", p.Probability)
		}
	}
	for _, l := range all {
		if l != l {
			return Table[T]{}, scoring.Invalid("label", "NaN is no label")
		}
	}
	slices.Sort(all)
	t := Table[T]{labels: slices.Compact(all)}
	if len(t.labels) > maxLabels {
		return Table[T]{}, scoring.Invalid("label", "there are %d, and at most %d fit a table", len(t.labels), maxLabels)
	}
	t.cells = make([][]cell, len(t.labels))
	for i := range t.cells {
		t.cells[i] = make([]cell, len(t.labels))
	}
	for _, p := range pairs {
		w := 1.0
		if p.Probability > 0 {
			w = 1 / p.Probability
		}
		if math.IsInf(w*w, 0) {
			return Table[T]{}, scoring.Invalid("probability", "%v is too small", p.Probability)
		}
		if p.Times < 0 {
			return Table[T]{}, scoring.Invalid("times", "%d is negative", p.Times)
		}
		times := max(1, p.Times)
		t.pairs += times
		c := &t.cells[t.index(p.Judge)][t.index(p.Outcome)]
		c.w += w * float64(times)
		c.w2 += w * w * float64(times)
	}
	return t, nil
}

func (t Table[T]) index(label T) int {
	i, ok := slices.BinarySearch(t.labels, label)
	if !ok {
		return -1
	}
	return i
}

// Labels returns the labels, sorted.
func (t Table[T]) Labels() []T { return slices.Clone(t.labels) }

// Pairs returns the number of pairs.
func (t Table[T]) Pairs() int { return t.pairs }

// Count returns the number of pairs with these labels, each as often as it counts.
func (t Table[T]) Count(judge, outcome T) float64 {
	i, j := t.index(judge), t.index(outcome)
	if i < 0 || j < 0 {
		return 0
	}
	return t.cells[i][j].w
}

// sums returns the weights of the cells that are in, with their squares.
func (t Table[T]) sums(in func(i, j int) bool) (w, w2 float64) {
	for i, row := range t.cells {
		for j, c := range row {
			if in(i, j) {
				w += c.w
				w2 += c.w2
			}
		}
	}
	return w, w2
}

// share returns the share of some cells among others, with an interval.
func (t Table[T]) share(in, among func(i, j int) bool, level float64) (Estimate, error) {
	part, _ := t.sums(func(i, j int) bool { return in(i, j) && among(i, j) })
	whole, squares := t.sums(among)
	if whole == 0 {
		if _, err := quantile(level); err != nil {
			return Estimate{}, err
		}
		return Estimate{}, undefined("there are no such pairs")
	}
	n := whole * whole / squares
	return Share(min(part/whole, 1)*n, n, level)
}

func all(int, int) bool { return true }

// Observed returns the share of the pairs whose labels are the same, also called agreement or accuracy, from 0 to 1.
// Level is the interval's, such as 0.95. [judges.ErrUndefined] without pairs.
func Observed[T cmp.Ordered](t Table[T], level float64) (Estimate, error) {
	return t.share(func(i, j int) bool { return i == j }, all, level)
}

// Prevalence returns the share of the outcomes that have a label.
func Prevalence[T cmp.Ordered](t Table[T], label T, level float64) (Estimate, error) {
	l := t.index(label)
	return t.share(func(_, j int) bool { return j == l }, all, level)
}

// Said returns the share of the pairs about which the judge says a label.
func Said[T cmp.Ordered](t Table[T], label T, level float64) (Estimate, error) {
	l := t.index(label)
	return t.share(func(i, _ int) bool { return i == l }, all, level)
}

// Sensitivity returns how often the judge says a label where it is the outcome.
func Sensitivity[T cmp.Ordered](t Table[T], label T, level float64) (Estimate, error) {
	l := t.index(label)
	return t.share(func(i, _ int) bool { return i == l }, func(_, j int) bool { return j == l }, level)
}

// Specificity returns how often the judge says another label where another one is the outcome.
func Specificity[T cmp.Ordered](t Table[T], label T, level float64) (Estimate, error) {
	l := t.index(label)
	return t.share(func(i, _ int) bool { return i != l }, func(_, j int) bool { return j != l }, level)
}

// Precision returns how often a label is the outcome where the judge says so.
func Precision[T cmp.Ordered](t Table[T], label T, level float64) (Estimate, error) {
	l := t.index(label)
	return t.share(func(_, j int) bool { return j == l }, func(i, _ int) bool { return i == l }, level)
}

// proportions returns the cells as shares, with the judge's and the outcomes' totals, and how many equal pairs would
// say as much.
func (t Table[T]) proportions() (p [][]float64, judge, outcome []float64, n float64, err error) {
	whole, squares := t.sums(all)
	if whole == 0 {
		return nil, nil, nil, 0, undefined("there are no pairs")
	}
	judge, outcome = make([]float64, len(t.labels)), make([]float64, len(t.labels))
	for i, row := range t.cells {
		p = append(p, make([]float64, len(row)))
		for j, c := range row {
			p[i][j] = c.w / whole
			judge[i] += p[i][j]
			outcome[j] += p[i][j]
		}
	}
	return p, judge, outcome, whole * whole / squares, nil
}

// variance returns the variance of a statistic whose value changes by influence(i, j), to first order, with a pair of
// the labels i and j (the delta method).
func (t Table[T]) variance(influence func(i, j int) float64) float64 {
	whole, _ := t.sums(all)
	v := 0.0
	for i, row := range t.cells {
		for j, c := range row {
			if c.w2 > 0 {
				x := influence(i, j)
				v += c.w2 / (whole * whole) * x * x
			}
		}
	}
	if !estimate.Finite(v) {
		return math.Inf(1)
	}
	return v
}
