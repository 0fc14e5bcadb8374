// Package service is the worker that opens the store, as it runs: the Temporal worker with Verdict's own workflows and
// activities, and the HTTP server with the health checks, the webhooks, the API and the page.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/app/api"
	"github.com/verdict-dev/verdict/internal/app/proxy"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/webhooks"
	"github.com/verdict-dev/verdict/workflows"
)

// drainLimit is how long a stop waits for the HTTP requests that are under way. A webhook is answered well within it. It is
// also what a stop may take beyond what the Temporal worker may.
const drainLimit = 5 * time.Second

// endLimit is what is left of that for the process to end.
const endLimit = 500 * time.Millisecond

// Config is what a service works with.
type Config struct {
	// Client says how to reach Temporal. The plugin is added to it.
	Client client.Options
	// Store is where everything is kept. The service closes it, also when it does not start.
	Store store.Store
	// TaskQueue is where recording workflows and deliveries are started. Default: "verdict".
	TaskQueue string
	// Worker are the options of the Temporal worker.
	Worker worker.Options
	// SearchAttributes puts scores into visibility; Start fails if the attributes are not registered.
	SearchAttributes bool
	// Listen is the address of the HTTP server, such as "127.0.0.1:8080".
	Listen string
	// UI is the base URL of the Temporal UI, for links.
	UI string
	// Definitions are those of experiments that are known, for the page. That of another one its workflow knows, or it is
	// inferred.
	Definitions []*experiments.Experiment
	// APITokens let clients in. Without any, the API and the page are served on a loopback address only.
	APITokens []string
	// TrustedProxies are believed when they say whom they forward for, and decide who reaches the API and the page where there are no
	// APITokens.
	TrustedProxies proxy.Trusted
	// TokenKeys open run tokens.
	TokenKeys [][]byte
	// Webhooks are the senders that deliveries are accepted from.
	Webhooks Webhooks
	// Keep says for how long things are kept.
	Keep   Keep
	Logger *slog.Logger
}

// Service is a worker that runs.
type Service struct {
	log      *slog.Logger
	ready    atomic.Bool
	fatal    chan error
	listener net.Listener
	server   *http.Server
	worker   stopper
	hooks    []io.Closer // the webhooks' handlers
	upkeep   *upkeep
	temporal client.Client
	store    io.Closer

	parts     *parts
	metrics   *metrics
	stopLimit time.Duration
	step      atomic.Value // of a stop: its name
}

// stopper is the part of a Temporal worker that a stop needs.
type stopper interface{ Stop() }

// Start starts a service. When it returns without an error the worker polls, and requests are answered.
func Start(ctx context.Context, cfg Config) (_ *Service, err error) {
	s := &Service{
		log: cfg.Logger, fatal: make(chan error, 2), store: cfg.Store, metrics: &metrics{handler: cfg.Client.MetricsHandler},
		stopLimit: cfg.Worker.WorkerStopTimeout + drainLimit - endLimit,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if cfg.TaskQueue == "" {
		cfg.TaskQueue = activities.DefaultTaskQueue
	}
	plugin := verdict.NewPlugin(verdict.Config{
		Store: cfg.Store, TaskQueue: cfg.TaskQueue, SearchAttributes: cfg.SearchAttributes,
	})
	cfg.Client.Plugins = append(cfg.Client.Plugins, plugin)
	if s.temporal, err = client.DialContext(ctx, cfg.Client); err != nil {
		return nil, fmt.Errorf("no Temporal server at %s (--address or TEMPORAL_ADDRESS says where): %w", cfg.Client.HostPort, err)
	}
	handler, err := s.handler(cfg)
	if err != nil {
		return nil, err
	}
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	s.serve(handler)
	if err := s.startWorker(cfg); err != nil {
		return nil, err
	}
	s.upkeep = startUpkeep(s.log, append(tasksOf(cfg.Store, cfg.Keep, s.delivery(cfg)), task{"look what is away", lookEvery, func(ctx context.Context) error {
		s.metrics.away(s.parts.all, s.parts.look(ctx))
		return nil
	}}))
	s.ready.Store(true)
	s.log.Info("ready", "http", s.URL(), "namespace", cfg.Client.Namespace, "task_queue", cfg.TaskQueue)
	return s, nil
}

func (s *Service) startWorker(cfg Config) error {
	cfg.Worker.OnFatalError = func(err error) { s.fail(fmt.Errorf("temporal worker: %w", err)) }
	w := worker.New(s.temporal, cfg.TaskQueue, cfg.Worker)
	workflows.Register(w)
	(&activities.Set{Store: cfg.Store, Client: s.temporal, Find: analysis.Find}).Register(w)
	if err := w.Start(); err != nil {
		return fmt.Errorf("temporal worker: %w", err)
	}
	s.worker = w
	return nil
}

func (s *Service) serve(h http.Handler) {
	s.server = &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
	}
	go func() {
		if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("http: %w", err))
		}
	}()
}

