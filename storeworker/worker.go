// Package storeworker is the worker that keeps the store, as a library: a Temporal worker with Verdict's own workflows and
// activities, and HTTP handlers for health checks, webhooks, API, pages and metrics.
//
// [NewPlugin] makes a worker process of yours the store worker as well, so you deploy nothing else. [Start] runs one by
// itself, as the program worker does. Both run in as many processes as the store allows: one for SQLite, any number for
// Postgres.
package storeworker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/fold"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// drainLimit is how long a stop waits for the HTTP requests in progress. A webhook is answered well within it. It is
// also how much longer a stop may take than the Temporal worker's.
const drainLimit = 5 * time.Second

// endLimit is the part of it for the process to end.
const endLimit = 500 * time.Millisecond

// Options configure a store worker.
type Options struct {
	// Client says how to reach Temporal: address and namespace, TLS, data converter and codec, interceptors, metrics handler.
	// Verdict's own plugin is added to its Plugins. [NewPlugin] takes the options of the client that it is on instead.
	Client client.Options
	// Store is where everything is kept. [Start] closes it when it stops, also when it does not start. [NewPlugin] takes
	// the store of its verdict.Config and leaves it open.
	Store store.Store
	// TaskQueue is the task queue of recording workflows and deliveries; no other worker polls it. Default: "verdict".
	TaskQueue string
	// Worker are the options of the Temporal worker.
	Worker worker.Options
	// SearchAttributes puts scores into visibility; a store worker does not start if the attributes are not registered.
	SearchAttributes bool
	// Listen is the address of an HTTP server of its own for [Worker.Handler], such as "127.0.0.1:8080". Empty: none; mount the
	// handlers.
	Listen string
	// UI is the base URL of the Temporal UI, for links.
	UI string
	// Definitions are the definitions of known experiments, for the page. Other definitions come from their rollouts, or
	// are inferred.
	Definitions []*experiments.Experiment
	// APITokens let clients in. Without any, API, pages and metrics answer only requests from this host.
	APITokens []string
	// Authenticated means that the code that mounts the handlers checks access: they ask for no token.
	Authenticated bool
	// TrustedProxies are networks whose proxies are believed when they say whom they forward for, and decide who reaches API, pages
	// and metrics where there are no APITokens.
	TrustedProxies []netip.Prefix
	// TokenKeys open run tokens; each has at least 32 bytes.
	TokenKeys [][]byte
	// Webhooks are the senders that deliveries are accepted from.
	Webhooks Webhooks
	// Scorers are scorers over histories that a backfill may name, next to the ready-made ones of package history.
	Scorers []history.Scorer
	// Rules have runs scored as they close, from their histories: see [Rule]. A rule that is taken away ends an hour after the last worker
	// that has it.
	Rules []Rule
	// Rechecks have runs of the last days scored again every night: see [Recheck]. Delete the schedule of one that is taken away.
	Rechecks []Recheck
	// Keep says for how long things are kept.
	Keep Keep
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// complete fills in the defaults.
func (o *Options) complete() {
	o.TaskQueue = cmp.Or(o.TaskQueue, activities.DefaultTaskQueue)
	o.Client.HostPort = cmp.Or(o.Client.HostPort, client.DefaultHostPort)
	o.Client.Namespace = cmp.Or(o.Client.Namespace, client.DefaultNamespace)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Worker is a store worker that runs.
type Worker struct {
	log      *slog.Logger
	ready    atomic.Bool
	fatal    chan error
	listener net.Listener
	server   *http.Server
	workers  []stopper
	hooks    []io.Closer // the webhooks' handlers
	upkeep   *upkeep
	temporal client.Client
	carrier  *activities.Carrier
	store    io.Closer // nil: the caller's

	handlers
	parts     *parts
	metrics   client.MetricsHandler
	stopLimit time.Duration
	pulse     *pulse
	wake      chan struct{}
	step      atomic.Value // of a stop: its name
}

// stopper is the part of a Temporal worker that a stop needs.
type stopper interface{ Stop() }

// Start starts a store worker. When it returns without an error the worker polls, and requests are answered. Stop it.
func Start(ctx context.Context, o Options) (*Worker, error) {
	return start(ctx, o, o.Store, newRegistry())
}

// start starts a store worker that closes owned when it stops.
func start(ctx context.Context, cfg Options, owned io.Closer, numbers *registry) (_ *Worker, err error) {
	cfg.complete()
	cfg.Client.MetricsHandler = numbers.handler(cfg.Client.MetricsHandler)
	s := &Worker{
		log: cfg.Logger, fatal: make(chan error, 2), wake: make(chan struct{}, 1), pulse: newPulse(), store: owned, metrics: cfg.Client.MetricsHandler,
		stopLimit: cfg.Worker.WorkerStopTimeout + drainLimit - endLimit,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if cfg.Store == nil {
		return nil, errors.New("a store worker needs a store: open one of package store/sqlite or store/postgres")
	}
	plugin := verdict.NewPlugin(verdict.Config{
		Store: cfg.Store, StoreTaskQueue: cfg.TaskQueue, SearchAttributes: cfg.SearchAttributes,
	})
	cfg.Client.Plugins = append(slices.Clip(cfg.Client.Plugins), plugin)
	if s.temporal, err = client.DialContext(ctx, cfg.Client); err != nil {
		return nil, fmt.Errorf("no Temporal server at %s (set by --address or TEMPORAL_ADDRESS): %w", cfg.Client.HostPort, err)
	}
	s.carrier = &activities.Carrier{Client: s.temporal, TaskQueue: cfg.TaskQueue}
	if err := s.handle(cfg, numbers); err != nil {
		return nil, err
	}
	if cfg.Listen != "" {
		if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen); err != nil {
			return nil, fmt.Errorf("http: %w", err)
		}
		s.serve(s.Handler())
	}
	if err := s.startWorker(cfg); err != nil {
		return nil, err
	}
	s.upkeep = startUpkeep(s.log, append(tasksOf(cfg.Store, cfg.Keep, s.delivery(cfg), s.sealer(cfg)), s.follow(cfg), s.preview(cfg), s.schedule(cfg), task{what: "check the store and Temporal", every: lookEvery, do: func(ctx context.Context) error {
		setAway(s.metrics, s.parts.all, s.parts.look(ctx))
		return nil
	}}))
	s.ready.Store(true)
	s.log.Info("ready", "http", s.URL(), "namespace", cfg.Client.Namespace, "task_queue", cfg.TaskQueue)
	return s, nil
}

func (s *Worker) startWorker(cfg Options) error {
	fatal := cfg.Worker.OnFatalError
	cfg.Worker.OnFatalError = func(err error) {
		s.fail(fmt.Errorf("temporal worker: %w", err))
		if fatal != nil {
			fatal(err)
		}
	}
	if err := validate(cfg.Scorers, cfg.Rules, cfg.Rechecks); err != nil {
		return err
	}
	set := &activities.Set{
		Store: cfg.Store, Client: s.temporal, DataConverter: cfg.Client.DataConverter, Scorers: cfg.Scorers, Rules: cfg.Rules, Rechecks: cfg.Rechecks,
		Find: fold.Find(cfg.Store),
	}
	for _, queue := range []string{cfg.TaskQueue, activities.BundleQueue(cfg.TaskQueue)} {
		w := worker.New(s.temporal, queue, cfg.Worker)
		workflows.Register(w)
		set.Register(w)
		if err := w.Start(); err != nil {
			return fmt.Errorf("temporal worker: %w", err)
		}
		s.workers = append(s.workers, w)
	}
	return nil
}

// fail reports, once, that the store worker has failed.
func (s *Worker) fail(err error) {
	select {
	case s.fatal <- err:
	default:
	}
}

// Failed returns the channel that gets the error when the store worker has failed and must be stopped.
func (s *Worker) Failed() <-chan error { return s.fatal }

// URL is the base URL of the HTTP server; empty if there is none.
func (s *Worker) URL() string {
	if s.listener == nil {
		return ""
	}
	return "http://" + s.listener.Addr().String()
}

// Client is the Temporal client, with the plugin.
func (s *Worker) Client() client.Client { return s.temporal }

// lookEvery is how often the store and Temporal are checked, with or without a request.
const lookEvery = 10 * time.Second

// delivery is how outcomes are delivered.
func (s *Worker) delivery(cfg Options) delivery {
	return delivery{temporal: s.temporal, store: cfg.Store, namespace: cfg.Client.Namespace, carrier: s.carrier, log: s.log, pulse: s.pulse, wake: s.wake}
}

// sealer seals units.
func (s *Worker) sealer(cfg Options) *sealer {
	define := report.DefinedByControl(s.temporal)
	return &sealer{store: cfg.Store, definitions: cfg.Definitions, now: time.Now, log: s.log, define: func(ctx context.Context, name, version string) (*report.Defined, error) {
		if slices.Contains(s.parts.look(ctx), "temporal") {
			return nil, errAway
		}
		if x, err := define(ctx, name, version); x != nil || err != nil {
			return x, err
		}
		x, err := report.InStore(ctx, cfg.Store, name, version)
		if x == nil || err != nil {
			return nil, err
		}
		return &report.Defined{Experiment: x, Registered: true}, nil
	}}
}

// Stop stops in an order that loses nothing: first readiness, so that a load balancer looks elsewhere; then HTTP, after
// the requests in progress; then Temporal tasks, after the ones in progress; and last their resources. It returns after
// the Temporal worker's stop timeout plus 5 s, even if something hangs: another worker repeats the unfinished work.
func (s *Worker) Stop() error {
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	limit := time.NewTimer(max(s.stopLimit, drainLimit-endLimit))
	defer limit.Stop()
	select {
	case err := <-stopped:
		return err
	case <-limit.C:
		s.log.Warn("stopped without waiting any longer; another worker repeats the unfinished work", "step", s.step.Load(), "limit", s.stopLimit)
		return nil
	}
}

func (s *Worker) stop() error {
	var errs []error
	begin := func(step string) {
		s.step.Store(step)
		s.log.Info("stopping", "step", step)
	}
	s.ready.Store(false)
	if s.server != nil {
		begin("http")
		ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
		defer cancel()
		if err := s.server.Shutdown(ctx); err != nil {
			// A slow sender comes again: it got no answer that anything is held.
			s.log.Warn("requests were cut off", "after", drainLimit, "error", errors.Join(err, s.server.Close()))
		}
	}
	if len(s.workers) > 0 {
		begin("worker")
		var all sync.WaitGroup
		for _, w := range s.workers {
			all.Go(w.Stop)
		}
		all.Wait()
	}
	if s.upkeep != nil {
		begin("upkeep")
		s.upkeep.stop()
	}
	for _, h := range s.hooks {
		errs = append(errs, h.Close()) // their counts go into the ledger
	}
	if s.store != nil {
		begin("store")
		if err := s.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("store: %w", err))
		}
	}
	if s.temporal != nil {
		s.temporal.Close()
	}
	return errors.Join(errs...)
}
