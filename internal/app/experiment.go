package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// experimentFlags are the flags of the commands of `starter experiment`.
type experimentFlags struct {
	definition experiments.Definition
	policy     rollout.Policy
	change     rollout.Change
}

// experimentCommand is `starter experiment`.
func (s *starter) experimentCommand() *cobra.Command {
	parent := parentOf("experiment", "Control an experiment while it runs: start, ramp, pause, resume, stop, promote, status, open")
	parent.AddCommand(s.experimentStart(), s.experimentStatus(), s.experimentOpen())
	for _, c := range []struct {
		action  rollout.Action
		use     string
		short   string
		example string
		own     func(*experimentFlags) settings
	}{
		{rollout.Ramp, "ramp NAME@VERSION", "Change the weights or the allocation", "starter experiment ramp retriever@2 --weights bm25=1,vectors=3 --why 'no harm in a week'", rampSettings},
		{rollout.Pause, "pause NAME@VERSION", "Give everyone the control until it is resumed", "starter experiment pause retriever@2 --why 'the index is being rebuilt'", nil},
		{rollout.Resume, "resume NAME@VERSION", "Go on after a pause", "starter experiment resume retriever@2", nil},
		{rollout.Stop, "stop NAME@VERSION", "Assign no more units: everyone gets the control", "starter experiment stop retriever@2 --why 'too expensive'", nil},
		{rollout.Promote, "promote NAME@VERSION VARIANT", "Give everyone a variant", "starter experiment promote retriever@2 vectors --reason 'the two cost the same'", promoteSettings},
	} {
		var f experimentFlags
		own := f.settings()
		if c.own != nil {
			own = append(c.own(&f), own...)
		}
		parent.AddCommand(s.command(&cobra.Command{Use: c.use, Short: c.short, Example: "  " + c.example, Args: argumentsOf(c.use)}, own,
			func(ctx context.Context, args []string) error {
				if c.action == rollout.Promote {
					f.change.Variant = args[1]
				}
				return s.experimentChange(ctx, c.action, args[0], f)
			}))
	}
	return parent
}

// settings are the settings of every command that changes something.
func (f *experimentFlags) settings() settings {
	return settings{
		{flag: "why", kind: "string", usage: "why, for the revision", read: f.reason},
		{flag: "update-id", kind: "string", usage: "id of the change: asked for again it changes nothing (default a new one)", read: textOf(&f.change.ID)},
	}
}

func promoteSettings(f *experimentFlags) settings {
	return settings{
		{flag: "reason", kind: "string", usage: "why, as --why; required unless the variant is the winner", read: f.reason},
	}
}

// reason reads either of the flags for it.
func (f *experimentFlags) reason(text string) error {
	f.change.Reason = cmp.Or(text, f.change.Reason)
	return nil
}

func rampSettings(f *experimentFlags) settings {
	return settings{
		{flag: "weights", kind: "VARIANT=WEIGHT,...", usage: "a weight of 0 or more for every variant", read: weightsOf(&f.change.Weights)},
		{flag: "allocation", kind: "number", usage: "share of units that take part, in (0, 1]", read: numberOf(&f.change.Allocation)},
	}
}

