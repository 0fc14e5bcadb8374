package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// Scorer is a deferred scorer: a plain workflow function that turns what happened after a run into a score. It may wait
// for outcomes ([Await]) or the run's close ([AwaitRun]), sleep, and run activities and judges.
type Scorer[In any] struct {
	name, version string
	run           any // the workflow function
}

// ScorerDefinition is a [Scorer] of any input, to be registered.
type ScorerDefinition interface {
	// Name returns the scorer's name.
	Name() string
	// Register registers the scorer's workflow.
	Register(Registry)
	// Check refuses a scorer whose name or version breaks a rule.
	Check() error
}

// NewScorer returns a scorer. Its name is on the wire and the default name of its score; name and version are part of
// its scores' identity, so that two versions never mix. The function returns one score or several; no score and
// [scoring.Decline] are not applicable, an error is a score in state error: visible, and never a number.
//
// If In has a method Validate() error, it is called where the scorer is deferred and where it runs.
func NewScorer[In any, Out scoring.Score | []scoring.Score](name, version string, score func(workflow.Context, In) (Out, error)) *Scorer[In] {
	s := &Scorer[In]{name: name, version: version}
	s.run = func(ctx workflow.Context, env Envelope, in In) (Result, error) {
		return RunScorer(ctx, env, func(ctx workflow.Context) ([]scoring.Score, error) {
			if err := validate(in); err != nil {
				return nil, err
			}
			out, err := score(ctx, in)
			switch out := any(out).(type) {
			case []scoring.Score:
				return out, err
			case scoring.Score:
				if out.State == "" {
					return nil, err
				}
				return []scoring.Score{out}, err
			}
			return nil, err
		})
	}
	return s
}

// Name implements [ScorerDefinition].
func (s *Scorer[In]) Name() string { return s.name }

// Check implements [ScorerDefinition].
func (s *Scorer[In]) Check() error {
	if err := scoring.CheckName("scorer name", s.name); err != nil {
		return err
	}
	return scoring.CheckName("scorer version", s.version)
}

// Register implements [ScorerDefinition].
func (s *Scorer[In]) Register(r Registry) {
	// A scorer waits for weeks: it moves on to new builds instead of keeping old ones alive.
	r.RegisterWorkflowWithOptions(s.run, workflow.RegisterOptions{
		Name: ScorerPrefix + s.name, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		DisableAlreadyRegisteredCheck: true,
	})
}

// validate calls the input's own Validate, if it has one.
func validate(in any) error {
	if v, ok := in.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return scoring.Invalid("input", "%v", err)
		}
	}
	return nil
}

// DeferScorer is [Defer] with a typed input, validated here and again where the scorer runs.
func DeferScorer[In any](ctx workflow.Context, s *Scorer[In], in In, o DeferOptions) (workflow.Execution, error) {
	if err := s.Check(); err != nil {
		return workflow.Execution{}, activities.Refuse(err)
	}
	if err := validate(in); err != nil {
		return workflow.Execution{}, activities.Refuse(err)
	}
	return startScorer(ctx, s.name, s.version, in, o)
}
