package endpoint

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
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
