package api_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/api"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// get asks with the token.
func (b *bench) get(path string, headers ...string) *httptest.ResponseRecorder {
	b.Helper()
	return b.send(http.MethodGet, path, "", append([]string{"Authorization", "Bearer " + secret}, headers...)...)
}

func answered[T any](b *bench, w *httptest.ResponseRecorder) (v T) {
	b.Helper()
	require.Equal(b, http.StatusOK, w.Code, w.Body.String())
	require.Equal(b, "application/json", w.Header().Get("Content-Type"))
	require.Equal(b, "no-store", w.Header().Get("Cache-Control"))
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), &v))
	return v
}

type scoresPage struct {
	Scores []scoring.Record `json:"scores"`
	Next   string           `json:"next"`
}

// read has some scores, outcomes and assignments.
func read(t *testing.T) *bench {
	b := standard(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 5 {
		run := scoring.Run{Namespace: "default", WorkflowID: fmt.Sprintf("order/%d", i), RunID: fmt.Sprint("r", i)}
		rec := scoring.NewRecord(scoring.Number("quality", float64(i)).WithReason("because, \"so\"\nit is"), scoring.FromClient, run, scoring.Step{}, at)
		rec.Sessions = []scoring.Session{{Key: "customer", ID: fmt.Sprint(i % 2)}}
		require.NoError(t, b.store.Record(t.Context(), []scoring.Record{rec}))
		_, err := b.store.Receive(t.Context(), scoring.Outcome{ID: fmt.Sprint("o", i), Name: "paid", Key: fmt.Sprint(i), Source: "shop", ReceivedAt: at.Add(time.Duration(i) * time.Hour)})
		require.NoError(t, err)
	}
	require.NoError(t, b.store.Reject(t.Context(), store.Rejection{Source: "github", DeliveryID: "d", Reason: "bad signature", At: at}))
	_, err := b.store.Assign(t.Context(), scoring.Assignment{
		Experiment: "prompt", Version: "1", Variant: "a", By: scoring.ByWeight, Probabilities: map[string]float64{"a": .5, "b": .5}, Unit: "u", At: at,
		Run: scoring.Run{Namespace: "default", WorkflowID: "order/0", RunID: "r0"}, FirstRunID: "r0", OriginalRunID: "r0",
	})
	require.NoError(t, err)
	return b
}

func TestScoresAreListed(t *testing.T) {
	t.Parallel()
	b := read(t)
	var names []string
	next, pages := "", 0
	for {
		p := answered[scoresPage](b, b.get("/v1/scores?name=quality&limit=2&cursor="+url.QueryEscape(next)))
		for _, s := range p.Scores {
			names = append(names, s.Run.WorkflowID)
		}
		if next = p.Next; next == "" {
			break
		}
		pages++
		require.Less(t, pages, 5)
	}
	require.Equal(t, []string{"order/4", "order/3", "order/2", "order/1", "order/0"}, names)
	for query, want := range map[string]int{
		"": 5, "workflow_id=order%2F3": 1, "workflow_id=order%2F3&run_id=other": 0, "session_key=customer&session_id=1": 2, "experiment=prompt&version=1": 0,
		"state=scored": 5, "state=expired": 0, "state=expired&state=scored": 5, "history=true&workflow_id=order%2F2": 1, "name=none": 0,
	} {
		require.Len(t, answered[scoresPage](b, b.get("/v1/scores?"+query)).Scores, want, query)
	}
	require.Contains(t, b.get("/v1/scores?name=none").Body.String(), `"scores":[]`)
}

// Lists come in pages, and outcomes by name, key and time.
func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	b := read(t)
	for query, want := range map[string]int{
		"name=paid": 5, "name=none": 0, "key=3": 1, "name=paid&key=3": 1, "name=paid&key=none": 0, "until=2026-01-02T05:04:05Z": 3,
		"name=paid&since=2026-01-02T04:00:00Z&until=2026-01-02T06:04:05Z": 2, "name=paid&limit=2": 2,
	} {
		list := answered[struct{ Outcomes []store.Entry }](b, b.get("/v1/outcomes?"+query))
		require.Len(t, list.Outcomes, want, query)
	}
	type page struct {
		Experiments []store.ExperimentKey `json:"experiments"`
		Runs        []scoring.RunFacts    `json:"runs"`
		Next        string                `json:"next"`
		NextRuns    string                `json:"next_runs"`
	}
	for _, name := range []string{".", "..", "a/b", "prompt"} {
		_, err := b.store.Assign(t.Context(), scoring.Assignment{
			Experiment: name, Version: "..", Variant: "a", By: scoring.ByWeight, Probabilities: map[string]float64{"a": .5, "b": .5}, Unit: name,
			Run: scoring.Run{Namespace: "default", WorkflowID: name, RunID: "r-" + name}, FirstRunID: "r-" + name, OriginalRunID: "r-" + name, At: time.Now(),
		})
		require.NoError(t, err)
	}
	all := answered[page](b, b.get("/v1/experiments"))
	require.Len(t, all.Experiments, 5)
	for limit := 1; limit < 7; limit++ {
		var got []store.ExperimentKey
		for next, more := "", true; more; more = next != "" {
			p := answered[page](b, b.get(fmt.Sprintf("/v1/experiments?limit=%d&cursor=%s", limit, next)))
			got, next = append(got, p.Experiments...), p.Next
		}
		require.Equal(t, all.Experiments, got)
	}
	require.Contains(t, b.get("/v1/experiments?limit=2&format=csv").Header().Get("Link"), "cursor=")
	for _, bad := range []string{"/v1/experiments?cursor=x", "/v1/experiments?limit=0", "/v1/sessions/customer/1?runs_cursor=x", "/v1/outcomes?until=x"} {
		require.Equal(t, http.StatusBadRequest, b.get(bad).Code, bad)
	}

	for i := range 3 {
		f := scoring.Flush{Sequence: 3, At: time.Now(), Facts: scoring.RunFacts{
			Run: scoring.Run{Namespace: "default", WorkflowID: "chat", RunID: fmt.Sprint(i)}, Sessions: []scoring.Session{{Key: "..", ID: "."}},
		}}
		f.Records = []scoring.Record{scoring.NewRecord(scoring.Bool("ok", true), scoring.FromWorkflow, f.Facts.Run, scoring.Step{}, time.Now())}
		require.NoError(t, b.store.Flush(t.Context(), f))
	}
	var runs []string
	for next, more := "", true; more; more = next != "" {
		p := answered[page](b, b.get("/v1/sessions/%2E%2E/%2E?limit=2&runs_cursor="+next))
		for _, f := range p.Runs {
			runs = append(runs, f.Run.RunID)
		}
		next = p.NextRuns
	}
	require.Equal(t, []string{"2", "1", "0"}, runs)
	lines, err := csv.NewReader(b.get("/v1/runs/chat/1?format=csv").Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 2)
	require.Equal(t, "ok", lines[1][5])
	for _, path := range []string{"/v1/experiments/%2E/%2E%2E", "/v1/experiments/%2E%2E/%2E%2E", "/v1/experiments/a%2Fb/%2E%2E"} {
		require.Equal(t, http.StatusOK, b.get(path).Code, path)
	}
}

