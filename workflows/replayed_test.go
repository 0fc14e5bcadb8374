package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// What the recorded histories are of. A workflow of the type "replayed" runs a step, waits for a signal, and runs a
// step; the code below is that workflow in the forms that it takes while Verdict is added to it and removed again.

type form func(ctx workflow.Context, key string) error

func step(context.Context, int) (int, error) { return 0, nil }

// forms by what was done to the plain one.
var forms = map[string]form{
	"plain":          around(nothing, nothing, nothing),
	"score at start": around(score("a"), nothing, nothing),
	"score at end":   around(nothing, nothing, score("a")),
	"scores":         around(score("a"), score("b"), score("c")),
	"other scores":   around(score("x"), nothing, score("y")),
	"everything":     around(all(assign, score("a")), all(flush, deferScorer), score("c")),
	"assigned":       around(all(assign, score("a")), nothing, score("c")),
	"shadow":         around(all(assign, shadow, score("a")), nothing, score("c")),
	"all and shadow": around(all(assign, score("a")), all(flush, shadow, deferScorer), score("c")),
	"retired":        around(all(assign, score("a")), all(flush, deferScorer), nothing),
	"over":           around(all(retire, score("a")), all(flush, deferScorer), score("c")),
	"gone":           around(score("a"), all(flush, deferScorer), score("c")),
	"many":           around(all(assign, deferMany), all(flushMany, deferMany), all(flushMany, deferMany)),
	"judged":         around(all(judge, score("a")), nothing, judge),
	"late":           around(all(assign, judge), flush, late),
	"raw activity":   around(nothing, rawActivity, nothing),

	// With a scorer that is declared, that was a workflow, that is one again.
	"declared":            around(all(score("a"), declare), all(flush, declareMore), declareAtEnd),
	"declared, scores":    around(all(declare, score("x")), all(flush, declareMore), all(score("y"), declareAtEnd)),
	"declared, at end":    around(all(score("a"), declareAtEnd), all(flush, declareMore), nothing),
	"declared, no more":   around(score("a"), flush, declareAtEnd),
	"a workflow again":    around(all(score("a"), deferScorer), all(flush, declareMore), nothing),
	"more of a workflow":  around(all(score("a"), declare), all(flush, deferAll), nothing),
	"everything declared": around(all(assign, score("a")), all(flush, declare), score("c")),
	"everything at end":   around(all(assign, score("a")), all(flush, declareAtEnd), score("c")),
	"many declared":       around(all(assign, declareMany(nil)), all(flushMany, declareMany(nil)), all(flushMany, declareMany(nil))),
	"at end":              around(all(score("a"), declareAtEnd), all(score("b"), declareAtEnd), all(score("c"), declareAtEnd)),
	"many of both":        around(all(assign, declareMany(both)), all(flushMany, declareMany(both)), all(flushMany, declareMany(both))),
}

func around(before, between, after form) form {
	return func(ctx workflow.Context, key string) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		run := func() error { return workflow.ExecuteActivity(ctx, "step", 1).Get(ctx, nil) }
		if err := errors.Join(before(ctx, key), run(), between(ctx, key)); err != nil {
			return err
		}
		workflow.GetSignalChannel(ctx, "go on").Receive(ctx, nil)
		return errors.Join(run(), after(ctx, key))
	}
}

func nothing(workflow.Context, string) error { return nil }

func all(fs ...form) form {
	return func(ctx workflow.Context, key string) error {
		for _, f := range fs {
			if err := f(ctx, key); err != nil {
				return err
			}
		}
		return nil
	}
}

func score(name string) form {
	return func(ctx workflow.Context, _ string) error { verdict.Score(ctx, name, 0.5); return nil }
}

func flush(ctx workflow.Context, _ string) error { verdict.Flush(ctx, "half-way"); return nil }

// flushMany and deferMany go past the calls that have a change id of their own.
func flushMany(ctx workflow.Context, _ string) error {
	for i := range 12 {
		verdict.Flush(ctx, fmt.Sprint("flush ", i))
	}
	return nil
}

func deferMany(ctx workflow.Context, key string) error {
	all := verdict.DeferAll(ctx, kept, []string{key + "/a", key + "/b"})
	for i := range 5 {
		all = append(all, verdict.Defer(ctx, kept, fmt.Sprint(key, "/", i)))
	}
	var errs []error
	for _, d := range all {
		errs = append(errs, d.Err())
	}
	return errors.Join(errs...)
}

func rawActivity(ctx workflow.Context, _ string) error {
	return workflow.ExecuteActivity(ctx, "step", 2).Get(ctx, nil)
}

