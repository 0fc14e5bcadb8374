package stdlibqa

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Hit is a symbol that a retriever found.
type Hit struct {
	Symbol string `json:"symbol"`
	// Score orders the hits of one retriever: higher is better. Scores of different retrievers do not compare.
	Score float64 `json:"score"`
}

// Retriever looks for the symbol that a question asks for.
type Retriever interface {
	// Retrieve returns at most k hits, the best first and of equal ones the smaller symbol first: the same for the same
	// question whenever it is asked. There are none when the question has no word that any document has. It refuses a
	// k below 1 and respects ctx. Safe for concurrent use.
	Retrieve(ctx context.Context, question string, k int) ([]Hit, error)
}

func checkK(k int) error {
	if k < 1 {
		return scoring.Invalid("k", "%d, at least 1 is needed", k)
	}
	return nil
}

// ReciprocalRank is 1 over the place of answer in hits, counted from 1, and 0 when it is not among them. The mean over
// questions is the MRR of the TREC-8 question answering track (Voorhees 1999).
func ReciprocalRank(hits []Hit, answer string) float64 {
	for i, h := range hits {
		if h.Symbol == answer {
			return 1 / float64(i+1)
		}
	}
	return 0
}
