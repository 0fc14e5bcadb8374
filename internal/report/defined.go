package report

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
)

// askLimit is how long the control of an experiment may take to answer. It does so at once, or there is no worker that
// could let it.
const askLimit = 3 * time.Second

// DefinedByControl returns an [Options.Define] that asks the workflow under whose control an experiment is.
func DefinedByControl(c client.Client) func(context.Context, string, string) (*experiments.Experiment, error) {
	return func(ctx context.Context, name, version string) (*experiments.Experiment, error) {
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
		return experiments.New(control.Definition)
	}
}

// define adds the definitions that only the experiments' workflows know. When one does not answer, it asks no further
// ones: the report says which definitions it had to infer.
func (o *Options) define(ctx context.Context, name, version string) {
	if o.Define == nil || o.defined(name, version) != nil {
		return
	}
	switch x, err := o.Define(ctx, name, version); {
	case err != nil:
		o.Define = nil
	case x != nil:
		o.Definitions = append(o.Definitions[:len(o.Definitions):len(o.Definitions)], x)
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
