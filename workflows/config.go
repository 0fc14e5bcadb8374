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

// Config is how a plugin behaves in workflow code. It must be the same on every worker of a task queue, except Disabled
// and SearchAttributes, which may change at any time: the end of a run keeps the shape that it began with.
type Config struct {
	// TaskQueue is where the worker polls that opens the store.
	TaskQueue string
	// SearchAttributes upserts a run's scores when it ends, and sets them on scorers.
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
	// Attributes are the keys that runs may say attributes of.
	Attributes []string
	// Off is the kill switch. It is asked inside workflow tasks, so it must answer at once; see [activities.Switch]. Nil means on.
	Off func() bool
	// Refused, if not nil, is called for each refused call in a run, and not again in a replay.
	Refused func(error)

	theirs sync.Map // the user's workflow types that have a scorer's name
	hosts  sync.Map // by task queue: the host of the worker that polls it

	mu      sync.Mutex
	clients []*client.Options // that the plugin is on, the newest last

	checked atomic.Bool // that the search attributes are registered, in
	indexes sync.Map    // these namespaces
	fit     atomic.Bool // that the data converter takes the values that we put into histories, or
	encoded sync.Map    // that a run has found out, by task queue
	growth  sync.Map    // how many bytes it makes of one, by task queue
}

func (c *Config) disabled(workflowType string) bool { return slices.Contains(c.Disabled, workflowType) }

// recorderOf returns the recorder of a workflow type's runs and activities: recorder, or one that is off.
func (c *Config) recorderOf(workflowType string, recorder *activities.Recorder) *activities.Recorder {
	if c.disabled(workflowType) {
		return &activities.Recorder{Off: func() bool { return true }}
	}
	return recorder
}

// silent tells whether the kill switch is thrown. No command may depend on it, only the content of a command: a replay
// does not ask.
func (c *Config) silent(ctx workflow.Context) bool {
	return c.Off != nil && !workflow.IsReplaying(ctx) && c.Off()
}

// ConfigureWorker takes the options that runs need from a worker with the plugin. It keeps the user's preferred
// versions away from our change ids, whose shapes only we know.
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

// host returns the facts about the worker that runs info's run now.
func (c *Config) host(info *workflow.Info) host {
	if h, ok := c.hosts.Load(info.TaskQueueName); ok {
		return h.(host)
	}
	return host{patience: patience}
}

// build returns the build id of the worker that runs the code now. The build id that the SDK gives workflow code may be
// the one of the last replayed task.
func (c *Config) build(info *workflow.Info) string {
	if id := c.host(info).buildID; id != "" {
		return id
	}
	return info.GetCurrentBuildID()
}