// fail says, once, that the service cannot go on.
func (s *Service) fail(err error) {
	select {
	case s.fatal <- err:
	default:
	}
}

// Failed returns the channel on which the service says that it cannot go on and must be stopped.
func (s *Service) Failed() <-chan error { return s.fatal }

// URL is the base URL of the HTTP server.
func (s *Service) URL() string { return "http://" + s.listener.Addr().String() }

// Client is the Temporal client, with the plugin.
func (s *Service) Client() client.Client { return s.temporal }

// lookEvery is how often it is looked what is away, whether somebody asks or not.
const lookEvery = 10 * time.Second

// delivery is how outcomes are delivered.
func (s *Service) delivery(cfg Config) delivery {
	return delivery{temporal: s.temporal, store: cfg.Store, taskQueue: cfg.TaskQueue, log: s.log}
}

// Stop stops in the order in which nothing is lost: no longer ready, so that a load balancer looks elsewhere; no new
// request, and those that are under way to their end; no new task, and those that are under way to their end; and then
// what all of them used. It ends after the time that the Temporal worker may take to stop and 5 s, whatever hangs: what was
// under way then is done again by another worker.
func (s *Service) Stop() error {
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	limit := time.NewTimer(max(s.stopLimit, drainLimit-endLimit))
	defer limit.Stop()
	select {
	case err := <-stopped:
		return err
	case <-limit.C:
		s.log.Warn("stopped without waiting any longer; what was under way is done again by another worker", "step", s.step.Load(), "limit", s.stopLimit)
		return nil
	}
}

func (s *Service) stop() error {
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
			// Whoever dawdles comes again: it was not told that anything is held.
			s.log.Warn("requests were cut off", "after", drainLimit, "error", errors.Join(err, s.server.Close()))
		}
	}
	if s.worker != nil {
		begin("worker")
		s.worker.Stop()
	}
	if s.upkeep != nil {
		begin("upkeep")
		s.upkeep.stop()
	}
	for _, h := range s.hooks {
		errs = append(errs, h.Close()) // what they have counted goes into the ledger
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

// sender names the sender of a request: whom a trusted proxy forwards for, else who is connected.
func sender(trusted proxy.Trusted) func(*http.Request) string {
	return func(r *http.Request) string {
		client, ok := trusted.Client(r)
		if !ok {
			return r.RemoteAddr
		}
		return webhooks.Network(client)
	}
}

// handler is everything that the HTTP server answers.
func (s *Service) handler(cfg Config) (http.Handler, error) {
	mux := http.NewServeMux()
	s.parts = &parts{log: s.log, all: []part{{"temporal", tryTemporal(s.temporal)}, {"store", tryStore(cfg.Store)}}}
	h := health{ready: &s.ready, parts: s.parts, alone: []string{"temporal"}}
	if _, ok := cfg.Store.(untold); ok {
		h.alone = append(h.alone, "store")
	}
	mux.HandleFunc("GET /livez", h.live)
	mux.HandleFunc("GET /readyz", h.readiness)

	d := s.delivery(cfg)
	refused := rejections{cfg.Store, s.log}
	hooks, err := cfg.Webhooks.handlers(webhooks.Options{
		Sink: d, Rejected: refused.One, RejectedMore: refused.More, Sender: sender(cfg.TrustedProxies), Logger: s.log,
	})
	if err != nil {
		return nil, err
	}
	for path, hook := range hooks {
		mux.Handle(path, s.metrics.counted(strings.TrimPrefix(path, "/webhooks/"), hook))
		if c, ok := hook.(io.Closer); ok {
			s.hooks = append(s.hooks, c)
		}
		s.log.Info("webhooks are received", "path", path)
	}

	guard := api.Guard{Tokens: cfg.APITokens, Loopback: api.IsLoopback(cfg.Listen), Proxies: cfg.TrustedProxies}
	if len(guard.Tokens) == 0 && !guard.Loopback {
		s.log.Warn("the API and the page are not served: this is no loopback address and there is no VERDICT_API_TOKEN", "http", cfg.Listen)
	}
	api.Register(mux, guard, api.Options{
		Store: cfg.Store, Temporal: s.temporal, Deliver: d.deliver, Namespace: cfg.Client.Namespace,
		TokenKeys: cfg.TokenKeys, Logger: s.log,
	})
	pages := guard.Protect(s.page(cfg), true)
	mux.Handle("GET /{$}", pages)
	mux.Handle("GET /experiments/", pages)
	mux.Handle("GET /metrics", guard.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.metrics.away(s.parts.all, s.parts.look(r.Context()))
		s.metrics.ServeHTTP(w, r)
	}), false))
	return mux, nil
}
