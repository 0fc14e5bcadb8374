// Package demo is a program as a user of Verdict would write it: a workflow that answers questions with one of two
// retrievers, an experiment that compares them, and a deferred scorer that waits for the user's opinion of the answer.
// The questions are made of the Go standard library's doc comments.
package demo

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// Names of the demo.
const (
	TaskQueue = "demo"
	Judge     = "answer_judge"

	substring = "substring"
	bm25      = "bm25"
)

// Window is how long a user may take, Maturity how long after its assignment a user is counted, and Grace how long scores may
// then still be on their way. They are short, for a demo; the same code waits for weeks.
const (
	Window   = 15 * time.Second
	Maturity = 20 * time.Second
	Grace    = 5 * time.Second
)

// Retrievers is the experiment: which retriever do users like better?
func Retrievers(name string) (*experiments.Experiment, error) {
	return experiments.New(experiments.Definition{
		Name: name, Version: "1", Control: substring, Unit: "user",
		Variants:   []experiments.Variant{{Name: substring}, {Name: bm25}},
		Primary:    experiments.Metric{Name: "thumbs_up", Type: experiments.Boolean},
		Guardrails: []experiments.Metric{{Name: "right", Type: experiments.Boolean}},
		Maturity:   Maturity,
		Grace:      Grace,
		Planned:    400,
	})
}

// Ask is a question of a user.
type Ask struct {
	User      string `json:"user"`
	MessageID string `json:"message_id"`
	Question  string `json:"question"` // the question's id in the corpus
}

// Answer is the answer that is shown.
type Answer struct {
	Hits []string `json:"hits"` // the symbols found, best first
}

// Rated is the deferred scorer: did the user like the answer? It is data, and the store decides it.
var Rated = verdict.NewOutcomeScorer("thumbs_up", "1", func(a Ask) verdict.Wait {
	return verdict.Wait{
		For: verdict.On("answer.rated", a.MessageID), Window: verdict.Within(Window), End: verdict.ExpiresUnknown,
		Allowance: time.Second, // nothing is on its way for longer here
	}
})

// Judged is a deferred scorer that runs code, as a workflow of its own: it asks a language model to judge the answer.
var Judged = verdict.NewScorer("answer_quality", "1", func(ctx workflow.Context, s judges.Sample) (scoring.Score, error) {
	return verdict.Judge(ctx, Judge, s).Score("answer_quality"), nil
})

// Answering is the workflow. The deployment sets Experiment and Judging.
type Answering struct {
	Experiment *experiments.Experiment
	// Judging defers the language model's opinion too.
	Judging bool
	// Null puts the same retriever on both sides: there is nothing to find then.
	Null bool
}

// Answer finds an answer, shows it, and leaves a scorer behind that waits for the user's opinion.
func (w Answering) Answer(ctx workflow.Context, a Ask) (Answer, error) {
	verdict.Session(ctx, "user", a.User)
	pick := verdict.Experiment(ctx, w.Experiment, a.User)
	variants := map[string]func(workflow.Context, Ask) (Found, error){substring: BySubstring, bm25: ByBM25}
	if w.Null {
		variants[substring] = ByBM25
	}
	retrieve, err := verdict.Of(pick, variants)
	if err != nil {
		return Answer{}, err
	}
	found, err := retrieve(ctx, a)
	if err != nil {
		return Answer{}, err
	}
	verdict.Score(ctx, "right", found.Right) // a deterministic check of the answer
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 20 * time.Second})
	if err := workflow.ExecuteActivity(ctx, (*Activities).Show, a, found.Hits).Get(ctx, nil); err != nil {
		return Answer{}, err
	}
	verdict.Defer(ctx, Rated, a)
	if w.Judging {
		sample := judges.Sample{Input: found.Question, Output: found.Top, Expected: []string{found.Expected}}
		verdict.Defer(ctx, Judged, sample)
	}
	return Answer{Hits: found.Hits}, nil
}

// BySubstring is the variant that looks for single words.
func BySubstring(ctx workflow.Context, a Ask) (Found, error) { return retrieve(ctx, a, substring) }

// ByBM25 is the variant that ranks with SQLite's full-text index.
func ByBM25(ctx workflow.Context, a Ask) (Found, error) { return retrieve(ctx, a, bm25) }

func retrieve(ctx workflow.Context, a Ask, retriever string) (found Found, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 20 * time.Second})
	err = workflow.ExecuteActivity(ctx, (*Activities).Retrieve, a, retriever).Get(ctx, &found)
	return found, err
}
