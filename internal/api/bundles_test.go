package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/endpoint"
	"github.com/verdict-dev/verdict/scoring"
)

// said is a batch of a service's client.
func said(workflowID, name string, mustKnow bool) activities.Batch {
	return activities.Batch{MustKnow: mustKnow, Records: []scoring.Record{{
		Score: scoring.Bool(name, true), Source: scoring.FromClient, Run: scoring.Run{WorkflowID: workflowID, RunID: "r7"}, RecordedAt: time.Unix(5, 0),
	}}}
}

func (b *bench) hand(r endpoint.Request) endpoint.Response {
	b.Helper()
	body, err := json.Marshal(r)
	require.NoError(b, err)
	w := b.post(endpoint.Path, string(body))
	require.Equal(b, http.StatusOK, w.Code, w.Body.String())
	var answer endpoint.Response
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer
}

// Each item of a request has its own answer, and the same request again changes nothing.
func TestBundle(t *testing.T) {
	t.Parallel()
	b := standard(t)
	keyed := said("key", "thumb", false)
	keyed.RunKey, keyed.Records[0].Run.RunID = "message-1", "key"
	request := endpoint.Request{
		Namespace: "default",
		Batches:   []activities.Batch{said("order-7", "known", true), said("order-8", "unknown", true), keyed, said("order-7", strings.Repeat("x", 2000), false)},
		Outcomes:  []scoring.Outcome{{ID: "o-1", Name: "paid", Key: "k", ReceivedAt: time.Unix(6, 0)}},
	}
	for again := range 2 {
		answer := b.hand(request)
		require.NoError(t, answer.Batches[0].Refused.Err())
		require.Equal(t, activities.ErrorTypeNotFound, answer.Batches[1].Refused.Type)
		require.True(t, answer.Batches[2].Held)
		require.Equal(t, scoring.ErrorTypeInvalid, answer.Batches[3].Refused.Type)
		require.Equal(t, again == 1, answer.Outcomes[0].Repeated)
	}
	require.Len(t, b.revisions("known"), 1)
	require.Equal(t, "default", b.revisions("known")[0].Run.Namespace)
	require.Equal(t, time.Unix(6, 0).UTC(), b.delivered[0].ReceivedAt.UTC())
}

// An item that is not held is answered as such, for its client to go another way.
func TestBundleWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	b := standard(t)
	b.failure = errors.New("away")
	answer := b.hand(endpoint.Request{Batches: []activities.Batch{said("order-7", "x", true)}, Outcomes: []scoring.Outcome{{ID: "o", Name: "paid", Key: "k"}}})
	require.False(t, answer.Batches[0].Away)
	require.True(t, answer.Outcomes[0].Away)
	require.Nil(t, answer.Outcomes[0].Refused)
}

func TestBundlesThatAreRefused(t *testing.T) {
	t.Parallel()
	b := standard(t)
	of := func(change func(*activities.Batch)) string {
		x := said("order-7", "x", false)
		change(&x)
		body, err := json.Marshal(endpoint.Request{Batches: []activities.Batch{x}})
		require.NoError(t, err)
		return string(body)
	}
	for _, c := range []struct {
		body        string
		status      int
		kind, field string
	}{
		{`{"batches":[]} more`, 400, "invalid", ""},
		{`{"batches":[{"later":1}]}`, 400, "invalid", "later"},
		{`{"namespace":"other"}`, 422, "invalid", "namespace"},
		{of(func(x *activities.Batch) { x.Records = nil }), 422, "invalid", "batches"},
		{of(func(x *activities.Batch) { x.Flush = &scoring.Flush{} }), 422, "invalid", "batches"},
		{of(func(x *activities.Batch) { x.Assignment = &scoring.Assignment{} }), 422, "invalid", "batches"},
		{of(func(x *activities.Batch) { x.Part = &scoring.Flush{} }), 422, "invalid", "batches"},
		{of(func(x *activities.Batch) { x.Waits = make([]scoring.Expectation, 1) }), 422, "invalid", "batches"},
		{of(func(x *activities.Batch) { x.Records[0].Source = scoring.FromWorkflow }), 422, "invalid", "source"},
		{fmt.Sprintf(`{"outcomes":[%s{}]}`, strings.Repeat("{},", 100)), 413, "too-large", ""},
		{strings.Repeat(" ", endpoint.MaxBody+1), 413, "too-large", ""},
	} {
		b.refused(b.post(endpoint.Path, c.body), c.status, c.kind, c.field)
	}
	b.refused(b.send(http.MethodPost, endpoint.Path, "{}", "Content-Type", "application/json"), 401, "unauthorized", "Authorization")
	require.Empty(t, b.revisions("x"))
	require.Empty(t, b.delivered)
}
