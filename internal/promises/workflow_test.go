package promises

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// suffixes make names of the kinds.
var suffixes = map[string]string{"ASCII": "", "any script": " für 日本 🙂", "escapes": ` <-> "Q&A" \ ` + "\u2028"}

// job is what a run is told to do.
type job struct{ Names, Where, Does, Key string }

func (j job) name(s string) string { return s + suffixes[j.Names] }

// user is the code of a user: its scorers and experiments, one for each kind of names.
type user struct {
	scorers map[string]*verdict.Scorer[string]
	exps    map[string]*experiments.Experiment
}

func newUser(id string) user {
	u := user{map[string]*verdict.Scorer[string]{}, map[string]*experiments.Experiment{}}
	for kind := range suffixes {
		j := job{Names: kind}
		name := j.name("paid")
		u.scorers[kind] = verdict.NewScorer(name, "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
			got, err := verdict.Await(ctx, verdict.On(name, key).Means(true), verdict.Within(time.Hour), verdict.ExpiresFalse)
			return got.Score(), err
		})
		e, err := experiments.New(experiments.Definition{
			Name: j.name("exp " + id), Version: "1", Control: "a",
			Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 9}},
			Primary:  experiments.Metric{Name: j.name("good"), Type: experiments.Boolean},
		})
		if err != nil {
			panic(err)
		}
		u.exps[kind] = e
	}
	return u
}

func (u user) definitions() (all []verdict.ScorerDefinition) {
	for _, s := range u.scorers {
		all = append(all, s)
	}
	return all
}

// register registers all of it; registerWorkflows what a replayer takes.
func (u user) register(r worker.Registry) {
	u.registerWorkflows(r)
	r.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: "step"})
}

func (u user) registerWorkflows(r interface {
	RegisterWorkflowWithOptions(any, workflow.RegisterOptions)
}) {
	r.RegisterWorkflowWithOptions(u.run, workflow.RegisterOptions{Name: "promised"})
	r.RegisterWorkflowWithOptions(u.child, workflow.RegisterOptions{Name: "promised child"})
}

// step scores three times; the last one holds.
func step(ctx context.Context, j job) error {
	for n := range 3 {
		verdict.Score(ctx, j.name("step"), n+1)
	}
	return nil
}

// run does its job in the workflow function or in an update handler, and returns what it was served.
func (u user) run(ctx workflow.Context, j job, again bool) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	if j.Where == "workflow function" || again || workflow.GetInfo(ctx).Attempt > 1 {
		return u.do(ctx, j, again)
	}
	var served string
	var result error
	done := false
	err := workflow.SetUpdateHandler(ctx, "do", func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		served, result = u.do(ctx, j, again)
		done = true
		return nil
	})
	err = errors.Join(err, workflow.Await(ctx, func() bool { return done && workflow.AllHandlersFinished(ctx) }))
	if err != nil {
		return "", err
	}
	return served, result
}

func (u user) do(ctx workflow.Context, j job, again bool) (served string, err error) {
	score := func(name string, value float64) { verdict.Score(ctx, j.name(name), value) }
	switch j.Does {
	case "score", "reset":
		score("a", 1)
		verdict.Flush(ctx, j.name("half"))
		score("b", 2)
	case "correct":
		score("a", 1)
		score("a", 2)
		verdict.Flush(ctx, j.name("half"))
		score("a", 3)
		err = workflow.ExecuteActivity(ctx, "step", j).Get(ctx, nil)
	case "flush in a loop":
		for i := range 4 {
			score("a", float64(i))
			verdict.Flush(ctx, j.name("round"))
		}
	case "experiment":
		pick := verdict.Experiment(ctx, u.exps[j.Names], verdict.ThisRun)
		score("good", 1)
		return pick.Variant, nil
	case "defer":
		err = verdict.Defer(ctx, u.scorers[j.Names], j.Key).Err()
		for _, d := range verdict.DeferAll(ctx, u.scorers[j.Names], []string{j.Key + "/1", j.Key + "/2"}) {
			err = errors.Join(err, d.Err())
		}
		score("a", 1)
	case "child":
		pick := verdict.Experiment(ctx, u.exps[j.Names], verdict.ThisRun)
		var inChild string
		err = workflow.ExecuteChildWorkflow(ctx, "promised child", j).Get(ctx, &inChild)
		if inChild != pick.Variant {
			err = errors.Join(err, fmt.Errorf("the child was served %q, the run %q", inChild, pick.Variant))
		}
		score("good", 1)
		return pick.Variant, err
	case "continue as new", "continue with options":
		pick := verdict.Experiment(ctx, u.exps[j.Names], verdict.ThisRun)
		if score("good", 1); again {
			return pick.Variant, nil
		}
		if j.Does == "continue as new" {
			return "", workflow.NewContinueAsNewError(ctx, "promised", j, true)
		}
		return "", workflow.NewContinueAsNewErrorWithOptions(ctx, workflow.ContinueAsNewErrorOptions{}, "promised", j, true)
	case "retry":
		if score("a", 1); workflow.GetInfo(ctx).Attempt == 1 {
			return "", temporal.NewApplicationError("again", "again")
		}
	}
	return "", err
}

func (u user) child(ctx workflow.Context, j job) (string, error) {
	pick := verdict.Experiment(ctx, u.exps[j.Names], verdict.ThisRun)
	verdict.Score(ctx, j.name("child"), 1)
	return pick.Variant, nil
}
