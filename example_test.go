package verdict_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/verdicttest"
	"github.com/verdict-dev/verdict/webhooks"
)

// A score in a workflow is about its run. It is one line in code that you have, and nothing that it does fails the run.
func ExampleScore() {
	answer := func(ctx workflow.Context, question string) (string, error) {
		found, relevant := 4, 3 // your code searches here
		verdict.Score(ctx, "precision", float64(relevant)/float64(found))
		verdict.Score(ctx, "answered", true, verdict.Reason("three passages support it"))
		return "in 1969", nil
	}

	env := verdicttest.New(t, verdict.Config{})
	env.ExecuteWorkflow(answer, "When was it?")
	show(env.Scores())
	// Output:
	// precision: 0.75
	// answered: true (three passages support it)
}

// A score in an activity is about that step of the run.
func ExampleScore_activity() {
	retrieve := func(ctx context.Context, question string) ([]string, error) {
		passages := []string{"It was launched in 1969.", "It landed in 1969."}
		verdict.Score(ctx, "passages", len(passages))
		return passages, nil
	}
	answer := func(ctx workflow.Context, question string) (int, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		var passages []string
		err := workflow.ExecuteActivity(ctx, retrieve, question).Get(ctx, &passages)
		return len(passages), err
	}

	env := verdicttest.New(t, verdict.Config{})
	env.RegisterActivity(retrieve)
	env.ExecuteWorkflow(answer, "When was it?")
	show(env.Scores())
	fmt.Println("on a step:", env.Scores()[0].Step.ID != "")
	// Output:
	// passages: 2
	// on a step: true
}

// A deferred scorer outlives the run. It waits for what really happened, for two weeks here, and no outcome by then has a
// meaning too.
func ExampleDefer() {
	accepted := verdict.NewScorer("accepted", "1", func(ctx workflow.Context, pullRequest string) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On("pull_request.merged", pullRequest).Means(true),
			verdict.Within(14*24*time.Hour), verdict.ExpiresFalse)
		return got.Score(), err
	})
	propose := func(ctx workflow.Context, pullRequest string) error {
		verdict.Defer(ctx, accepted, pullRequest)
		return nil // the run ends, the scorer waits
	}

	env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{accepted}})
	env.ExecuteWorkflow(propose, "octo/site#7")
	env.RequireDeferred("accepted", "octo/site#7")

	merged := verdicttest.NewScorer(t, accepted, "octo/site#7")
	merged.Deliver(13*24*time.Hour, verdict.Outcome{Name: "pull_request.merged", Key: "octo/site#7"})
	show(merged.Scores())
	show(verdicttest.NewScorer(t, accepted, "octo/site#8").Scores()) // nobody merged it
	// Output:
	// accepted: true (outcome pull_request.merged)
	// accepted: false (the window closed)
}

// A run gets a variant once, for its whole life, and the assignment is recorded with its probability.
func ExampleExperiment() {
	prompts := map[string]string{"short": "Be brief.", "long": "Explain every step."}
	prompt := experiments.MustNew(experiments.Definition{
		Name: "prompt", Version: "1", Control: "short",
		Variants: []experiments.Variant{{Name: "short"}, {Name: "long"}},
		Primary:  experiments.Metric{Name: "accepted", Type: experiments.Boolean},
	})
	answer := func(ctx workflow.Context, question string) (string, error) {
		pick := verdict.Experiment(ctx, prompt, verdict.ThisRun)
		return verdict.Of(pick, prompts)
	}

	env := verdicttest.New(t, verdict.Config{})
	env.Force(prompt, "long") // a test says which variant it is about
	env.ExecuteWorkflow(answer, "When was it?")
	var said string
	if err := env.GetWorkflowResult(&said); err != nil {
		fmt.Println(err)
	}
	fmt.Println(said)
	for _, a := range env.Assignments() {
		fmt.Println(a.Experiment, a.Variant)
	}
	// Output:
	// Explain every step.
	// prompt long
}

// A shadow runs another variant in parallel to the served one. The run neither waits for it nor hears from it, and its scores are
// reported next to those of the served runs.
func ExampleShadow() {
	models := experiments.MustNew(experiments.Definition{
		Name: "models", Version: "1", Control: "large",
		Variants: []experiments.Variant{{Name: "large"}, {Name: "small"}},
		Primary:  experiments.Metric{Name: "length", Type: experiments.Unbounded},
	})
	bySmall := func(ctx workflow.Context, question string) error {
		verdict.Score(ctx, "length", 80)
		return nil
	}
	answer := func(ctx workflow.Context, question string) error {
		pick := verdict.Experiment(ctx, models, verdict.ThisRun)
		verdict.Shadow(ctx, pick, "small", bySmall, question)
		verdict.Score(ctx, "length", 900)
		return workflow.Sleep(ctx, time.Minute) // the test environment ends with its run, a server's shadow does not
	}

	env := verdicttest.New(t, verdict.Config{})
	env.RegisterWorkflow(bySmall) // a forced variant has no shadow, so this run is assigned one
	env.ExecuteWorkflow(answer, "When was it?")
	show(env.Scores())
	// Unordered output:
	// length: 900
	// length: 80
}

