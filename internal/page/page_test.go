package page

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// get makes the page and returns its status and body.
func get(t *testing.T, h http.Handler) (int, string) {
	t.Helper()
	w := fetch(h, "/")
	return w.Code, w.Body.String()
}

func fetch(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// compared is a store with an experiment in which variants can be told apart.
func compared(t *testing.T, name string) store.Store {
	t.Helper()
	s := open(t)
	var records []scoring.Record
	for i := range 100 {
		variant := []string{"new", "old"}[i%2]
		run := scoring.Run{Namespace: "default", WorkflowID: fmt.Sprintf("w%d", i), RunID: fmt.Sprintf("r%d", i)}
		at := start.Add(time.Duration(i) * time.Second)
		_, err := s.Assign(t.Context(), scoring.Assignment{
			Experiment: name, Version: "1", Variant: variant, By: scoring.ByWeight,
			Probabilities: map[string]float64{"new": .5, "old": .5}, Unit: run.RunID, Run: run, FirstRunID: run.RunID, At: at,
		})
		require.NoError(t, err)
		facts := scoring.RunFacts{Run: run, FirstRunID: run.RunID, StartedAt: at, ClosedAt: at.Add(time.Duration(10+i%7) * time.Second), Attempt: 1, Status: scoring.RunCompleted}
		if i%10 == 3 {
			facts.Status, facts.FailingStep, facts.FailureType = scoring.RunFailed, "Retrieve", "NoIndex"
		}
		require.NoError(t, s.Flush(t.Context(), scoring.Flush{Facts: facts, Sequence: 1, At: facts.ClosedAt}))
		beside := scoring.Run{Namespace: "default", WorkflowID: fmt.Sprintf("s%d", i), RunID: fmt.Sprintf("s%d", i)}
		_, err = s.Assign(t.Context(), scoring.Assignment{
			Experiment: name, Version: "1", Variant: "newest", By: scoring.ByShadow,
			Probabilities: map[string]float64{"newest": 1}, Unit: run.RunID, Run: beside, FirstRunID: beside.RunID, At: at,
		})
		require.NoError(t, err)
		records = append(records, scoring.Record{Score: scoring.Bool("paid", i%4 > 0), Run: beside, Source: scoring.FromWorkflow, RecordedAt: at.Add(time.Minute)})
		records = append(records, scoring.Record{Score: scoring.Bool("paid", i%3 > i%2), Run: run, Source: scoring.FromScorer, RecordedAt: at.Add(time.Minute)})
	}
	require.NoError(t, s.Record(t.Context(), records))
	return s
}

func TestPageComparesAndDraws(t *testing.T) {
	t.Parallel()
	counting := &countingStore{Store: compared(t, "prompt / <b>")}
	now := start.Add(time.Hour)
	h := New(Options{Store: counting, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	w := fetch(h, "/")
	body := w.Body.String()
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "img-src 'self'")
	require.Regexp(t, `<td class="n">0\.66<small>0\.\d{1,3} to 0\.\d{1,3}</small></td><td class="n">&#43;0\.34<small>~?`, body)
	require.Contains(t, body, `<td class="n">control</td>`)
	require.Contains(t, body, "run.duration")
	require.Contains(t, body, "differences are to old on the same units")
	require.Regexp(t, `<tr><td>paid</td><th scope="row">newest</th><td class="n">100</td><td class="n">100</td>.*<td class="n">0\.75<small>.*</small></td><td class="n">50</td><td class="n">&#43;0\.\d+<small>`, body)
	require.Contains(t, body, "Failed runs: old 10 failed in Retrieve (NoIndex)")
	require.Regexp(t, `<img src="experiments/prompt%20%2F%20%3Cb%3E/1/sequence\.svg" alt="Difference to old in paid, with its 95% interval, as 100 units matured\. new: `, body)
	require.Regexp(t, `<img src="experiments/prompt%20%2F%20%3Cb%3E/1/forest\.svg" alt="Each variant against old, `, body)

	for _, m := range regexp.MustCompile(`<img src="([^"]+)"`).FindAllStringSubmatch(body, -1) {
		w := fetch(h, "/"+m[1])
		require.Equal(t, http.StatusOK, w.Code, m[1])
		require.Equal(t, "image/svg+xml; charset=utf-8", w.Header().Get("Content-Type"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		require.NoError(t, xml.Unmarshal(w.Body.Bytes(), new(struct{ XMLName xml.Name })))
	}
	require.Equal(t, 1, counting.reads, "the plots are of the same report as the page")
	for _, missing := range []string{"/experiments/nobody/1/forest.svg", "/experiments/prompt%20%2F%20%3Cb%3E/2/forest.svg", "/experiments/prompt%20%2F%20%3Cb%3E/1/else.svg", "/else"} {
		require.Equal(t, http.StatusNotFound, fetch(h, missing).Code, missing)
	}
	counting.err = errors.New("away")
	now = now.Add(freshness)
	require.Equal(t, http.StatusServiceUnavailable, fetch(h, "/experiments/nobody/1/forest.svg").Code)
}

func TestPage(t *testing.T) {
	t.Parallel()
	s := open(t)
	hostile := scoring.Run{Namespace: "my space", WorkflowID: `order/7?<script>alert(1)</script>`, RunID: "r7"}
	_, err := s.Assign(t.Context(), scoring.Assignment{
		Experiment: "prompt", Version: "1", Variant: "new", By: scoring.ByWeight,
		Probabilities: map[string]float64{"new": .5, "old": .5}, Unit: "r7", Run: hostile, FirstRunID: "r7", At: start,
	})
	require.NoError(t, err)
	require.NoError(t, s.Record(t.Context(), []scoring.Record{
		{Score: scoring.Number("<b>quality</b>", .75), Run: hostile, Source: scoring.FromClient, RecordedAt: start},
		{Score: scoring.Number("rank", .5), Step: scoring.Step{ID: "1", Type: "Retrieve"}, Run: hostile, Source: scoring.FromActivity, RecordedAt: start},
	}))
	_, body := get(t, New(Options{
		Store: s, UI: "http://ui", Now: func() time.Time { return start }, Logger: slog.New(slog.DiscardHandler),
		Ask: func(context.Context, scoring.Run) (report.RunState, error) { return report.Gone, nil },
	}))
	require.NotContains(t, body, "<script")
	require.NotContains(t, body, "<b>")
	require.Contains(t, body, `href="http://ui/namespaces/my%20space/workflows/order%2F7%3F%3Cscript%3Ealert%281%29%3C%2Fscript%3E/r7/history"`)
	require.Contains(t, body, "2026-03-01 12:00:00 UTC")
	for _, text := range []string{"prompt", "Retrieve", "new", "old", "gone", "0.75", "prefers-color-scheme: dark"} {
		require.Contains(t, body, text)
	}
	// Tables have headers, for who hears them.
	require.Equal(t, strings.Count(body, "<table"), strings.Count(body, "</table>"))
	require.Equal(t, strings.Count(body, "<table"), strings.Count(body, "<thead>"))
}

func TestEmptyPage(t *testing.T) {
	t.Parallel()
	status, body := get(t, New(Options{Store: open(t), Logger: slog.New(slog.DiscardHandler)}))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "No experiment has assigned anything yet.")
}

// countingStore counts how often it is read.
type countingStore struct {
	store.Store
	reads int
	err   error
}

func (s *countingStore) Experiments(ctx context.Context) ([]store.ExperimentKey, error) {
	s.reads++
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Experiments(ctx)
}

func TestManyWhoLookReadOnce(t *testing.T) {
	t.Parallel()
	s := &countingStore{Store: open(t)}
	now := start
	h := New(Options{Store: s, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	for range 10 {
		get(t, h)
	}
	require.Equal(t, 1, s.reads)
	now = now.Add(freshness)
	get(t, h)
	require.Equal(t, 2, s.reads)
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	s := &countingStore{Store: open(t), err: errors.New("postgres://u:hunter2@h is away")}
	status, body := get(t, New(Options{Store: s, Logger: slog.New(slog.DiscardHandler)}))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NotContains(t, body, "hunter2")
}

// What a cap cut is in the counts, and a lift that is none says why.
func TestPageMarksWhatIsCutOrUndefined(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i := range 60 {
		variant, value := "a", float64(i/2%2*2-1)
		if i%2 == 1 {
			variant, value = "b", float64(i%3)
		}
		run := scoring.Run{Namespace: "default", WorkflowID: fmt.Sprintf("w%d", i), RunID: fmt.Sprintf("r%d", i)}
		_, err := s.Assign(t.Context(), scoring.Assignment{
			Experiment: "prompt", Version: "1", Variant: variant, By: scoring.ByWeight,
			Probabilities: map[string]float64{"a": .5, "b": .5}, Unit: run.RunID, Run: run, FirstRunID: run.RunID, At: start,
		})
		require.NoError(t, err)
		require.NoError(t, s.Record(t.Context(), []scoring.Record{
			{Score: scoring.Number("balance", value), Run: run, Source: scoring.FromClient, RecordedAt: start.Add(time.Second)},
		}))
	}
	body := func(m experiments.Metric) string {
		e, err := experiments.New(experiments.Definition{
			Name: "prompt", Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}}, Primary: m,
		})
		require.NoError(t, err)
		status, body := get(t, New(Options{
			Store: s, Definitions: []*experiments.Experiment{e}, Now: func() time.Time { return start.Add(time.Hour) }, Logger: slog.New(slog.DiscardHandler),
		}))
		require.Equal(t, http.StatusOK, status)
		require.NotRegexp(t, `NaN|Inf\b`, body)
		return body
	}
	capped := body(experiments.Metric{Name: "balance", Type: experiments.Capped, Cap: 1})
	require.Contains(t, capped, `<th scope="col" class="n">capped</th>`)
	require.Contains(t, capped, "25 of 60 values of balance were cut at 0 or at 1: 15 of a, 10 of b")
	undefined := body(experiments.Metric{Name: "balance", Type: experiments.Bounded, Lo: -2, Hi: 2})
	require.Contains(t, undefined, `<td class="n">none</td>`)
	require.Contains(t, undefined, "; none: the control&#39;s mean is 0, up to rounding")
}

// Definitions that contradict each other are an alert on the page, whoever wrote them.
func TestPageShowsContradictingDefinitions(t *testing.T) {
	t.Parallel()
	s := open(t)
	run := scoring.Run{Namespace: "default", WorkflowID: "w", RunID: "r"}
	_, err := s.Assign(t.Context(), scoring.Assignment{
		Experiment: "prompt", Version: "1", Variant: "a", By: scoring.ByWeight,
		Probabilities: map[string]float64{"a": .5, "b": .5}, Unit: run.RunID, Run: run, FirstRunID: run.RunID, At: start,
	})
	require.NoError(t, err)
	for _, metric := range []string{"good", "<b>bad</b>"} {
		x := experiments.MustNew(experiments.Definition{
			Name: "prompt", Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a"}, {Name: "b"}},
			Primary: experiments.Metric{Name: metric, Type: experiments.Boolean},
		})
		require.NoError(t, s.Register(t.Context(), experiments.Registration{Definition: x.JSON(), Namespace: "default", TaskQueue: "answers", Build: metric}))
	}
	status, body := get(t, New(Options{Store: s, Now: func() time.Time { return start.Add(time.Hour) }, Logger: slog.New(slog.DiscardHandler)}))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `<ul class="decision" role="alert" aria-label="contradicting definitions"><li>the definition registered `)
	require.Contains(t, body, `by build &lt;b&gt;bad&lt;/b&gt; on task queue answers`)
	require.NotContains(t, body, "<b>bad")
}