// A score of a session is given, corrected and shown.
func TestSessionsAreScored(t *testing.T) {
	t.Parallel()
	b := read(t)
	post := func(status int, body string) string {
		w := b.post("/v1/scores", body, "Idempotency-Key", body)
		require.Equal(t, status, w.Code, w.Body.String())
		return w.Body.String()
	}
	of := `"session":{"key":"customer","id":"1"}`
	require.JSONEq(t, `{"session":{"key":"customer","id":"1"},"name":"resolved","state":"scored","value":false}`, post(201, `{`+of+`,"name":"resolved","value":false}`))
	post(201, `{`+of+`,"name":"resolved","value":true}`)
	require.Contains(t, post(200, `{`+of+`,"name":"resolved","value":true}`), `"repeated":true`)
	for _, body := range []string{
		`{` + of + `,"workflow_id":"order-7","name":"resolved","value":true}`, `{` + of + `,"run_key":"k","name":"resolved","value":true}`,
		`{` + of + `,"step":{"id":"5"},"name":"resolved","value":true}`, `{"session":{"key":"customer","id":""},"name":"resolved","value":true}`,
		`{"session":{},"name":"resolved","value":true}`, `{"workflow_id":"1","run_id":"session/customer","name":"resolved","value":true}`,
	} {
		require.Contains(t, []int{404, 422}, b.post("/v1/scores", body).Code, body)
	}
	shown := answered[struct {
		scoresPage
		Runs []scoring.RunFacts `json:"runs"`
	}](b, b.get("/v1/sessions/customer/1"))
	require.Empty(t, shown.Runs)
	require.Len(t, shown.Scores, 3)
	require.Equal(t, scoring.Session{Key: "customer", ID: "1"}, shown.Scores[0].Session)
	require.Equal(t, scoring.BoolValue(true), shown.Scores[0].Value)
	lines, err := csv.NewReader(b.get("/v1/sessions/customer/1?format=csv").Body).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"customer", "1"}, lines[1][len(lines[1])-2:])
	require.Contains(t, b.get("/v1/counts?by=step").Body.String(), `{"name":"resolved","step":"(session customer)","state":"scored","n":1,`)
}

