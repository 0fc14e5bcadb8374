package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/store"
)

// askLimit is how long the control of an experiment may take to answer. It does so at once, or there is no worker that
// could let it.
const askLimit = 3 * time.Second

// Defined is what the workflow that manages an experiment says of it.
type Defined struct {
	Experiment *experiments.Experiment
	// Overruled are the revisions that promoted a variant against the verdict.
	Overruled []rollout.Revision
	// Registered tells that it is not started: workers have registered it.
	Registered bool
}

// DefinedByControl returns an [Options.Define] that asks the workflow under whose control an experiment is.
func DefinedByControl(c client.Client) func(context.Context, string, string) (*Defined, error) {
	return func(ctx context.Context, name, version string) (*Defined, error) {
		ctx, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		control, err := activities.ReadExperiment(ctx, c, activities.ExperimentID(name, version))
		var unknown *serviceerror.NotFound
		switch {
		case errors.As(err, &unknown):
			return nil, nil
		case err != nil:
			return nil, err
		}
		x, err := experiments.New(control.Definition)
		return &Defined{Experiment: x, Overruled: control.Overruled()}, err
	}
}

// known has the definitions of an experiment that the report found.
type known struct {
	experiment     *experiments.Experiment // nil: it is inferred
	source         *Source
	contradictions []Contradiction
	overruled      []rollout.Revision
}

// SourceOf returns where a registered definition comes from.
func SourceOf(r experiments.Registration) Source {
	return Source{Origin: results.Registered, Digest: r.Digest(), Namespace: r.Namespace, TaskQueue: r.TaskQueue, Build: r.Build, At: r.At}
}

// InStore returns the definition of an experiment that workers registered first and that this release can read; nil if there is
// none.
func InStore(ctx context.Context, s store.Reader, name, version string) (*experiments.Experiment, error) {
	all, err := s.Registrations(ctx, name, version)
	for _, r := range all {
		if x, unreadable := r.Read(); unreadable == nil {
			return x, err
		}
	}
	return nil, err
}

// define looks for the definitions of an experiment. When one workflow does not answer, it asks no further ones: the report says
// which definitions it had to infer.
func (o *Options) define(ctx context.Context, s store.Reader, name, version string) error {
	o.known = known{}
	if x := o.defined(name, version); x != nil {
		o.known.add(x, Source{Origin: results.Configured})
	}
	if o.Define != nil {
		switch x, err := o.Define(ctx, name, version); {
		case err != nil:
			o.Define = nil
		case x != nil:
			o.known.overruled = x.Overruled
			o.known.add(x.Experiment, Source{Origin: results.Started})
		}
	}
	registered, err := s.Registrations(ctx, name, version)
	for _, r := range registered {
		x, err := r.Read()
		if err != nil {
			o.known.contradictions = append(o.known.contradictions, Contradiction{Source: SourceOf(r), Unreadable: err.Error()})
			continue
		}
		o.known.add(x, SourceOf(r))
	}
	return err
}

// add adds a definition: it is in use if it is the first, and else held against that one.
func (k *known) add(x *experiments.Experiment, from Source) {
	if k.experiment == nil {
		k.experiment, k.source = x, &from
		return
	}
	if all, void := experiments.Contradict(k.experiment.Definition(), x.Definition()); len(all) > 0 {
		k.contradictions = append(k.contradictions, Contradiction{Source: from, Differences: all, Void: void})
	}
}

// void returns the fields that let no verdict hold.
func (k *known) void() (fields []string) {
	for _, c := range k.contradictions {
		fields = append(fields, c.Void...)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// tell says which definitions there are.
func (e *draft) tell(k known) {
	e.Definition, e.Contradictions = k.source, k.contradictions
	e.overrule(k.overruled)
}

// overrule notes the promotions against the verdict.
func (e *draft) overrule(revisions []rollout.Revision) {
	e.Overruled = revisions
	for _, r := range revisions {
		e.Notes = append(e.Notes, fmt.Sprintf("%s promoted %s on %s against the verdict (%s): %s",
			r.Who, strings.Join(r.Variants, ", "), r.At.UTC().Format(time.DateOnly), r.Against, r.Reason))
	}
}

// defined returns the configured definition of an experiment, or nil.
func (o *Options) defined(name, version string) *experiments.Experiment {
	for _, x := range o.Definitions {
		if d := x.Definition(); d.Name == name && d.Version == version {
			return x
		}
	}
	return nil
}
