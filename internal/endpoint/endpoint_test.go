package endpoint

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/scoring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An endpoint that is silent leaves a caller with a deadline time for the other way, and is left alone. One whose caller gave up
// is not blamed for it.
func TestSilentEndpoint(t *testing.T) {
	t.Parallel()
	asked, asks, over := atomic.Int32{}, make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		asks <- struct{}{}
		<-over
	}))
	defer server.Close()
	defer close(over)
	e := New(server.URL, "", "", server.Client())
	e.breaker.Pause, e.breaker.Longest = time.Hour, time.Hour

	gone, cancel := context.WithCancel(t.Context())
	go func() { <-asks; cancel() }()
	_, err := e.Send(gone, Request{})
	require.ErrorIs(t, err, ErrAway)
	require.False(t, e.breaker.Open(), "the caller gave up")
	_, err = e.Send(gone, Request{})
	require.ErrorIs(t, err, ErrAway)
	require.EqualValues(t, 1, asked.Load(), "nobody waits for the answer")

	brief, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	_, err = e.Send(brief, Request{})
	require.ErrorIs(t, err, ErrAway)
	require.NoError(t, brief.Err(), "nothing is left for Temporal")
	require.True(t, e.breaker.Open())
	_, err = e.Send(brief, Request{})
	require.ErrorIs(t, err, ErrAway)
	require.EqualValues(t, 2, asked.Load(), "it is left alone")
}

// An endpoint whose store takes nothing is left alone, as a silent one is: each caller would wait for it.
func TestEndpointWhoseStoreIsAway(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in Request
		if json.Unmarshal(body, &in) != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		out := Response{Outcomes: make([]Answer, len(in.Outcomes))}
		for i, o := range in.Outcomes {
			out.Outcomes[i].Away = o.ID == "away"
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	defer server.Close()
	e := New(server.URL, "", "", server.Client())
	e.breaker.Pause, e.breaker.Longest = time.Hour, time.Hour
	a, err := e.Send(t.Context(), Request{Outcomes: []scoring.Outcome{{ID: "away"}, {ID: "held"}}})
	require.NoError(t, err)
	require.True(t, a.Outcomes[0].Away)
	require.False(t, e.breaker.Open(), "it took one")
	a, err = e.Send(t.Context(), Request{Outcomes: []scoring.Outcome{{ID: "away"}}})
	require.NoError(t, err)
	require.True(t, a.Outcomes[0].Away)
	require.True(t, e.breaker.Open())
}
