package verdict

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// Config configures a plugin. The zero Config records through the worker that polls the task queue "verdict".
type Config struct {
	// Scorers are the scorers that runs of this worker defer, or that run here. Several versions of one name run side by
	// side: a waiting scorer continues with the code that it was started with. If that is gone, the last in the list takes
	// over.
	Scorers []ScorerDefinition
	// Experiments can be started and changed (`starter experiment`) while runs of this worker use them.
	Experiments []*experiments.Experiment
	// RolloutAge is how old the worker's view of these may be. Defaults to 10 s.
	RolloutAge time.Duration
	// Judges answer [Judge] on this worker.
	Judges []judges.Judge
	// Store is where this worker records. Nil, the default, hands over through Temporal to the worker that opens the store.
	Store store.Store
	// StoreTaskQueue is where that worker polls. Defaults to "verdict".
	StoreTaskQueue string
	// ScorerTaskQueue is where deferred scorers run. Defaults to the task queue of the run that defers them.
	ScorerTaskQueue string
	// SearchAttributes puts a run's scores into its search attributes when it ends, which adds one event, and into its
	// scorers'. `starter setup` registers the attributes; a worker in whose namespace they are not registered does not
	// start. The list has room for 1,800 bytes of JSON; the first scores get it. A run whose own attributes leave no room,
	// of 32,000 bytes in all, has none of these.
	SearchAttributes bool
	// Doubles names the scores whose number goes into a Double search attribute as well: score name → attribute name.
	// A namespace on SQL visibility has three.
	Doubles map[string]string
	// DisabledWorkflows are workflow types whose runs are not recorded, and neither are their activities' scores on this
	// worker. Runs that were recorded before keep their shape.
	DisabledWorkflows []string
	// Attributes are the keys of the attributes that runs of this worker may have, at most ten: see [Attribute].
	Attributes []string
	// Off is the kill switch: while it returns true nothing is recorded, by runs, activities or scorers of this worker,
	// and experiments serve control. It is called at every write and where a scorer is deferred or settles, from
	// goroutines of its own. If an answer takes longer than 50 ms, the last one counts.
	Off func() bool
	// Refused, if set, is called once for each refused call in a run, an activity or a Nexus operation, from any goroutine: for alerts, and
	// for tests that a refusal must fail. You need not set it: the log and the count verdict_refused have the same.
	Refused func(error)
	// TokenKey seals the tokens of [TokenFor]. At least 32 bytes.
	TokenKey []byte
	// MaxPending is how many bytes of this worker's records may wait while neither the store nor Temporal answers.
	// Anything beyond is lost, counted and logged. Defaults to 64 MB.
	MaxPending int64
	// Client is the worker's own, if the plugin is on a worker only: search attributes and data converter are checked with it at
	// the start. A plugin on a client needs none. With it the worker knows how Experiments are controlled before its first
	// run, without it from soon after.
	Client client.Client
}

func (c Config) validate() error {
	var errs []error
	seen := map[string]bool{}
	for _, s := range c.Scorers {
		id := s.Name() + "@" + s.Version()
		if errs = append(errs, s.Check()); seen[id] {
			errs = append(errs, scoring.Invalid("scorers", "%q appears twice", id))
		}
		seen[id] = true
	}
	if len(c.TokenKey) > 0 && len(c.TokenKey) < token.MinKey {
		errs = append(errs, scoring.Invalid("token key", "%d bytes, at least %d are needed", len(c.TokenKey), token.MinKey))
	}
	if len(c.Doubles) > 0 && !c.SearchAttributes {
		errs = append(errs, scoring.Invalid("doubles", "they need SearchAttributes"))
	}
	attributes := make([]scoring.Attribute, len(c.Attributes))
	for i, key := range c.Attributes {
		attributes[i] = scoring.Attribute{Key: key, Value: "any"}
	}
	errs = append(errs, scoring.CheckAttributes(attributes))
	if c.MaxPending < 0 {
		errs = append(errs, scoring.Invalid("max pending", "%d bytes", c.MaxPending))
	}
	_, managed := activities.NewManaged(c.Experiments, c.RolloutAge)
	_, err := activities.NewJudges(c.Judges)
	return errors.Join(append(errs, managed, err)...)
}