// A judge looks at the content. It runs in an activity of your worker; where it fails, the score says so and is no number.
func ExampleJudge() {
	faithful := judges.NewScripted("faithful", // a language model, in production: judges/openai
		judges.Reply{Verdict: judges.Number(0.5, "one claim of two is supported")})
	toxic := judges.NewScripted("toxic",
		judges.Reply{Err: &judges.Error{Class: judges.BadRequest, Err: errors.New("there is no such model")}})
	answer := func(ctx workflow.Context, _ string) error {
		sample := judges.Sample{Output: "The sea is blue and dry."}
		for _, name := range []string{"faithful", "toxic"} {
			verdict.Record(ctx, verdict.Judge(ctx, name, sample).Score(name))
		}
		return nil
	}

	env := verdicttest.New(t, verdict.Config{Judges: []judges.Judge{faithful, toxic}})
	env.ExecuteWorkflow(answer, "What is the sea like?")
	show(env.Scores())
	// Output:
	// faithful: 0.5 (one claim of two is supported)
	// toxic: error (judge: verdict.judge.BadRequest: there is no such model)
}

// What really happened arrives as a webhook. The handler verifies who sent it and delivers it, in production to a [verdict.Client],
// which holds it durably; any scorer that waits for it gets it.
func ExampleClient_Deliver() {
	deliver := func(_ context.Context, o verdict.Outcome) error { // client.Deliver
		fmt.Println(o.Name, o.Key)
		return nil
	}
	hook, err := webhooks.New(webhooks.GitHub{Secrets: []string{"secret"}}, webhooks.Options{
		Mapping: webhooks.PullRequests, Sink: webhooks.SinkFunc(deliver),
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	body := `{"action":"closed","repository":{"full_name":"octo/site"},"pull_request":{"number":7,"merged":true}}`
	r := httptest.NewRequest(http.MethodPost, "/webhooks/github", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "pull_request")
	r.Header.Set("X-GitHub-Delivery", "72d3162e")
	r.Header.Set("X-Hub-Signature-256", "sha256="+signed("secret", body))
	w := httptest.NewRecorder()
	hook.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// pull_request.merged octo/site#7
	// 200
}

// A service acts on what an experiment has shown so far. The client has the worker's address, ClientOptions.Endpoint.
func ExampleClient_Report() {
	serve := func(ctx context.Context, c *verdict.Client) (variant string, err error) {
		r, err := c.Report(ctx, "retriever", "1")
		var refused *verdict.APIError
		switch {
		case errors.Is(err, verdict.ErrNotFound):
			return "bm25", nil // nothing has been assigned yet
		case errors.As(err, &refused):
			return "", fmt.Errorf("the worker answers %d: %w", refused.Status, err) // 401: a wrong token; 503: its store is away
		case err != nil:
			return "", err
		}
		for _, row := range r.Rows {
			if row.Mean != nil && row.Interval != nil {
				fmt.Printf("%s of %s: %.2f, within %.2f and %.2f\n", row.Score, row.Variant, *row.Mean, row.Interval.Lo, row.Interval.Hi)
			}
		}
		if r.Analysis != nil && r.Analysis.Decision.Verdict == experiments.Winner {
			return r.Analysis.Decision.Variants[0], nil
		}
		return r.Control, nil
	}
	_ = serve
}

// A nightly job scores the runs of the day at once.
func ExampleClient_ScoreAll() {
	nightly := func(ctx context.Context, c *verdict.Client, graded map[string]float64) error {
		var all []verdict.Statement
		for id, grade := range graded {
			all = append(all, verdict.Statement{About: verdict.Run{WorkflowID: id}, Score: verdict.Number("grade", grade)})
		}
		results, err := c.ScoreAll(ctx, all)
		for i, r := range results {
			if errors.Is(r.Err, verdict.ErrNotFound) {
				fmt.Println("no such run:", all[i].About)
			}
		}
		return err
	}
	_ = nightly
}

// A run may score another one: the run that it was asked to check, a child, its parent.
func ExampleAbout() {
	type checked struct{ WorkflowID, RunID string }
	review := func(ctx workflow.Context, of checked) error {
		verdict.Score(ctx, "reviewed", true)
		verdict.Score(ctx, "correct", false, verdict.About(verdict.Run(of)), verdict.Reason("the date is wrong"))
		return nil
	}

	env := verdicttest.New(t, verdict.Config{})
	env.ExecuteWorkflow(review, checked{"answer-17", "0c9d"})
	for _, s := range env.Scores() {
		if s.Name == "correct" {
			fmt.Println(s.Run.WorkflowID)
		}
	}
	show(env.Scores())
	// Unordered output:
	// answer-17
	// reviewed: true
	// correct: false (the date is wrong)
}

// t replaces the *testing.T that a test has and an example has not.
var t = example{}

type example struct{ testing.TB }

func (example) Helper()                           {}
func (example) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (example) FailNow()                          { panic("the example failed") }

// show prints scores as a report would name them.
func show(all []scoring.Record) {
	for _, s := range all {
		text := s.Value.String()
		if text == "" {
			text = string(s.State)
		}
		if s.Reason != "" {
			text += " (" + s.Reason + ")"
		}
		fmt.Printf("%s: %s\n", s.Name, text)
	}
}

func signed(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}
