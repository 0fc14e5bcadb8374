package api

import (
	"cmp"
	"context"
	_ "embed" // for the document
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// reading is a route that only reads.
type reading struct {
	path string
	// summary says what it returns, and answer is an empty one.
	summary string
	answer  any
	// params are the query parameters that it takes. Any other one is a mistake.
	params []string
	do     func(ctx context.Context, r *http.Request, q url.Values) (any, error)
}

// defaultPage is the size of a page without a limit.
const defaultPage = 100

func (a *api) readings() []reading {
	list := []string{"cursor", "limit", "format"}
	return []reading{
		{
			"/v1/scores", "scores, newest first", scoreList{},
			slices.Concat([]string{"name", "namespace", "workflow_id", "run_id", "session_key", "session_id", "experiment", "version", "state", "history", "since", "until"}, list),
			a.listScores,
		},
		{"/v1/outcomes", "outcomes and other deliveries, each with its state, newest first", outcomeList{}, slices.Concat([]string{"name", "key", "state", "since", "until"}, list), a.listOutcomes},
		{"/v1/counts", "how many scores, runs or outcomes there are, as of when", countList{}, []string{"of", "name", "since", "until", "by", "experiment", "version", "attribute", "format"}, a.count},
		{"/v1/runs/{workflow}/{run}", "everything about a run", runView{}, []string{"namespace", "format"}, a.showRun},
		{"/v1/sessions/{key}/{id}", "a session's runs, and its scores, each newest first", sessionView{}, append([]string{"runs_cursor"}, list...), a.showSession},
		{"/v1/experiments", "the versions of experiments that have assignments", experimentList{}, list, a.listExperiments},
		{"/v1/experiments/{name}/{version}", "the results of a version", results.Experiment{}, []string{"format"}, a.showExperiment},
		{openAPIPath, "this document", nil, nil, func(context.Context, *http.Request, url.Values) (any, error) { return openAPI, nil }},
	}
}

// openAPIPath is where the API describes itself.
const openAPIPath = "/v1/openapi.json"

//go:embed openapi.json
var openAPI json.RawMessage

// get makes the handler of a reading.
func (a *api) get(route reading) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestLimit)
		defer cancel()
		answer, err := a.read(ctx, r, route)
		if err != nil {
			a.refuse(w, r, readingProblem(a.problemOf(err)), err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if t, ok := answer.(table); ok && asCSV(r) {
			writeTable(w, r, t)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func (a *api) read(ctx context.Context, r *http.Request, route reading) (any, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem(http.StatusBadRequest, invalid, "", "the query cannot be read: "+err.Error())
	}
	for name, values := range q {
		switch {
		case !slices.Contains(route.params, name):
			return nil, problem(http.StatusBadRequest, invalid, name, "there is no such parameter; there are: "+cmp.Or(strings.Join(route.params, ", "), "none"))
		case len(values) > 1 && name != "state" && name != "by":
			return nil, problem(http.StatusBadRequest, invalid, name, "it is given twice")
		}
	}
	if format := q.Get("format"); format != "" && format != "json" && format != "csv" {
		return nil, problem(http.StatusBadRequest, invalid, "format", "json or csv")
	}
	return route.do(ctx, r, q)
}

// readingProblem says of a problem what it means for a request that changes nothing.
func readingProblem(p *Problem) *Problem {
	out := *p
	switch p.Status {
	case http.StatusServiceUnavailable:
		out.Detail = "the store does not answer, try again"
	case http.StatusUnprocessableEntity:
		out.Status, out.Title = http.StatusBadRequest, http.StatusText(http.StatusBadRequest)
	}
	return &out
}

// pageOf reads which page a request asks for.
func pageOf(q url.Values) (store.Page, error) {
	p := store.Page{After: store.Cursor(q.Get("cursor")), Limit: defaultPage}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return p, scoring.Invalid("limit", "%q is not a number", text)
		}
		p.Limit = n
	}
	return p, nil
}

// scoreList is a page of scores.
type scoreList struct {
	Scores []scoring.Record `json:"scores"`
	// Next is the cursor of the next page; empty on the last one.
	Next store.Cursor `json:"next,omitempty"`
}

func (a *api) listScores(ctx context.Context, _ *http.Request, q url.Values) (any, error) {
	p, err := pageOf(q)
	if err != nil {
		return nil, err
	}
	f := store.Filter{
		Run: scoring.Run{Namespace: q.Get("namespace"), WorkflowID: q.Get("workflow_id"), RunID: q.Get("run_id")}, Name: q.Get("name"),
		Session:    scoring.Session{Key: q.Get("session_key"), ID: q.Get("session_id")},
		Experiment: q.Get("experiment"), Version: q.Get("version"),
	}
	if f.Since, err = timeIn(q, "since"); err != nil {
		return nil, err
	}
	if f.Until, err = timeIn(q, "until"); err != nil {
		return nil, err
	}
	switch {
	case (f.Session.Key == "") != (f.Session.ID == ""):
		return nil, scoring.Invalid("session_id", "a session has a key and an id")
	case f.Version != "" && f.Experiment == "":
		return nil, scoring.Invalid("version", "of which experiment?")
	case q.Get("history") == "true" && f.Run.WorkflowID == "" && f.Session.Key == "":
		return nil, scoring.Invalid("history", "it needs a workflow_id or a session")
	}
	switch text := q.Get("history"); text {
	case "", "false":
	case "true":
		f.History, f.Retracted, f.Superseded = true, true, true
	default:
		return nil, scoring.Invalid("history", "%q is not true or false", text)
	}
	for _, text := range q["state"] {
		state := scoring.State(text)
		if !state.Valid() {
			return nil, scoring.Invalid("state", "%q is no state of a score", text)
		}
		f.States = append(f.States, state)
	}
	var out scoreList
	out.Scores, out.Next, err = a.Store.ScorePage(ctx, f, p)
	out.Scores = orEmpty(out.Scores)
	return out, err
}

