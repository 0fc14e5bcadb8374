package judges

import (
	"maps"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// Confusion counts how often each expected label was answered with each label. The zero Confusion is empty. Weights may
// stand for counts.
type Confusion struct {
	cells map[[2]string]float64
}

// Classify counts the labels of outputs against the expected ones, item by item. It refuses lists of different lengths.
func Classify(outputs, expected []string) (Confusion, error) {
	var c Confusion
	if len(outputs) != len(expected) {
		return c, scoring.Invalid("labels", "there are %d outputs and %d expected ones", len(outputs), len(expected))
	}
	for i := range outputs {
		if err := c.Add(outputs[i], expected[i], 1); err != nil {
			return Confusion{}, err
		}
	}
	return c, nil
}

// Add counts n more items with these labels. It refuses an n that is negative or not finite; 0 only makes the labels known.
func (c *Confusion) Add(output, expected string, n float64) error {
	if !finite(n) || n < 0 {
		return scoring.Invalid("count", "%v is not a finite number of 0 or more", n)
	}
	if c.cells == nil {
		c.cells = map[[2]string]float64{}
	}
	c.cells[[2]string{expected, output}] += n
	return nil
}

// Count returns how many items with an expected label have this output.
func (c Confusion) Count(output, expected string) float64 {
	return c.cells[[2]string{expected, output}]
}

// Labels returns all labels on either side, sorted.
func (c Confusion) Labels() []string {
	known := map[string]bool{}
	//workflowcheck:ignore it only fills a map
	for cell := range c.cells {
		known[cell[0]], known[cell[1]] = true, true
	}
	return slices.Sorted(maps.Keys(known)) //workflowcheck:ignore sorted
}

// Total returns the number of items.
func (c Confusion) Total() float64 {
	n := 0.0
	for _, cell := range c.sorted() {
		n += c.cells[cell]
	}
	return n
}

// sorted returns the cells in a fixed order, because a sum depends on it.
func (c Confusion) sorted() [][2]string {
	//workflowcheck:ignore sorted
	return slices.SortedFunc(maps.Keys(c.cells), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
}

// Accuracy returns the share of the items whose label is the expected one, from 0 to 1; [ErrUndefined] without items.
func (c Confusion) Accuracy() (float64, error) {
	n := c.Total()
	if n == 0 {
		return 0, undefined("there are no items")
	}
	right := 0.0
	for _, label := range c.Labels() {
		right += c.Count(label, label)
	}
	return right / n, nil
}

// Binary is a confusion with respect to one label: whether it is expected, and whether it is the output.
type Binary struct {
	TP float64 `json:"tp"` // expected, and the output
	FP float64 `json:"fp"` // the output, but not expected
	FN float64 `json:"fn"` // expected, but not the output
	TN float64 `json:"tn"` // neither
}

// Of returns the confusion with respect to a label.
func (c Confusion) Of(label string) Binary {
	var b Binary
	for _, cell := range c.sorted() {
		n := c.cells[cell]
		switch expected, output := cell[0] == label, cell[1] == label; {
		case expected && output:
			b.TP += n
		case output:
			b.FP += n
		case expected:
			b.FN += n
		default:
			b.TN += n
		}
	}
	return b
}

// Accuracy is (TP + TN) over all; [ErrUndefined] without items, as are the shares below of nothing.
func (b Binary) Accuracy() (float64, error) { return part(b.TP+b.TN, b.TP+b.FP+b.FN+b.TN, "items") }

// Precision is TP/(TP + FP): how often the output is right that says so.
func (b Binary) Precision() (float64, error) { return part(b.TP, b.TP+b.FP, "such outputs") }

// Sensitivity is TP/(TP + FN), also called recall: the share of the expected items that are found.
func (b Binary) Sensitivity() (float64, error) { return part(b.TP, b.TP+b.FN, "such items") }

// Specificity is TN/(TN + FP): how much of everything else is left alone.
func (b Binary) Specificity() (float64, error) { return part(b.TN, b.TN+b.FP, "other items") }

// Prevalence is (TP + FN) over all: the share of the items whose expected label it is.
func (b Binary) Prevalence() (float64, error) { return part(b.TP+b.FN, b.TP+b.FP+b.FN+b.TN, "items") }

func part(n, whole float64, what string) (float64, error) {
	if whole == 0 {
		return 0, undefined("there are no %s", what)
	}
	return n / whole, nil
}

// Average says how the scores of several labels become one.
type Average uint8

// The averages.
const (
	Macro    Average = iota // each label counts the same
	Weighted                // a label counts as often as it is expected
	Micro                   // each item counts the same: the counts are added up
)

// Scores returns precision, recall and F-beta, each the average over all labels on either side, from 0 to 1. A
// precision where the label was never the output, and a recall where it was never expected, count as 0, which is the
// convention of scikit-learn and punishes labels that are never found. F-beta is the average of the labels' own (Opitz
// and Burst 2019, arXiv:1911.03347), not of the averaged precision and recall. [ErrUndefined] without items; a β that
// is not positive is refused.
func (c Confusion) Scores(beta float64, average Average) (Overlap, error) {
	total := c.Total()
	if total == 0 {
		return Overlap{}, undefined("there are no items")
	}
	labels := c.Labels()
	if average == Micro {
		var sum Binary
		for _, label := range labels {
			b := c.Of(label)
			sum.TP, sum.FP, sum.FN = sum.TP+b.TP, sum.FP+b.FP, sum.FN+b.FN
		}
		return sum.scores(beta)
	}
	var scores Overlap
	for _, label := range labels {
		b := c.Of(label)
		s, err := b.scores(beta)
		if err != nil {
			return Overlap{}, err
		}
		weight := 1 / float64(len(labels))
		if average == Weighted {
			weight = (b.TP + b.FN) / total
		}
		scores.Precision += weight * s.Precision
		scores.Recall += weight * s.Recall
		scores.F1 += weight * s.F1
	}
	return Overlap{min(scores.Precision, 1), min(scores.Recall, 1), min(scores.F1, 1)}, nil
}

func (b Binary) scores(beta float64) (Overlap, error) {
	precision, _ := b.Precision() // 0 where it is undefined
	recall, _ := b.Sensitivity()
	f, err := FBeta(beta, b.TP, b.FP, b.FN)
	if err != nil && b.TP+b.FP+b.FN > 0 {
		return Overlap{}, err
	}
	return Overlap{precision, recall, f}, nil
}
