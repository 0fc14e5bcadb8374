// Package user is a user's program: the workflows, activities, scorers and experiments of the releases that are
// recorded under testdata/releases, and the user's side when two releases run side by side. It uses only the public
// API, as users do. Its shape is in recorded histories: add to it, but never change it.
package user

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// GoOn is the signal that a run waits for.
const GoOn = "go on"

// TokenKey seals the tokens of runs.
const TokenKey = "0123456789abcdef0123456789abcdef"

// Case tells a run of [Answer] which calls to make.
type Case struct {
	// Key is the key of the outcomes; the run declares "message-" and this key.
	Key string `json:"key"`
	// Customer is the run's session, and the unit of the second experiment.
	Customer string `json:"customer"`
	// Scorers are the names of the scorers to defer, and Window is their window.
	Scorers []string      `json:"scorers,omitempty"`
	Window  time.Duration `json:"window,omitempty"`
	// Shadow runs the other variant as a shadow.
	Shadow bool `json:"shadow,omitempty"`
	// Wait lets it wait for the signal before it ends, Again continue as new so often, Fail fail at its end.
	Wait  bool `json:"wait,omitempty"`
	Again int  `json:"again,omitempty"`
	Fail  bool `json:"fail,omitempty"`
	// Retry lets the first attempt of its step fail after it has scored.
	Retry bool `json:"retry,omitempty"`
}

// Reply is the result of a run of [Answer].
type Reply struct {
	Variant, Tone, Token string
}

// Wanted is a scorer's input.
type Wanted struct {
	Key    string        `json:"key"`
	Window time.Duration `json:"window"`
}

// Answer answers a question, with every call that Verdict offers to a workflow.
func Answer(ctx workflow.Context, c Case) (Reply, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond},
	})
	pick := verdict.Experiment(ctx, Ranking, verdict.ThisRun)
	tone := verdict.Experiment(ctx, Tone, c.Customer)
	reply := Reply{Variant: pick.Variant, Tone: tone.Variant}
	verdict.Session(ctx, "customer", c.Customer)
	verdict.DeclareKey(ctx, "message-"+c.Key)
	reply.Token = verdict.TokenFor(ctx)
	var found int
	if err := workflow.ExecuteActivity(ctx, Look, c).Get(ctx, &found); err != nil {
		return reply, err
	}
	verdict.Score(ctx, "found", found, verdict.Reason("so many passages"))
	verdict.Flush(ctx, "draft")
	if c.Shadow {
		beside := Case{Key: c.Key + "-beside", Customer: c.Customer}
		verdict.Shadow(ctx, pick, other(pick.Variant), "Answer", beside)
	}
	for _, name := range c.Scorers {
		if err := deferred(ctx, name, Wanted{c.Key, c.Window}); err != nil {
			return reply, err
		}
	}
	if c.Wait {
		workflow.GetSignalChannel(ctx, GoOn).Receive(ctx, nil)
	}
	verdict.Score(ctx, "short", found < 5, verdict.Keyed("length"))
	switch {
	case c.Again > 0:
		c.Again--
		c.Scorers = nil
		return reply, workflow.NewContinueAsNewError(ctx, "Answer", c)
	case c.Fail:
		return reply, temporal.NewNonRetryableApplicationError("no answer", "NoAnswer", nil)
	}
	return reply, nil
}

// deferred defers the scorer of a name.
func deferred(ctx workflow.Context, name string, in Wanted) error {
	s, opts := Accepted, []verdict.DeferOption(nil)
	switch name {
	case "stayed_closed":
		s = StayedClosed
	case "bought":
		s = Bought
	case "finished":
		s, opts = Finished, []verdict.DeferOption{verdict.OnClose()}
	case "declined":
		s = Declined
	case "broken":
		s = Broken
	}
	verdict.Defer(ctx, s, in, opts...)
	return nil
}

func other(variant string) string {
	if variant == "plain" {
		return "learned"
	}
	return "plain"
}