// experimentStart is `starter experiment start`.
func (s *starter) experimentStart() *cobra.Command {
	var f experimentFlags
	var digest string
	return s.command(&cobra.Command{
		Use:   "start NAME@VERSION",
		Short: "Start an experiment",
		Long: "Start an experiment: a workflow manages it from then on.\n\nThe definition is the one that workers have registered in the store with their first assignment. Where they\n" +
			"have registered several, --digest chooses one. Before the first assignment, --definition has it as JSON, as\n" +
			"the code has it; a duration may be a text such as \"168h\".\n\n" +
			"The weights are epoch 0. Workers follow later changes if their plugin has the experiment.",
		Example: "  starter experiment start retriever@1 --stop-harm --why 'is it worth its price?'\n" +
			"  starter experiment start --definition retriever.json",
		Args: atMostOne,
	}, append(settings{
		s.database(),
		{flag: "digest", kind: "DIGEST", usage: "the registered definition whose digest begins so", read: textOf(&digest)},
		{flag: "definition", kind: "FILE", usage: "definition of the experiment, instead of a registered one", read: definitionOf(&f.definition)},
		{flag: "stop-harm", kind: "bool", fallback: "false", usage: "give a harmful variant the weight 0 automatically", read: boolOf(&f.policy.StopHarm)},
		{flag: "promote-winner", kind: "bool", fallback: "false", usage: "promote the winner automatically", read: boolOf(&f.policy.PromoteWinner)},
		{flag: "every", kind: "duration", fallback: "0s", usage: "how often to analyse; 0: a fiftieth of the maturity window, at least a minute", read: durationOf(&f.policy.Every)},
		{flag: "reweight", kind: "duration", fallback: "0s", usage: "shortest epoch of an allocator; 0: a seventh of the window, at least an hour", read: durationOf(&f.policy.Reweight)},
	}, f.settings()...), func(ctx context.Context, args []string) error {
		switch fromFile := f.definition.Name != ""; {
		case !fromFile && len(args) == 0:
			return usage("no NAME@VERSION: `%s experiment start --help` shows the usage", s.program)
		case fromFile && digest != "":
			return usage("give --digest or --definition, not both")
		case !fromFile:
			var err error
			if f.definition, err = s.registered(ctx, args[0], digest); err != nil {
				return err
			}
		}
		name, version := f.definition.Name, f.definition.Version
		if len(args) == 1 && args[0] != name && args[0] != name+"@"+version {
			return usage("%q is not the experiment of the definition, %s@%s", args[0], name, version)
		}
		if err := f.policy.Validate(); err != nil {
			return usageError{err}
		}
		return s.asExperimenter(ctx, &f, func(c client.Client) (rollout.Revision, string, error) {
			r, err := s.client(c).StartExperiment(ctx, f.definition, f.policy, f.change)
			return r, name + "@" + version, err
		})
	})
}

func (s *starter) experimentChange(ctx context.Context, action rollout.Action, named string, f experimentFlags) error {
	if action == rollout.Ramp && f.change.Weights == nil && f.change.Allocation == 0 {
		return usage("give --weights, --allocation, or both")
	}
	return s.asExperimenter(ctx, &f, func(c client.Client) (rollout.Revision, string, error) {
		name, version, err := s.findExperiment(ctx, c, named)
		if err != nil {
			return rollout.Revision{}, "", err
		}
		r, err := s.client(c).ChangeExperiment(ctx, name, version, action, f.change)
		return r, name + "@" + version, err
	})
}

// login names the user of the environment, or else the user that the process runs as: cron and containers set no $USER.
func login(env environ) string {
	if name, _ := env.LookupEnv("USER"); name != "" {
		return name
	}
	me, err := user.Current()
	if err != nil {
		return ""
	}
	return me.Username
}

// asExperimenter makes a change in the name of the user who runs the command, and prints the revision.
func (s *starter) asExperimenter(ctx context.Context, f *experimentFlags, do func(client.Client) (rollout.Revision, string, error)) error {
	if f.change.Who = cmp.Or(s.conn.identity, login(environ(s.Environ))); f.change.Who == "" {
		return usage("neither $USER nor the operating system names who asks: --identity does")
	}
	f.change.ID = cmp.Or(f.change.ID, uuid.NewString())
	c, _, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	r, key, err := do(c)
	if err != nil {
		return s.experimentError(key, err)
	}
	return s.printLine(r, "%s: revision %d, %s, epoch %d", key, r.Number, r.Status, r.Epoch)
}

// experimentError separates mistakes of the caller from failures.
func (s *starter) experimentError(key string, err error) error {
	var application *temporal.ApplicationError
	var invalid *scoring.InvalidError
	var notFound *serviceerror.NotFound
	switch {
	case errors.As(err, &notFound):
		return usage("%s is not started; start it with `%s experiment start`", key, s.program)
	case errors.As(err, &application) && application.Type() == scoring.ErrorTypeInvalid:
		return usage("%s", application.Message())
	case errors.As(err, &invalid):
		return usageError{err}
	}
	return err
}

