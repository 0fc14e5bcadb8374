package workflows

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
)

// Config is how a plugin behaves in workflow code. It must be the same on every worker of a task queue but for
// Disabled and SearchAttributes, which may change at any time: a run keeps the shape that it began its end with.
type Config struct {
	// TaskQueue is where the worker polls that opens the store.
	TaskQueue string
	// SearchAttributes upserts what was scored when a run ends, and sets it on scorers.
	SearchAttributes bool
	// Doubles are scores that have a Double search attribute of their own name, by score name.
	Doubles map[string]string
	// Disabled are workflow types whose runs are not recorded. Runs that were recorded before keep their shape.
	Disabled []string
	// TokenKey signs and seals tokens; nil means that there are none.
	TokenKey []byte
	// Scorers are the names of the scorers that this worker has.
	Scorers []string
	// ScorerTaskQueue is where scorers run. Empty means the task queue of the run that defers them.
	ScorerTaskQueue string
	// Off is the kill switch. It is asked inside workflow tasks, so it must answer at once; see [activities.Switch]. Nil means on.
	Off func() bool
	// Refused hears of each call in a run that was refused, and not again in a replay. Nil: nobody does.
	Refused func(error)

	theirs sync.Map // workflow types of the user's that have a scorer's name
	hosts  sync.Map // by task queue: the host of the worker that polls it

	mu      sync.Mutex
	clients []*client.Options // that the plugin is on, the newest last

	checked atomic.Bool // that the search attributes are registered, in
	indexes sync.Map    // these namespaces
	fit     atomic.Bool // that the data converter takes what we put into histories, or
	encoded sync.Map    // that a run has found out, by task queue
}

func (c *Config) disabled(workflowType string) bool { return slices.Contains(c.Disabled, workflowType) }

// recorderOf returns the recorder of a workflow type's runs and activities: recorder, or one that is off.
func (c *Config) recorderOf(workflowType string, recorder *activities.Recorder) *activities.Recorder {
	if c.disabled(workflowType) {
		return &activities.Recorder{Off: func() bool { return true }}
	}
	return recorder
}

// silent tells whether the kill switch is thrown. No command may depend on it, only what a command carries: a replay does
// not ask.
func (c *Config) silent(ctx workflow.Context) bool {
	return c.Off != nil && !workflow.IsReplaying(ctx) && c.Off()
}

// ConfigureWorker takes what runs need to know of a worker that is made with the plugin. It keeps the user's preferred
// versions away from our change ids, which mean shapes that only we know.
func (c *Config) ConfigureWorker(_ context.Context, o worker.PluginConfigureWorkerOptions) error {
	c.hosts.Store(o.TaskQueue, hostOf(o.WorkerOptions))
	if option := limit(o.WorkerOptions); option != "" {
		slog.Info("Verdict records through side effects on this worker: a local activity may have to wait for a slot",
			"TaskQueue", o.TaskQueue, "Option", option)
	}
	if preferred := o.WorkerOptions.PreferredVersionProvider; preferred != nil {
		o.WorkerOptions.PreferredVersionProvider = func(in worker.PreferredVersionProviderInput) *worker.VersionPreference {
			if strings.HasPrefix(in.ChangeID, changePrefix) {
				return nil
			}
			return preferred(in)
		}
	}
	return nil
}

// host returns what is known of the worker that runs info's run now.
func (c *Config) host(info *workflow.Info) host {
	if h, ok := c.hosts.Load(info.TaskQueueName); ok {
		return h.(host)
	}
	return host{patience: patience}
}

// build returns the build id of the worker that runs the code now. What the SDK says in workflow code may be the build of
// the last task that was replayed.
func (c *Config) build(info *workflow.Info) string {
	if id := c.host(info).buildID; id != "" {
		return id
	}
	return info.GetCurrentBuildID()
}
