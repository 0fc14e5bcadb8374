package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/scoring"
)

// service is a client whose endpoint is the bench.
func (b *bench) service(o verdict.ClientOptions) *verdict.Client {
	b.Helper()
	server := httptest.NewServer(b.handler)
	b.Cleanup(server.Close)
	if o.Endpoint == "" {
		o.Endpoint = server.URL
	}
	o.HTTPClient = server.Client()
	return verdict.NewClient(nil, o)
}

// compared writes the units of an experiment.
func (b *bench) compared(name string, units int) {
	b.Helper()
	x := experiments.MustNew(experiments.Definition{
		Name: name, Version: "1", Control: "bm25", Variants: []experiments.Variant{{Name: "bm25"}, {Name: "vectors"}},
		Primary:    experiments.Metric{Name: "accepted", Type: experiments.Boolean, Missing: experiments.MissingNegative},
		Guardrails: []experiments.Metric{{Name: experiments.RunFailed, Type: experiments.Boolean, Direction: experiments.Lower}},
	})
	require.NoError(b, b.store.Register(b.Context(), experiments.Registration{Definition: x.JSON(), Namespace: "default", TaskQueue: "answers"}))
	began := time.Now().Add(-time.Hour)
	var scores []scoring.Record
	for i := range units {
		id, at := fmt.Sprint(name, "-", i), began.Add(time.Duration(i)*time.Second)
		run := scoring.Run{Namespace: "default", WorkflowID: id, RunID: id}
		a := scoring.Assignment{
			Experiment: name, Version: "1", Variant: []string{"bm25", "vectors"}[i%2], By: scoring.ByWeight, Unit: id, Run: run, FirstRunID: id, OriginalRunID: id,
			At: at, Probabilities: map[string]float64{"bm25": .5, "vectors": .5}, Vouched: true,
		}
		_, err := b.store.Assign(b.Context(), a)
		require.NoError(b, err)
		score := scoring.Bool("accepted", i%2 == 1 && i%10 != 1 || i%4 == 0)
		score.ObservedAt = at.Add(time.Second)
		scores = append(scores, scoring.Record{Run: run, Score: score, Source: scoring.FromClient, RecordedAt: score.ObservedAt})
	}
	require.NoError(b, b.store.Record(b.Context(), scores))
}

// A service reads what the API answers, and loses nothing of it.
func TestAServiceReadsAReport(t *testing.T) {
	t.Parallel()
	b := read(t)
	b.compared("retriever", 60)
	b.compared("a/b c?%2F", 4)
	c := b.service(verdict.ClientOptions{EndpointToken: secret})
	for name, path := range map[string]string{"retriever": "retriever", "a/b c?%2F": "a%2Fb%20c%3F%252F", "prompt": "prompt"} {
		got, err := c.Report(t.Context(), name, "1")
		require.NoError(t, err)
		require.Equal(t, name, got.Name)
		said := answered[results.Experiment](b, b.get("/v1/experiments/"+path+"/1"))
		require.Equal(t, said.Units, got.Units)
		if said.Analysis != nil {
			said.Analysis.At = got.Analysis.At
		}
		data, err := json.Marshal(got)
		require.NoError(t, err)
		want, err := json.Marshal(said)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(data))
	}
	e, err := c.Report(t.Context(), "retriever", "1")
	require.NoError(t, err)
	require.Equal(t, 60, e.Units)
	require.Equal(t, "bm25", e.Control)
	require.Equal(t, results.Registered, e.Definition.Origin)
	require.Len(t, e.Rows, 4)
	require.Equal(t, []string{"accepted", "vectors"}, []string{e.Rows[1].Score, e.Rows[1].Variant})
	require.Len(t, e.Analysis.Metrics, 2)
	require.Equal(t, 30, e.Rows[1].Scored)
	require.NotNil(t, e.Rows[1].Versus)
	require.NotNil(t, e.Rows[1].Versus.DifferenceInterval)

	d := json.NewDecoder(b.get("/v1/experiments/retriever/1").Body)
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&results.Experiment{}), "the value has every member of the answer")
}

// A service can tell why there is no report.
func TestWhyThereIsNoReport(t *testing.T) {
	t.Parallel()
	b := read(t)
	c := b.service(verdict.ClientOptions{EndpointToken: secret})
	_, err := c.Report(t.Context(), "prompt", "2")
	require.ErrorIs(t, err, verdict.ErrNotFound)
	require.ErrorContains(t, err, "the report of prompt, version 2: the endpoint answers 404: there is no such version of an experiment with assignments")
	var said *verdict.APIError
	require.ErrorAs(t, err, &said)
	require.Equal(t, http.StatusNotFound, said.Status)

	var refused *scoring.InvalidError
	_, err = c.Report(t.Context(), "", "1")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "experiment", refused.Field)
	_, err = c.Report(t.Context(), "prompt", "")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "version", refused.Field)

	_, err = b.service(verdict.ClientOptions{EndpointToken: "other"}).Report(t.Context(), "prompt", "1")
	require.ErrorAs(t, err, &said)
	require.Equal(t, verdict.APIError{Status: http.StatusUnauthorized, Type: "urn:verdict:problem:unauthorized", Field: said.Field, Detail: said.Detail}, *said)
	require.NotErrorIs(t, err, verdict.ErrNotFound)
	_, err = b.service(verdict.ClientOptions{EndpointToken: "other"}).Scores(t.Context(), verdict.Run{WorkflowID: "order/0", RunID: "r0"})
	require.ErrorAs(t, err, &said)

	_, err = verdict.NewClient(nil, verdict.ClientOptions{}).Report(t.Context(), "prompt", "1")
	require.ErrorIs(t, err, verdict.ErrNoEndpoint)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Report(gone, "prompt", "1")
	require.ErrorIs(t, err, context.Canceled)

	// The path is not there: this is not a worker, so nothing is known of the experiment.
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	_, err = b.service(verdict.ClientOptions{Endpoint: other.URL}).Report(t.Context(), "prompt", "1")
	require.ErrorAs(t, err, &said)
	require.Equal(t, verdict.APIError{Status: http.StatusNotFound, Detail: "404 page not found\n"}, *said)
	require.NotErrorIs(t, err, verdict.ErrNotFound)

	require.NoError(t, b.store.Store.Close())
	_, err = c.Report(t.Context(), "prompt", "1")
	require.ErrorAs(t, err, &said)
	require.Equal(t, http.StatusServiceUnavailable, said.Status)
}