// Plugin is what [NewPlugin] returns.
type Plugin struct {
	*temporal.SimplePlugin
	recorder *activities.Recorder
}

// StopWorker stops the worker, and then waits, for a few seconds at most, for its last records.
func (p *Plugin) StopWorker(ctx context.Context, o worker.PluginStopWorkerOptions, next func(context.Context, worker.PluginStopWorkerOptions)) {
	p.SimplePlugin.StopWorker(ctx, o, next)
	p.recorder.Ended(o.WorkerInstanceKey)
}

// NewPlugin returns the plugin, for Plugins of client.Options or worker.Options. On the client it covers every worker
// that is made from it. Registered on both, or twice, it works once. A wrong configuration fails when the client is
// made or the worker started: so does a data converter that does not take JSON, since every run would hang. On a worker
// without [Config.Client] that shows with the first run, which then continues without Verdict and logs an error.
func NewPlugin(cfg Config) *Plugin {
	cfg.StoreTaskQueue = cmp.Or(cfg.StoreTaskQueue, activities.DefaultTaskQueue)
	inWorkflows := &workflows.Config{
		TaskQueue: cfg.StoreTaskQueue, ScorerTaskQueue: cfg.ScorerTaskQueue, SearchAttributes: cfg.SearchAttributes,
		Doubles: cfg.Doubles, Disabled: cfg.DisabledWorkflows, TokenKey: cfg.TokenKey,
		Scorers: workflows.NamesOf(cfg.Scorers), Attributes: cfg.Attributes, Refused: cfg.Refused,
	}
	recorder := &activities.Recorder{TaskQueue: cfg.StoreTaskQueue, Store: cfg.Store, MaxPending: cfg.MaxPending, Refused: cfg.Refused}
	if cfg.Off != nil {
		off := activities.NewSwitch(cfg.Off)
		recorder.Off, inWorkflows.Off = off.Thrown, off.Thrown
	}
	recorder.Managed, _ = activities.NewManaged(cfg.Experiments, cfg.RolloutAge) // an error is validate's to tell
	var inTests sync.Map                                                         // instance keys of the workers of the SDK's test environments: they have no server to check with
	plugin, err := temporal.NewSimplePlugin(temporal.SimplePluginOptions{
		Name:               "verdict-dev.verdict",
		WorkerInterceptors: []interceptor.WorkerInterceptor{workflows.NewInterceptor(inWorkflows, recorder)},
		ConfigureClient: func(_ context.Context, o client.PluginConfigureClientOptions) error {
			o.ClientOptions.DataConverter = workflows.Tolerant(o.ClientOptions.DataConverter)
			inWorkflows.OnClient(o.ClientOptions)
			recorder.DialsLike(o.ClientOptions)
			return cfg.validate()
		},
		ConfigureWorker: func(ctx context.Context, o worker.PluginConfigureWorkerOptions) error {
			if o.TaskQueue == activities.TestTaskQueue {
				inTests.Store(o.WorkerInstanceKey, true)
			}
			inWorkflows.WatchWorker(o)
			return inWorkflows.ConfigureWorker(ctx, o)
		},
		ConfigureWorkflowReplayer: func(_ context.Context, o worker.PluginConfigureWorkflowReplayerOptions) error {
			inWorkflows.WatchReplayer(o)
			return nil
		},
		RunContextAfter: func(_ context.Context, o temporal.SimplePluginRunContextAfterOptions) {
			recorder.Managed.Ended(o.InstanceKey)
		},
		RunContextBefore: func(ctx context.Context, o temporal.SimplePluginRunContextBeforeOptions) error {
			if err := cfg.validate(); err != nil {
				return err
			}
			workflows.RegisterScorers(o.Registry, cfg.Scorers)
			if all, err := activities.NewJudges(cfg.Judges); err == nil {
				all.Register(o.Registry)
			}
			if _, inTest := inTests.Load(o.InstanceKey); inTest || o.WorkflowReplayer {
				return nil
			}
			if err := inWorkflows.Check(ctx, cfg.Client); err != nil {
				return err
			}
			recorder.Began(o.InstanceKey, cfg.Client)
			recorder.Managed.Began(ctx, o.InstanceKey, cfg.Client)
			return nil
		},
	})
	if err != nil {
		panic(err) // only for an empty name
	}
	return &Plugin{plugin, recorder}
}
