package stdlibqa

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// Substring is the naive retriever: the best document contains most of the question's words, any words at any place,
// even inside others.
type Substring struct {
	documents  []Document
	vocabulary string  // every word of the documents, one after the other, each after a space
	starts     []int   // where in vocabulary each word starts
	in         [][]int // the documents that have it, as indexes
}

var _ Retriever = (*Substring)(nil)

// NewSubstring indexes the documents of a corpus.
func NewSubstring(c *Corpus) *Substring {
	// A word has no separator in it, so a document contains it exactly when one of the document's words does: it is
	// enough to search each different word once instead of every document.
	in := map[string][]int{}
	for i, d := range c.Documents {
		for _, w := range words(d.Text()) {
			if at := in[w]; len(at) == 0 || at[len(at)-1] != i {
				in[w] = append(at, i)
			}
		}
	}
	s := &Substring{documents: c.Documents}
	var all strings.Builder
	for _, w := range slices.Sorted(maps.Keys(in)) {
		all.WriteByte(' ')
		s.starts = append(s.starts, all.Len())
		s.in = append(s.in, in[w])
		all.WriteString(w)
	}
	s.vocabulary = all.String()
	return s
}

// Retrieve ranks by the number of different words of the question that a document contains. That number is the score.
func (s *Substring) Retrieve(ctx context.Context, question string, k int) ([]Hit, error) {
	if err := checkK(k); err != nil {
		return nil, err
	}
	asked := words(question)
	slices.Sort(asked)
	count := make([]int, len(s.documents))
	counted := make([]int, len(s.documents)) // the last word counted for a document, from 1
	for n, w := range slices.Compact(asked) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, word := range s.containing(w) {
			for _, i := range s.in[word] {
				if counted[i] != n+1 {
					counted[i] = n + 1
					count[i]++
				}
			}
		}
	}
	var found []int
	for i, n := range count {
		if n > 0 {
			found = append(found, i)
		}
	}
	// The documents are in the order of their symbols, and so are their indexes.
	slices.SortFunc(found, func(a, b int) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	hits := make([]Hit, min(k, len(found)))
	for i := range hits {
		hits[i] = Hit{Symbol: s.documents[found[i]].Symbol, Score: float64(count[found[i]])}
	}
	return hits, nil
}

// containing returns the indexes of the words that contain w.
func (s *Substring) containing(w string) []int {
	var indexes []int
	for from := 0; ; {
		i := strings.Index(s.vocabulary[from:], w)
		if i < 0 {
			return indexes
		}
		word, exact := slices.BinarySearch(s.starts, from+i)
		if !exact {
			word--
		}
		indexes = append(indexes, word)
		if word+1 == len(s.starts) {
			return indexes
		}
		from = s.starts[word+1]
	}
}
