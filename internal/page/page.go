// Package page is the worker's one page: what `starter report` shows, with its plots and with links to runs in the
// Temporal UI. It needs no JavaScript.
package page

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/internal/display/plot"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
)

// freshness is how old a page may be: the store is read once in this time, for any number of viewers.
const freshness = 2 * time.Second

//go:embed page.html
var source string

// Options configure the page.
type Options struct {
	Store report.Reader
	// Ask asks the server for the state of a run.
	Ask func(context.Context, scoring.Run) (report.RunState, error)
	// Definitions are the definitions of known experiments, and Define is as in report.Options.
	Definitions []*experiments.Experiment
	Define      func(ctx context.Context, name, version string) (*report.Defined, error)
	// Closed lists runs that ended badly.
	Closed func(ctx context.Context, types []string) ([]report.Ended, error)
	// Away names the parts that are down: "temporal", "store". Nil: not known.
	Away func(context.Context) []string
	// UI is the base URL of the Temporal UI.
	UI string
	// Namespace is the namespace of runs that name none.
	Namespace string
	Logger    *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

type page struct {
	Options
	template *template.Template

	mu   sync.Mutex
	seen *snapshot
}

// snapshot is a report with the pages and figures made from it so far.
type snapshot struct {
	report report.Report
	at     time.Time
	body   []byte
	plots  map[plotKey][]byte
}

// shown is the data of the page.
type shown struct {
	report.Report
	Away []string
}

// plotKey names a plot.
type plotKey struct{ experiment, version, kind string }

// errNoPlot tells that there is no such experiment, version or plot.
var errNoPlot = errors.New("no such plot")

// New returns the page at GET / and the plots of experiments at GET /experiments/{name}/{version}/sequence.svg and
// forest.svg.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &page{Options: o}
	p.template = template.Must(template.New("page").Funcs(template.FuncMap{
		"run": p.link, "number": display.Number, "probability": display.Probability, "interval": display.Range, "difference": display.Difference,
		"differenceRange": display.DifferenceRange, "lift": display.Lift, "liftRange": display.LiftRange, "pairs": display.Pairs, "deviation": display.Deviation,
		"scores": display.Scores, "runs": display.Runs, "facts": display.Facts, "methods": display.Methods, "liftsUndefined": display.LiftsUndefined,
		"judges": display.Judges, "judgedNote": func() string { return display.JudgedNote }, "judgedHeader": display.JudgedHeader, "judgedRows": display.JudgedRows,
		"confusion": display.Confusion, "calibration": display.Calibration, "judgedCaveats": display.JudgedCaveats,
		"more": display.MoreCounts, "plots": plotsOf,
		"liftUndefined": func() string { return display.LiftUndefined },
		"time": func(t time.Time) string {
			if t.IsZero() {
				return "-"
			}
			return t.UTC().Format(time.DateTime + " MST")
		},
	}).Parse(source))
	mux := http.NewServeMux()
	if o.Away == nil {
		p.Away = func(context.Context) []string { return nil }
	}
	mux.HandleFunc("GET /{$}", p.servePage)
	mux.HandleFunc("GET /experiments/{name}/{version}/{plot}", p.servePlot)
	return mux
}

func (p *page) servePage(w http.ResponseWriter, r *http.Request) {
	p.serve(w, r, "text/html", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'", func() ([]byte, error) { return p.page(r.Context()) })
}

func (p *page) servePlot(w http.ResponseWriter, r *http.Request) {
	key := plotKey{r.PathValue("name"), r.PathValue("version"), r.PathValue("plot")}
	p.serve(w, r, "image/svg+xml", "default-src 'none'; style-src 'unsafe-inline'", func() ([]byte, error) { return p.plot(r.Context(), key) })
}

// serve writes a page or figure, under a policy that lets it load and run nothing else.
func (p *page) serve(w http.ResponseWriter, r *http.Request, kind, policy string, build func() ([]byte, error)) {
	body, err := build()
	switch {
	case errors.Is(err, errNoPlot):
		http.Error(w, "there is no such experiment, version or plot", http.StatusNotFound)
		return
	case err != nil:
		p.Logger.Error("the page could not be built", "error", err)
		said := "the store does not answer; see the log"
		if !slices.Contains(p.Away(r.Context()), "temporal") {
			said += "\nwhat comes meanwhile is held by Temporal"
		}
		http.Error(w, said, http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind+"; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(body)
}

// current returns a report that is fresh enough. The lock is held.
func (p *page) current(ctx context.Context) (*snapshot, error) {
	now := p.Now()
	if p.seen != nil && now.Sub(p.seen.at) < freshness {
		return p.seen, nil
	}
	r, err := report.Build(ctx, p.Store, report.Options{Ask: p.Ask, Now: now, Definitions: p.Definitions, Define: p.Define, Closed: p.Closed, Sequences: true})
	if err != nil {
		return nil, err
	}
	p.seen = &snapshot{report: r, at: now, plots: map[plotKey][]byte{}}
	return p.seen, nil
}

func (p *page) page(ctx context.Context) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	if s.body != nil {
		return s.body, nil
	}
	var b bytes.Buffer
	if err := p.template.Execute(&b, shown{s.report, p.Away(ctx)}); err != nil {
		return nil, err
	}
	s.body = b.Bytes()
	return s.body, nil
}

func (p *page) plot(ctx context.Context, key plotKey) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	if svg, ok := s.plots[key]; ok {
		return svg, nil
	}
	for _, e := range s.report.Experiments {
		if e.Name != key.experiment || e.Version != key.version {
			continue
		}
		for _, f := range plotsOf(e, s.report.AsOf) {
			if f.file != key.kind {
				continue
			}
			svg, err := f.SVG()
			if err == nil {
				s.plots[key] = svg
			}
			return svg, err
		}
	}
	return nil, errNoPlot
}

// figure is a plot with its place.
type figure struct {
	plot.Figure
	file string
	path string
}

// Path is where the plot is, relative to the page.
func (f figure) Path() string { return f.path + "/" + f.file }

// plotsOf returns the plots of an experiment.
func plotsOf(e report.Experiment, asOf time.Time) []figure {
	path := "experiments/" + url.PathEscape(e.Name) + "/" + url.PathEscape(e.Version)
	return []figure{{plot.Sequence(e, asOf), "sequence.svg", path}, {plot.Forest(e, asOf), "forest.svg", path}}
}

// link is a run's page in the Temporal UI.
func (p *page) link(r scoring.Run) string {
	namespace := r.Namespace
	if namespace == "" {
		namespace = p.Namespace
	}
	return p.UI + "/namespaces/" + url.PathEscape(namespace) + "/workflows/" + url.PathEscape(r.WorkflowID) + "/" + url.PathEscape(r.RunID) + "/history"
}