// findExperiment reads NAME@VERSION, or finds the one version of NAME that was started.
func (s *starter) findExperiment(ctx context.Context, c client.Client, named string) (name, version string, err error) {
	if i := strings.LastIndex(named, "@"); i >= 0 {
		return named[:i], named[i+1:], nil
	}
	prefix := activities.ExperimentID(named, "")
	found, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '%s'",
			activities.ExperimentWorkflow, strings.ReplaceAll(prefix, "'", `\'`)),
	})
	if err != nil {
		return "", "", err
	}
	var versions []string
	for _, e := range found.Executions {
		version, ok := strings.CutPrefix(e.Execution.WorkflowId, prefix)
		if !ok {
			continue // the prefix has a letter that stands for any in a query
		}
		if wire.Encoded(version) {
			state, err := activities.ReadExperiment(ctx, c, e.Execution.WorkflowId)
			if err != nil {
				return "", "", err
			}
			version = state.Definition.Version
		}
		versions = append(versions, version)
	}
	slices.Sort(versions)
	switch len(versions) {
	case 0:
		return "", "", usage("no version of %s is started; start one with `%s experiment start`", named, s.program)
	case 1:
		return named, versions[0], nil
	}
	return "", "", usage("several versions of %s are started: name one as %s@ and one of %s", named, named, strings.Join(versions, ", "))
}

// argumentsOf asks for as many arguments as a usage line names.
func argumentsOf(use string) cobra.PositionalArgs {
	names := strings.Fields(use)[1:]
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage("no %s: `%s --help` shows the usage", names[len(args)], cmd.CommandPath())
		case len(args) > len(names):
			return noArgs(cmd, args[len(names):])
		}
		return nil
	}
}

// weightsOf takes VARIANT=WEIGHT,... or nothing.
func weightsOf(to *map[string]float64) func(string) error {
	return func(t string) error {
		*to = nil
		for _, pair := range strings.Split(t, ",") {
			if t == "" {
				return nil
			}
			i := strings.LastIndex(pair, "=")
			if i <= 0 {
				return fmt.Errorf("%q must be VARIANT=WEIGHT", pair)
			}
			w, err := strconv.ParseFloat(pair[i+1:], 64)
			if err != nil {
				return fmt.Errorf("%q is not a number", pair[i+1:])
			}
			if *to == nil {
				*to = map[string]float64{}
			}
			name := strings.TrimSpace(pair[:i])
			if _, ok := (*to)[name]; ok {
				return fmt.Errorf("%q appears twice", name)
			}
			(*to)[name] = w
		}
		return nil
	}
}

// numberOf takes a number, or nothing.
func numberOf(to *float64) func(string) error {
	return func(t string) (err error) {
		if t == "" {
			return nil
		}
		if *to, err = strconv.ParseFloat(t, 64); err != nil {
			return errors.New("must be a number")
		}
		return nil
	}
}

// definitionOf reads a definition from a file of JSON.
func definitionOf(to *experiments.Definition) func(string) error {
	return func(path string) error {
		if path == "" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		d, err := decodeDefinition(data)
		if err == nil {
			err = d.Validate()
		}
		*to = d
		return err
	}
}

// decodeDefinition refuses fields that a definition does not have: a name that is mistyped is not to be a default.
func decodeDefinition(data []byte) (d experiments.Definition, err error) {
	var fields map[string]json.RawMessage
	if err := strictjson.Check(data); err != nil {
		return d, fmt.Errorf("must be a definition in JSON: %w", err)
	}
	if err := json.Unmarshal(data, &fields); err != nil {
		return d, fmt.Errorf("must be a definition in JSON: %w", err)
	}
	var text string
	if json.Unmarshal(fields["maturity"], &text) == nil && text != "" {
		maturity, err := time.ParseDuration(text)
		if err != nil {
			return d, fmt.Errorf("maturity: %q must be a duration such as 168h", text)
		}
		fields["maturity"] = json.RawMessage(strconv.FormatInt(int64(maturity), 10))
		if data, err = json.Marshal(fields); err != nil {
			return d, err
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("must be a definition in JSON: %w", err)
	}
	return d, nil
}
