package workflows

import (
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// Scorer is a deferred scorer: a plain workflow function that turns what happened after a run into a score. It may wait
// for outcomes ([Await]) or the run's close ([AwaitRun]), sleep, and run activities and judges.
type Scorer[In any] struct {
	name, version string
	run           func(workflow.Context, Envelope, In) (Result, error)
	wait          func(In) Wait // nil unless it is declared
}

// ScorerDefinition is a [Scorer] of any input, to be registered.
type ScorerDefinition interface {
	// Name and Version identify the scorer.
	Name() string
	Version() string
	// Register registers the scorer's workflow.
	Register(Registry)
	// Check refuses a scorer whose name or version breaks a rule.
	Check() error

	encoded(ctx workflow.Context, env Envelope, in converter.RawValue) (Result, error)
	isDeclared() bool
	declared(in any) (d declaration, ok bool, err error)
}

// RegisterScorers registers scorers. Several versions of one name run side by side: a waiting scorer continues with the
// code of the version that started it, or, if that version is gone, with the last one in the list.
func RegisterScorers(r Registry, scorers []ScorerDefinition) {
	byName := map[string][]ScorerDefinition{}
	var names []string
	for _, s := range scorers {
		if byName[s.Name()] == nil {
			names = append(names, s.Name())
		}
		byName[s.Name()] = append(byName[s.Name()], s)
	}
	for _, name := range names {
		registerScorer(r, name, byName[name])
	}
}

// scorerWorkflow is the workflow of a scorer. It decodes its envelope and its input by itself, since the SDK would fail it
// for good if it could not.
type scorerWorkflow func(ctx workflow.Context, env, in converter.RawValue) (Result, error)

// registerScorer registers the workflow of a scorer's name.
func registerScorer(r Registry, name string, versions []ScorerDefinition) {
	run := scorerWorkflow(func(ctx workflow.Context, encoded, in converter.RawValue) (Result, error) {
		env := decoded[Envelope](ctx, "the envelope of a scorer", encoded)
		s := versions[len(versions)-1]
		for _, v := range versions {
			if v.Version() == env.Version {
				s = v
			}
		}
		return s.encoded(ctx, env, in)
	})
	// A scorer waits for weeks: it moves on to new builds instead of keeping old ones alive.
	r.RegisterWorkflowWithOptions(run, workflow.RegisterOptions{
		Name: ScorerPrefix + name, VersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		DisableAlreadyRegisteredCheck: true,
	})
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

// Version implements [ScorerDefinition].
func (s *Scorer[In]) Version() string { return s.version }

// Register implements [ScorerDefinition].
func (s *Scorer[In]) Register(r Registry) { registerScorer(r, s.name, []ScorerDefinition{s}) }

// encoded runs the scorer on an input that is still encoded.
func (s *Scorer[In]) encoded(ctx workflow.Context, env Envelope, in converter.RawValue) (Result, error) {
	return s.run(ctx, env, decoded[In](ctx, "the input of scorer "+s.name, in))
}

func (s *Scorer[In]) isDeclared() bool { return s.wait != nil }

// declared returns what the scorer waits for, if it is declared.
func (s *Scorer[In]) declared(in any) (d declaration, ok bool, err error) {
	typed, ok := in.(In)
	if !ok || s.wait == nil {
		return d, false, nil
	}
	if err := validate(typed); err != nil {
		return d, true, err
	}
	d, err = s.wait(typed).declared()
	return d, true, err
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

// DeferScorer starts a scorer that outlives the run, with a typed input that is validated here and again where it runs.
func DeferScorer[In any](ctx workflow.Context, s *Scorer[In], in In, o DeferOptions) Deferred {
	return startScorer(ctx, s.deferral(o, in), in)
}

// DeferScorers is [DeferScorer] for each of ins, under one change id: for many of one scorer.
func DeferScorers[In any](ctx workflow.Context, s *Scorer[In], ins []In, o DeferOptions) []Deferred {
	inputs := make([]any, len(ins))
	for i, in := range ins {
		inputs[i] = in
	}
	return startScorers(ctx, s.deferral(o, ins...), inputs)
}

// deferral has the scorers that a run wants to start, or the error that refuses them.
func (s *Scorer[In]) deferral(o DeferOptions, ins ...In) deferral {
	if s == nil {
		return deferral{refused: activities.Refuse(scoring.Invalid("scorer", "it is nil; make it with NewScorer"))}
	}
	d := deferral{name: s.name, version: s.version, options: o, declared: s.wait != nil}
	if d.declared {
		d.waits = make([]declaration, 0, len(ins))
	}
	err := s.Check()
	for _, in := range ins {
		if err == nil {
			err = validate(in)
		}
		if err == nil && d.declared {
			var w declaration
			w, err = s.wait(in).declared()
			d.waits = append(d.waits, w)
		}
	}
	if err == nil && o.AtEnd && d.waits == nil {
		err = scoring.Invalid("option", "AtEnd is for a declared scorer")
	}
	d.refused = activities.Refuse(err)
	return d
}

// NamesOf returns the names of scorers, in their order.
func NamesOf(scorers []ScorerDefinition) []string {
	names := make([]string, len(scorers))
	for i, s := range scorers {
		names[i] = s.Name()
	}
	return names
}
