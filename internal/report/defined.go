package report

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
)

// askLimit is how long the control of an experiment may take to answer. It does so at once, or there is no worker that
// could let it.
const askLimit = 3 * time.Second

// Defined is what the workflow that manages an experiment says of it.
type Defined struct {
	Experiment *experiments.Experiment
	// Overruled are the revisions that promoted a variant against the verdict.
	Overruled []rollout.Revision
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
		return &Defined{x, control.Overruled()}, err
	}
}

// define adds the definition that only the experiment's workflow knows, and returns the promotions against the verdict. When
// one workflow does not answer, it asks no further ones: the report says which definitions it had to infer.
func (o *Options) define(ctx context.Context, name, version string) []rollout.Revision {
	if o.Define == nil {
		return nil
	}
	switch x, err := o.Define(ctx, name, version); {
	case err != nil:
		o.Define = nil
	case x != nil:
		if o.defined(name, version) == nil {
			o.Definitions = append(o.Definitions[:len(o.Definitions):len(o.Definitions)], x.Experiment)
		}
		return x.Overruled
	}
	return nil
}

// overrule notes the promotions against the verdict.
func (e *Experiment) overrule(revisions []rollout.Revision) {
	e.Overruled = revisions
	for _, r := range revisions {
		e.Notes = append(e.Notes, fmt.Sprintf("%s promoted %s on %s against the verdict (%s): %s",
			r.Who, strings.Join(r.Variants, ", "), r.At.UTC().Format(time.DateOnly), r.Against, r.Reason))
	}
}

// defined returns the definition of an experiment, or nil.
func (o *Options) defined(name, version string) *experiments.Experiment {
	for _, x := range o.Definitions {
		if d := x.Definition(); d.Name == name && d.Version == version {
			return x
		}
	}
	return nil
}