func TestResultsAsCSV(t *testing.T) {
	t.Parallel()
	b := read(t)
	b.compared("retriever", 60)
	for path, want := range map[string]int{"/v1/experiments": 2, "/v1/experiments/retriever/1": 10, "/v1/sessions/customer/1": 2} {
		w := b.get(path + "?format=csv")
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
		lines, err := csv.NewReader(w.Body).ReadAll()
		require.NoError(t, err)
		require.Len(t, lines, 1+want, path)
	}
	e := answered[results.Experiment](b, b.get("/v1/experiments/retriever/1"))
	var want bytes.Buffer
	require.NoError(t, display.CSV(&want, report.Report{AsOf: e.Analysis.At, Experiments: []results.Experiment{e}}))
	lines, err := csv.NewReader(b.get("/v1/experiments/retriever/1?format=csv").Body).ReadAll()
	require.NoError(t, err)
	as, err := csv.NewReader(&want).ReadAll()
	require.NoError(t, err)
	for i := range lines {
		require.Equal(t, as[i][1:], lines[i][1:], "as the command line has it, at another time")
	}
}

func TestListsAsCSV(t *testing.T) {
	t.Parallel()
	b := read(t)
	for path, w := range map[string]*httptest.ResponseRecorder{
		"/v1/scores": b.get("/v1/scores?limit=2&format=csv"), "/v1/outcomes": b.get("/v1/outcomes?limit=2", "Accept", "text/csv"),
	} {
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
		lines, err := csv.NewReader(w.Body).ReadAll()
		require.NoError(t, err)
		require.Len(t, lines, 3, path)
		link := w.Header().Get("Link")
		require.Regexp(t, `^<`+path+`\?.*cursor=.*>; rel="next"$`, link)
		again := b.get(strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`), "Accept", "text/csv")
		require.Equal(t, http.StatusOK, again.Code)
		more, err := csv.NewReader(again.Body).ReadAll()
		require.NoError(t, err)
		require.Equal(t, lines[0], more[0])
		require.NotEqual(t, lines[1], more[1])
	}
	lines, err := csv.NewReader(b.get("/v1/scores?workflow_id=order%2F3&format=csv").Body).ReadAll()
	require.NoError(t, err)
	require.Contains(t, lines[1], "because, \"so\"\nit is")
}

func TestOutcomesAreListed(t *testing.T) {
	t.Parallel()
	b := read(t)
	type page struct {
		Outcomes []store.Entry `json:"outcomes"`
		Next     string        `json:"next"`
	}
	all := answered[page](b, b.get("/v1/outcomes")).Outcomes
	require.Len(t, all, 6)
	require.Equal(t, "o4", all[0].Outcome.ID)
	require.Len(t, answered[page](b, b.get("/v1/outcomes?state=rejected")).Outcomes, 1)
	require.Len(t, answered[page](b, b.get("/v1/outcomes?since=2026-01-02T06:04:05Z")).Outcomes, 2)
}

func TestARunIsShown(t *testing.T) {
	t.Parallel()
	b := read(t)
	v := answered[store.RunView](b, b.get("/v1/runs/order%2F0/r0"))
	require.Equal(t, "order/0", v.Facts.Run.WorkflowID)
	require.Len(t, v.Scores, 1)
	require.Equal(t, "a", v.Assignments[0].Variant)
	require.NotNil(t, v.Waiting)
	b.refused(b.get("/v1/runs/order%2F0/other"), http.StatusNotFound, "not-found", "")
	require.NoError(t, b.store.Record(t.Context(), []scoring.Record{scoring.NewRecord(scoring.Bool("up", true), scoring.FromClient,
		scoring.Run{Namespace: "elsewhere", WorkflowID: "order/0", RunID: "r0"}, scoring.Step{}, time.Now())}))
	b.refused(b.get("/v1/runs/order%2F0/r0"), http.StatusBadRequest, "ambiguous", "namespace")
	require.Equal(t, "up", answered[store.RunView](b, b.get("/v1/runs/order%2F0/r0?namespace=elsewhere")).Scores[0].Name)
}

func TestASessionIsShown(t *testing.T) {
	t.Parallel()
	b := read(t)
	p := answered[scoresPage](b, b.get("/v1/sessions/customer/1?limit=1"))
	require.Len(t, p.Scores, 1)
	require.NotEmpty(t, p.Next)
	require.Len(t, answered[scoresPage](b, b.get("/v1/sessions/customer/1?cursor="+p.Next)).Scores, 1)
	b.refused(b.get("/v1/sessions/customer/none"), http.StatusNotFound, "not-found", "")
}

func TestExperimentsAreShown(t *testing.T) {
	t.Parallel()
	b := read(t)
	require.JSONEq(t, `{"experiments":[{"experiment":"prompt","version":"1"}]}`, b.get("/v1/experiments").Body.String())
	require.Equal(t, 1, answered[report.Experiment](b, b.get("/v1/experiments/prompt/1")).Units)
	b.refused(b.get("/v1/experiments/prompt/2"), http.StatusNotFound, "not-found", "")
}

func TestAReadingIsRefused(t *testing.T) {
	t.Parallel()
	b := read(t)
	for path, field := range map[string]string{
		"/v1/scores?nmae=quality": "nmae", "/v1/scores?limit=0": "limit", "/v1/scores?limit=1001": "limit", "/v1/scores?limit=x": "limit",
		"/v1/scores?cursor=x": "cursor", "/v1/scores?name=a&name=b": "name", "/v1/scores?state=none": "state", "/v1/scores?version=1": "version",
		"/v1/scores?session_key=customer": "session_id", "/v1/scores?history=yes": "history", "/v1/scores?history=true": "history", "/v1/scores?experiment=prompt": "version", "/v1/scores?format=xml": "format", "/v1/scores?%zz": "",
		"/v1/outcomes?state=scored": "state", "/v1/outcomes?since=yesterday": "since", "/v1/outcomes?cursor=s1": "cursor", "/v1/experiments?limit=0": "limit",
	} {
		b.refused(b.get(path), http.StatusBadRequest, "invalid", field)
	}
	w := b.send(http.MethodGet, "/v1/scores", "")
	b.refused(w, http.StatusUnauthorized, "unauthorized", "Authorization")
	w = b.post("/v1/experiments", `{}`)
	b.refused(w, http.StatusMethodNotAllowed, "method-not-allowed", "")
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	broken := newBench(t, server{}, api.Guard{Tokens: []string{secret}})
	require.NoError(t, broken.store.Store.(interface{ Close() error }).Close())
	w = broken.get("/v1/scores")
	b.refused(w, http.StatusServiceUnavailable, "unavailable", "")
	require.Equal(t, "5", w.Header().Get("Retry-After"))
}

// The document names each path with its parameters, and no other.
func TestTheDocumentNamesEveryPath(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/http-api.md")
	require.NoError(t, err)
	var want []string
	for _, r := range api.Readings() {
		want = append(want, fmt.Sprintf("| `GET %s` | %s |", r.Path, strings.Join(r.Params, ", ")))
	}
	var got []string
	for line := range strings.Lines(string(doc)) {
		if cells := strings.Split(strings.TrimSpace(line), " | "); strings.HasPrefix(line, "| `GET ") {
			got = append(got, cells[0]+" | "+strings.ReplaceAll(cells[1], "`", "")+" |")
		}
	}
	require.Equal(t, want, got)
}

