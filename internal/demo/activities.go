package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/demo/stdlibqa"
	"github.com/verdict-dev/verdict/internal/demo/user"
	"github.com/verdict-dev/verdict/judges"
)

// shownHits is how many symbols an answer has.
const shownHits = 10

// Activities are the workflow's activities.
type Activities struct {
	Corpus     *stdlibqa.Corpus
	Retrievers map[string]stdlibqa.Retriever
	// Users is the address at which answers are shown.
	Users string
}

// Found has the hits of a retriever, with the check of the first one.
type Found struct {
	Hits  []string `json:"hits"`
	Right bool     `json:"right"`
	// For a judge that reads.
	Question string `json:"question"`
	Top      string `json:"top"`
	Expected string `json:"expected"`
}

// Retrieve looks for the answer and scores this step: the reciprocal rank of the right symbol.
func (a *Activities) Retrieve(ctx context.Context, ask Ask, retriever string) (Found, error) {
	q, ok := a.Corpus.Question(ask.Question)
	if !ok {
		return Found{}, temporal.NewNonRetryableApplicationError("no such question: "+ask.Question, "NoQuestion", nil)
	}
	hits, err := a.Retrievers[retriever].Retrieve(ctx, q.Text, shownHits)
	if err != nil {
		return Found{}, err
	}
	verdict.Score(ctx, "reciprocal_rank", stdlibqa.ReciprocalRank(hits, q.Answer))
	f := Found{Question: q.Text, Expected: q.Answer}
	for _, h := range hits {
		f.Hits = append(f.Hits, h.Symbol)
	}
	if len(f.Hits) > 0 {
		f.Top = f.Hits[0]
	}
	f.Right = judges.Exact(f.Top, q.Answer)
	return f, nil
}

// Show shows an answer to the user.
func (a *Activities) Show(ctx context.Context, ask Ask, hits []string) error {
	body, err := json.Marshal(user.Shown{MessageID: ask.MessageID, Question: ask.Question, Hits: hits})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.Users+"/answers", bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("showing the answer: %s", res.Status)
	}
	return nil
}