var replayedExperiment, lateExperiment = experimentNamed("replayed"), experimentNamed("late")

func experimentNamed(name string) *experiments.Experiment {
	e, err := experiments.New(experiments.Definition{
		Name: name, Version: "1", Control: "a",
		Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}},
		Primary:  experiments.Metric{Name: "kept", Type: experiments.Boolean},
	})
	if err != nil {
		panic(err)
	}
	return e
}

func assign(ctx workflow.Context, _ string) error {
	verdict.Experiment(ctx, replayedExperiment, verdict.ThisRun)
	return nil
}

func shadow(ctx workflow.Context, key string) error {
	pick := verdict.Experiment(ctx, replayedExperiment, verdict.ThisRun)
	verdict.Shadow(ctx, pick, "c", "replayed", key)
	return nil
}

func retire(ctx workflow.Context, _ string) error {
	verdict.Retired(ctx, replayedExperiment, verdict.ThisRun, "b")
	return nil
}

// exact answers what judge asks.
var exact = judges.NewScripted("exact", judges.Reply{Verdict: judges.Verdict{State: scoring.Scored, Value: scoring.BoolValue(true)}})

func judge(ctx workflow.Context, _ string) error {
	verdict.Judge(ctx, "exact", judges.Sample{Output: "a", Expected: []string{"a"}})
	return nil
}

// late calls in coroutines that begin once the workflow function has returned.
func late(ctx workflow.Context, key string) error {
	for _, call := range []form{
		flush, judge, deferScorer,
		func(ctx workflow.Context, _ string) error { verdict.Flush(ctx, "late"); return nil },
		func(ctx workflow.Context, _ string) error {
			verdict.Experiment(ctx, lateExperiment, verdict.ThisRun)
			return nil
		},
	} {
		workflow.Go(ctx, func(ctx workflow.Context) { _ = call(ctx, key) })
	}
	return nil
}

func deferScorer(ctx workflow.Context, key string) error {
	return verdict.Defer(ctx, kept, key).Err()
}

// declared is kept as data.
var declared = verdict.NewOutcomeScorer("kept", "1", func(key string) verdict.Wait {
	return verdict.Wait{
		For:    verdict.AnyOf(verdict.On("kept", key).Means(true), verdict.On("lost", key).Means(false)),
		Window: verdict.Within(24 * time.Hour).Grace(time.Hour), End: verdict.ExpiresUnknown,
	}
})

func declare(ctx workflow.Context, key string) error { return verdict.Defer(ctx, declared, key).Err() }

func declareAtEnd(ctx workflow.Context, key string) error {
	return verdict.Defer(ctx, declared, key+"/end", verdict.AtEnd()).Err()
}

func declareMore(ctx workflow.Context, key string) error {
	for _, d := range verdict.DeferAll(ctx, declared, []string{key + "/a", key + "/b"}) {
		if d.Err() != nil {
			return d.Err()
		}
	}
	return nil
}

func deferAll(ctx workflow.Context, key string) error {
	for _, d := range verdict.DeferAll(ctx, kept, []string{key + "/a", key + "/b"}) {
		if d.Err() != nil {
			return d.Err()
		}
	}
	return nil
}

// both is another name for a scorer that stays a workflow, so that a run has calls of both forms past the first ones.
var both = verdict.NewScorer("both", "1", keptScore)

// declareMany is deferMany with the scorer declared; if another one is given, every second call is of that.
func declareMany(other *verdict.Scorer[string]) form {
	return func(ctx workflow.Context, key string) error {
		all := verdict.DeferAll(ctx, declared, []string{key + "/a", key + "/b"})
		for i := range 5 {
			s := declared
			if other == both && i%2 == 1 {
				s = both
			}
			all = append(all, verdict.Defer(ctx, s, fmt.Sprint(key, "/", i)))
		}
		var errs []error
		for _, d := range all {
			errs = append(errs, d.Err())
		}
		return errors.Join(errs...)
	}
}

// kept is the scorer whose histories are recorded.
var kept = verdict.NewScorer("kept", "1", keptScore)

func keptScore(ctx workflow.Context, key string) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.AnyOf(verdict.On("kept", key).Means(true), verdict.On("lost", key).Means(false)),
		verdict.Within(24*time.Hour).Grace(time.Hour), verdict.ExpiresUnknown)
	if err != nil {
		return scoring.Score{}, err
	}
	return got.Score(), nil
}

// incompatible is kept as somebody might change it who does not know that scorers are replayed.
var incompatible = verdict.NewScorer("kept", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
	if err := workflow.Sleep(ctx, time.Minute); err != nil {
		return scoring.Score{}, err
	}
	return keptScore(ctx, key)
})
