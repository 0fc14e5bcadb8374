// Package page is the worker's one page: what `starter report` shows, with links to runs in the Temporal UI. It needs no
// JavaScript.
package page

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// freshness is how old a page may be: however many look, the store is read once in this time.
const freshness = 2 * time.Second

//go:embed page.html
var source string

// Options are what the page shows.
type Options struct {
	Store store.Reader
	// Ask asks the server for the state of a run.
	Ask func(context.Context, scoring.Run) (report.RunState, error)
	// Definitions are those of experiments that are known.
	Definitions []*experiments.Experiment
	// UI is the base URL of the Temporal UI.
	UI string
	// Namespace is that of runs which name none.
	Namespace string
	Logger    *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

type page struct {
	Options
	template *template.Template

	mu   sync.Mutex
	at   time.Time
	body []byte
}

// New returns the page.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &page{Options: o}
	p.template = template.Must(template.New("page").Funcs(template.FuncMap{
		"run": p.link, "number": report.Number, "interval": report.Range, "time": func(t time.Time) string { return t.UTC().Format(time.DateTime + " MST") },
	}).Parse(source))
	return p
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := p.render(r.Context())
	if err != nil {
		p.Logger.Error("the page could not be made", "error", err)
		http.Error(w, "the store does not answer; the log says more", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(body)
}

func (p *page) render(ctx context.Context) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	if p.body != nil && now.Sub(p.at) < freshness {
		return p.body, nil
	}
	r, err := report.Build(ctx, p.Store, report.Options{Ask: p.Ask, Now: now, Definitions: p.Definitions})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := p.template.Execute(&b, r); err != nil {
		return nil, err
	}
	p.at, p.body = now, b.Bytes()
	return p.body, nil
}

// link is a run's page in the Temporal UI.
func (p *page) link(r scoring.Run) string {
	namespace := r.Namespace
	if namespace == "" {
		namespace = p.Namespace
	}
	return p.UI + "/namespaces/" + url.PathEscape(namespace) + "/workflows/" + url.PathEscape(r.WorkflowID) + "/" + url.PathEscape(r.RunID) + "/history"
}