// outcomeList is a page of the ledger.
type outcomeList struct {
	Outcomes []store.Entry `json:"outcomes"`
	Next     store.Cursor  `json:"next,omitempty"`
}

func (a *api) listOutcomes(ctx context.Context, _ *http.Request, q url.Values) (any, error) {
	p, err := pageOf(q)
	if err != nil {
		return nil, err
	}
	f := store.LedgerFilter{Name: q.Get("name"), Key: q.Get("key")}
	for _, text := range q["state"] {
		if f.State != "" {
			return nil, scoring.Invalid("state", "one at most")
		}
		if f.State = store.OutcomeState(text); !f.State.Valid() {
			return nil, scoring.Invalid("state", "%q is no state of an outcome", text)
		}
	}
	if f.Since, err = timeIn(q, "since"); err != nil {
		return nil, err
	}
	if f.Until, err = timeIn(q, "until"); err != nil {
		return nil, err
	}
	var out outcomeList
	out.Outcomes, out.Next, err = a.Store.LedgerPage(ctx, f, p)
	out.Outcomes = orEmpty(out.Outcomes)
	for i := range out.Outcomes {
		out.Outcomes[i].Scorers = orEmpty(out.Outcomes[i].Scorers)
	}
	return out, err
}

// runView is a run, whose table has its scores.
type runView struct{ store.RunView }

func (a *api) showRun(ctx context.Context, r *http.Request, q url.Values) (any, error) {
	v, err := a.Store.RunView(ctx, scoring.Run{Namespace: q.Get("namespace"), WorkflowID: r.PathValue("workflow"), RunID: r.PathValue("run")})
	if errors.Is(err, store.ErrAmbiguous) {
		return nil, problem(http.StatusBadRequest, ambiguous, "namespace", "several namespaces have this run")
	}
	v.Scores, v.Assignments, v.Waiting = orEmpty(v.Scores), orEmpty(v.Assignments), orEmpty(v.Waiting)
	return runView{v}, err
}

// sessionView is a session.
type sessionView struct {
	Session scoring.Session `json:"session"`
	// Runs are a page of the ones that carry it. NextRuns is the runs_cursor of the next page; empty on the last one.
	Runs     []scoring.RunFacts `json:"runs"`
	NextRuns store.Cursor       `json:"next_runs,omitempty"`
	scoreList
}

func (a *api) showSession(ctx context.Context, r *http.Request, q url.Values) (any, error) {
	p, err := pageOf(q)
	if err != nil {
		return nil, err
	}
	out := sessionView{Session: scoring.Session{Key: r.PathValue("key"), ID: r.PathValue("id")}}
	if out.Scores, out.Next, err = a.Store.ScorePage(ctx, store.Filter{Session: out.Session}, p); err != nil {
		return nil, err
	}
	of := store.Page{After: store.Cursor(q.Get("runs_cursor")), Limit: p.Limit}
	if out.Runs, out.NextRuns, err = a.Store.RunPage(ctx, store.RunFilter{Session: out.Session}, of); err != nil {
		return nil, err
	}
	if len(out.Scores)+len(out.Runs) == 0 && p.After+of.After == "" {
		return nil, problem(http.StatusNotFound, notFound, "", "no run and no score has this session")
	}
	out.Scores, out.Runs = orEmpty(out.Scores), orEmpty(out.Runs)
	return out, nil
}

// experimentList is a page of the experiments that have assignments.
type experimentList struct {
	Experiments []store.ExperimentKey `json:"experiments"`
	Next        store.Cursor          `json:"next,omitempty"`
}

func (a *api) listExperiments(ctx context.Context, _ *http.Request, q url.Values) (any, error) {
	p, err := pageOf(q)
	if err != nil {
		return nil, err
	}
	if p.Limit < 1 || p.Limit > store.MaxPage {
		return nil, scoring.Invalid("limit", "%d, must be from 1 to %d", p.Limit, store.MaxPage)
	}
	keys, err := a.Store.Experiments(ctx)
	if err != nil {
		return nil, err
	}
	if p.After != "" {
		i := slices.IndexFunc(keys, func(k store.ExperimentKey) bool { return experimentCursor(k) == p.After })
		if i < 0 {
			return nil, scoring.Invalid("cursor", "%q is none of this list's", string(p.After))
		}
		keys = keys[i+1:]
	}
	var out experimentList
	if len(keys) > p.Limit {
		keys = keys[:p.Limit]
		out.Next = experimentCursor(keys[p.Limit-1])
	}
	out.Experiments = orEmpty(keys)
	return out, nil
}

// experimentCursor is the place of a version in the list.
func experimentCursor(k store.ExperimentKey) store.Cursor {
	return store.Cursor("e" + hex.EncodeToString(wire.Digest(k.Experiment, k.Version)))
}

func (a *api) showExperiment(ctx context.Context, r *http.Request, _ url.Values) (any, error) {
	e, err := a.Report(ctx, store.ExperimentKey{Experiment: r.PathValue("name"), Version: r.PathValue("version")})
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem(http.StatusNotFound, notFound, "", "there is no such version of an experiment with assignments")
	}
	return experimentView{e}, err
}

// experimentView has the results of a version.
type experimentView struct{ results.Experiment }

// orEmpty makes an empty list of none, which JSON would call null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