// Look is the step: it scores itself and the run.
func Look(ctx context.Context, c Case) (int, error) {
	attempt := int(activity.GetInfo(ctx).Attempt)
	verdict.Score(ctx, "precision", 0.5+float64(len(c.Key)%4)/10+float64(attempt)/100)
	verdict.Score(ctx, "tokens", 100*attempt, verdict.OnRun())
	if c.Retry && attempt == 1 {
		return 0, errors.New("the first attempt fails")
	}
	return 3 + len(c.Key)%4, nil
}

// The scorers.
var (
	// Accepted waits for one of two outcomes, and for another one in the hour after its window.
	Accepted = verdict.NewScorer("accepted", "1", func(ctx workflow.Context, in Wanted) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.AnyOf(verdict.On("answer.accepted", in.Key).Means(true), verdict.On("answer.rejected", in.Key).Means(false)),
			verdict.Within(in.Window).Lookback(24*time.Hour).Grace(time.Hour), verdict.ExpiresUnknown)
		return got.Score(), err
	})
	// StayedClosed is true when nothing comes.
	StayedClosed = verdict.NewScorer("stayed_closed", "1", func(ctx workflow.Context, in Wanted) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On("ticket.reopened", in.Key).Means(false), verdict.Within(in.Window), verdict.ExpiresTrue)
		return got.Score(), err
	})
	// Bought needs two outcomes; the last run with the key gets each.
	Bought = verdict.NewScorer("bought", "2", func(ctx workflow.Context, in Wanted) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.Times(2, verdict.On("bought", in.Key)),
			verdict.Within(in.Window).Attribute(scoring.AttributeLast), verdict.ExpiresAs(0))
		return got.Score(), err
	})
	// Finished follows the run to its end.
	Finished = verdict.NewScorer("finished", "1", func(ctx workflow.Context, _ Wanted) (scoring.Score, error) {
		closed, err := verdict.AwaitRun(ctx)
		return scoring.Bool("finished", closed.Status == scoring.RunCompleted), err
	})
	// Declined has nothing to say, and Broken fails.
	Declined = verdict.NewScorer("declined", "1", func(workflow.Context, Wanted) (scoring.Score, error) {
		return scoring.Decline("declined", "nothing to score"), nil
	})
	Broken = verdict.NewScorer("broken", "1", func(workflow.Context, Wanted) (scoring.Score, error) {
		return scoring.Score{}, errors.New("the scorer is broken")
	})
)

// Scorers are all of them.
var Scorers = []verdict.ScorerDefinition{Accepted, StayedClosed, Bought, Finished, Declined, Broken}

// The experiments: one on runs, and one on customers.
var (
	Ranking = experiment(experiments.Definition{
		Name: "ranking", Version: "1", Control: "plain",
		Variants: []experiments.Variant{{Name: "plain", Weight: 1}, {Name: "learned", Weight: 1}},
		Primary:  experiments.Metric{Name: "accepted", Type: experiments.Boolean},
		Guardrails: []experiments.Metric{
			{Name: "tokens", Type: experiments.Capped, Cap: 1000, Direction: experiments.Lower},
		},
	})
	Tone = experiment(experiments.Definition{
		Name: "tone", Version: "2", Control: "dry", Unit: "customer",
		Variants: []experiments.Variant{{Name: "dry", Weight: 1}, {Name: "warm", Weight: 2}},
		Primary:  experiments.Metric{Name: "stayed_closed", Type: experiments.Boolean},
	})
)

// Experiments are all of them.
var Experiments = []*experiments.Experiment{Ranking, Tone}

func experiment(d experiments.Definition) *experiments.Experiment {
	e, err := experiments.New(d)
	if err != nil {
		panic(err)
	}
	return e
}

// Config is the plugin's configuration, to which each worker adds its own.
func Config() verdict.Config {
	return verdict.Config{
		Scorers: slices.Clone(Scorers), Experiments: slices.Clone(Experiments), TokenKey: []byte(TokenKey), RolloutAge: 100 * time.Millisecond,
	}
}

// Registry is where the program's code is registered: a worker or a replayer.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// RegisterWorkflows registers the program's workflows.
func RegisterWorkflows(r Registry) {
	r.RegisterWorkflowWithOptions(Answer, workflow.RegisterOptions{Name: "Answer"})
}

// Register registers all of the program.
func Register(w worker.Worker) {
	RegisterWorkflows(w)
	w.RegisterActivity(Look)
}
