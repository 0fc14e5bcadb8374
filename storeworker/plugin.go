package storeworker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
)

// Plugin is verdict's plugin, with a store worker in addition to the workers that it is on. The store worker starts
// before the first of them and stops after the last.
type Plugin struct {
	*verdict.Plugin
	options Options
	numbers *registry

	running atomic.Pointer[Worker]

	mu      sync.Mutex
	client  *client.Options // as other plugins leave them
	workers map[string]bool // by instance
	unwatch context.CancelFunc

	misplaced map[string]bool // the workers on the store worker's own task queue
}

// NewPlugin returns a plugin for Plugins of client.Options, instead of verdict.NewPlugin: it does the same, and runs a
// store worker in this process, on cfg.Store. Fields that o leaves out come from cfg: Store, StoreTaskQueue,
// SearchAttributes, Definitions and TokenKeys; and Client always comes from the client that the plugin is on.
//
// The client's metrics go to [Plugin.Metrics] too, in addition to its own MetricsHandler.
//
// A store worker that cannot start keeps the first worker from starting. One that fails later logs an error and calls
// Worker.OnFatalError; the other workers keep running, and their records wait in Temporal for another store worker.
func NewPlugin(cfg verdict.Config, o Options) *Plugin {
	o.Store = cfg.Store
	if o.TaskQueue == "" {
		o.TaskQueue = cfg.StoreTaskQueue
	}
	o.SearchAttributes = o.SearchAttributes || cfg.SearchAttributes
	if o.Definitions == nil {
		o.Definitions = cfg.Experiments
	}
	if o.TokenKeys == nil && len(cfg.TokenKey) > 0 {
		o.TokenKeys = [][]byte{cfg.TokenKey}
	}
	o.complete()
	cfg.StoreTaskQueue = o.TaskQueue
	return &Plugin{Plugin: verdict.NewPlugin(cfg), options: o, numbers: newRegistry(), workers: map[string]bool{}, misplaced: map[string]bool{}}
}

// ConfigureClient implements client.Plugin.
func (p *Plugin) ConfigureClient(ctx context.Context, o client.PluginConfigureClientOptions) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil && p.client.Namespace != o.ClientOptions.Namespace {
		return fmt.Errorf("storeworker: the plugin is on a client of namespace %q already: make another one for %q", p.client.Namespace, o.ClientOptions.Namespace)
	}
	p.client = o.ClientOptions
	o.ClientOptions.MetricsHandler = p.numbers.handler(o.ClientOptions.MetricsHandler)
	return p.Plugin.ConfigureClient(ctx, o)
}

// ConfigureWorker implements worker.Plugin.
func (p *Plugin) ConfigureWorker(ctx context.Context, o worker.PluginConfigureWorkerOptions) error {
	if o.TaskQueue == p.options.TaskQueue { // an error here would panic
		p.mu.Lock()
		defer p.mu.Unlock()
		p.misplaced[o.WorkerInstanceKey] = true
	}
	return p.Plugin.ConfigureWorker(ctx, o)
}

// StartWorker implements worker.Plugin.
func (p *Plugin) StartWorker(ctx context.Context, o worker.PluginStartWorkerOptions, next func(context.Context, worker.PluginStartWorkerOptions) error) error {
	if err := p.join(ctx, o.WorkerInstanceKey); err != nil {
		return err
	}
	err := p.Plugin.StartWorker(ctx, o, next)
	if err != nil {
		err = errors.Join(err, p.leave(o.WorkerInstanceKey))
	}
	return err
}

// StopWorker implements worker.Plugin.
func (p *Plugin) StopWorker(ctx context.Context, o worker.PluginStopWorkerOptions, next func(context.Context, worker.PluginStopWorkerOptions)) {
	p.Plugin.StopWorker(ctx, o, next)
	if err := p.leave(o.WorkerInstanceKey); err != nil {
		p.options.Logger.Warn("the store worker has stopped", "error", err)
	}
}

// join starts the store worker if there is none.
func (p *Plugin) join(ctx context.Context, instance string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.misplaced[instance] {
		return fmt.Errorf("storeworker: the task queue %q is the store worker's own: poll another one", p.options.TaskQueue)
	}
	if p.running.Load() == nil {
		if p.client == nil {
			return errors.New("storeworker: the plugin must be on the client: its store worker connects like the client")
		}
		o := p.options
		o.Client = *p.client
		o.Client.Plugins = nil // their changes are made already
		w, err := start(ctx, o, nil, p.numbers)
		if err != nil {
			return fmt.Errorf("storeworker: %w", err)
		}
		p.running.Store(w)
		watching, cancel := context.WithCancel(context.Background())
		p.unwatch = cancel
		go watch(watching, w)
	}
	p.workers[instance] = true
	return nil
}

// watch reports the failure of a store worker.
func watch(ctx context.Context, w *Worker) {
	select {
	case err := <-w.Failed():
		w.log.Error("the store worker failed; this process's records wait in Temporal for another one", "error", err)
	case <-ctx.Done():
	}
}

// leave stops the store worker after the last worker.
func (p *Plugin) leave(instance string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.workers, instance)
	if len(p.workers) > 0 {
		return nil
	}
	if w := p.running.Swap(nil); w != nil {
		p.unwatch()
		return w.Stop()
	}
	return nil
}

// Handler is [Worker.Handler] of the store worker. Like the handlers below it answers 503 while that does not run.
func (p *Plugin) Handler() http.Handler { return p.of((*Worker).Handler) }

// Webhooks is [Worker.Webhooks] of the store worker.
func (p *Plugin) Webhooks() http.Handler { return p.of((*Worker).Webhooks) }

// API is [Worker.API] of the store worker.
func (p *Plugin) API() http.Handler { return p.of((*Worker).API) }

// Pages is [Worker.Pages] of the store worker.
func (p *Plugin) Pages() http.Handler { return p.of((*Worker).Pages) }

// Metrics is [Worker.Metrics] of the store worker.
func (p *Plugin) Metrics() http.Handler { return p.of((*Worker).Metrics) }

func (p *Plugin) of(part func(*Worker) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running := p.running.Load()
		if running == nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the store worker is not running", http.StatusServiceUnavailable)
			return
		}
		part(running).ServeHTTP(w, r)
	})
}