// reportOf makes reports from a store.
func reportOf(s store.Store) func(context.Context, store.ExperimentKey) (results.Experiment, error) {
	return func(ctx context.Context, key store.ExperimentKey) (e results.Experiment, err error) {
		all, err := report.Build(ctx, s, report.Options{Experiment: key.Experiment, Version: key.Version, Now: time.Now()})
		if err == nil {
			e = all.Experiments[0]
		}
		return e, err
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	b := read(t)
	all := answered[struct {
		AsOf   time.Time     `json:"as_of"`
		Counts []store.Count `json:"counts"`
	}](b, b.get("/v1/counts?by=day&by=step"))
	require.WithinDuration(t, time.Now(), all.AsOf, time.Minute)
	require.NotEmpty(t, all.Counts)
	n := int64(0)
	for _, c := range all.Counts {
		require.False(t, c.Day.IsZero())
		n += c.N
	}
	scores, err := b.store.Scores(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.EqualValues(t, len(scores), n)
	require.Contains(t, b.get("/v1/counts?of=run&format=csv").Body.String(), "as_of,name,step,state")
	for _, query := range []string{"of=cows", "by=colour", "since=yesterday", "experiment=prompt", "experiment=prompt&version=1&attribute=x", "attribute=x&by=build"} {
		require.Equal(t, http.StatusBadRequest, b.get("/v1/counts?"+query).Code, query)
	}
}
