package storeworker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/internal/api"
	"github.com/verdict-dev/verdict/internal/proxy"
	"github.com/verdict-dev/verdict/webhooks"
)

// handlers are the HTTP handlers of a store worker.
type handlers struct {
	health, webhooks, api, pages, numbers http.Handler
}

// Handler answers everything: the health checks and what [Worker.Webhooks], [Worker.API], [Worker.Pages] and
// [Worker.Metrics] answer. Under a prefix, mount it behind http.StripPrefix.
func (s *Worker) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/webhooks/", s.webhooks)
	mux.Handle("/v1/", s.api)
	mux.Handle("/metrics", s.numbers)
	mux.Handle("/livez", s.health)
	mux.Handle("/readyz", s.health)
	mux.Handle("/", s.pages)
	return mux
}

// Webhooks answers POST /webhooks/{sender} of each sender that has a secret.
func (s *Worker) Webhooks() http.Handler { return s.webhooks }

// API answers the paths below /v1/: POST scores and outcomes, and GET scores, outcomes, runs, sessions and experiments.
func (s *Worker) API() http.Handler { return s.api }

// Pages answers GET / and the plots below GET /experiments/, which the page names relative to itself.
func (s *Worker) Pages() http.Handler { return s.pages }

// Metrics answers GET /metrics in the text format of Prometheus.
func (s *Worker) Metrics() http.Handler { return s.numbers }

func (s *Worker) serve(h http.Handler) {
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

// handle makes the handlers.
func (s *Worker) handle(cfg Options, numbers http.Handler) error {
	s.parts = &parts{log: s.log, all: []part{
		timed(s.metrics, part{"temporal", tryTemporal(s.temporal)}), timed(s.metrics, part{"store", cfg.Store.TryWrite}),
	}}
	h := health{&s.ready, s.parts}
	s.health = routes(map[string]http.Handler{"GET /livez": http.HandlerFunc(h.live), "GET /readyz": http.HandlerFunc(h.readiness)})

	d := s.delivery(cfg)
	refused := rejections{cfg.Store, s.log}
	hooks, err := cfg.Webhooks.handlers(webhooks.Options{
		Sink: d, Rejected: refused.One, RejectedMore: refused.More, Sender: sender(cfg.TrustedProxies), Logger: s.log,
	})
	if err != nil {
		return err
	}
	for path, hook := range hooks {
		if c, ok := hook.(io.Closer); ok {
			s.hooks = append(s.hooks, c)
		}
		hooks[path] = countedHook(s.metrics, strings.TrimPrefix(path, "/webhooks/"), hook)
		s.log.Info("webhooks are received", "path", path)
	}
	s.webhooks = counted(s.metrics, "webhooks", routes(hooks))

	guard := api.Guard{
		Tokens: cfg.APITokens, Loopback: cfg.Listen == "" || api.IsLoopback(cfg.Listen), Proxies: cfg.TrustedProxies, Open: cfg.Authenticated,
	}
	if len(guard.Tokens) == 0 && !guard.Loopback && !guard.Open {
		s.log.Warn("the API and the page are off: the address is not a loopback address and VERDICT_API_TOKEN is not set", "http", cfg.Listen)
	}
	s.api = counted(s.metrics, "api", api.New(guard, api.Options{
		Store: cfg.Store, Temporal: s.temporal, Deliver: d.deliver, Namespace: cfg.Client.Namespace,
		Report: s.report(cfg), TokenKeys: cfg.TokenKeys, Logger: s.log,
	}))
	pages := guard.Protect(s.page(cfg), true)
	s.pages = counted(s.metrics, "pages", routes(map[string]http.Handler{"GET /{$}": pages, "GET /experiments/": pages}))
	s.numbers = counted(s.metrics, "metrics", routes(map[string]http.Handler{"GET /metrics": guard.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setAway(s.metrics, s.parts.all, s.parts.look(r.Context()))
		numbers.ServeHTTP(w, r)
	}), false)}))
	return nil
}

func routes(all map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range all {
		mux.Handle(pattern, h)
	}
	return mux
}
