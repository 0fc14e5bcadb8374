package webhooks_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

// So many are worked on and four times as many wait; whoever comes then is sent away at once, and those that wait get their turn.
func TestMaxInFlight(t *testing.T) {
	t.Parallel()
	headers := make([]http.Header, 11)
	for i := range headers {
		headers[i] = signed(t, standardSecret, fmt.Sprint("m", i), noon, merged).Header
	}
	synctest.Test(t, func(t *testing.T) {
		var entered atomic.Int32
		release := make(chan struct{})
		slow := webhooks.SinkFunc(func(context.Context, scoring.Outcome) error {
			entered.Add(1)
			<-release
			return nil
		})
		m := newMemory()
		h := handler(t, standard, m, webhooks.Scores, func(o *webhooks.Options) { o.Sink, o.MaxInFlight = slow, 2 })
		codes := make(chan int, 10)
		for _, header := range headers[:10] {
			go func() { codes <- post(h, header, merged).Code }()
			synctest.Wait()
		}
		require.Equal(t, int32(2), entered.Load())
		for range 100 {
			w := post(h, headers[10], merged)
			require.Equal(t, 503, w.Code)
			require.Equal(t, "10", w.Header().Get("Retry-After"))
		}
		require.Equal(t, 401, post(h, headers[10], "forged").Code, "what is not authentic takes no place")
		close(release)
		for range 10 {
			require.Equal(t, 200, <-codes)
		}
		require.Equal(t, 200, post(h, headers[10], merged).Code)
		require.Len(t, m.rejected, 1)
	})
}

// Whoever waits for a place does so no longer than the timeout.
func TestWaitIsBounded(t *testing.T) {
	t.Parallel()
	first, second := signed(t, standardSecret, "m1", noon, merged).Header, signed(t, standardSecret, "m2", noon, merged).Header
	synctest.Test(t, func(t *testing.T) {
		stuck := webhooks.SinkFunc(func(ctx context.Context, _ scoring.Outcome) error {
			<-ctx.Done()
			return ctx.Err()
		})
		h := handler(t, standard, newMemory(), webhooks.Scores, func(o *webhooks.Options) { o.Sink, o.MaxInFlight, o.Timeout = stuck, 1, time.Second })
		codes := make(chan int, 2)
		begin := time.Now()
		go func() { codes <- post(h, first, merged).Code }()
		synctest.Wait()
		go func() { codes <- post(h, second, merged).Code }()
		require.Equal(t, 503, <-codes)
		require.Equal(t, 503, <-codes)
		require.Equal(t, time.Second, time.Since(begin))
	})
}

// trickle opens a connection on which a body comes byte by byte and never ends, until the test does.
func trickle(t *testing.T, address string) {
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	_, err = fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: test\r\nX-GitHub-Event: pull_request\r\nX-GitHub-Delivery: d\r\nX-Hub-Signature-256: sha256=00\r\nContent-Length: 100000\r\n\r\n")
	require.NoError(t, err)
	tick := time.NewTicker(20 * time.Millisecond)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range tick.C {
			if _, err := conn.Write([]byte(" ")); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-done
		tick.Stop()
	})
}

// Senders that trickle keep nobody out, however many they are and though they come from the same address.
func TestTricklingSenders(t *testing.T) {
	t.Parallel()
	for _, trickling := range []int{70, 600} {
		t.Run(fmt.Sprint(trickling), func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			server := httptest.NewServer(handler(t, webhooks.GitHub{Secrets: []string{"s"}}, m, webhooks.PullRequests))
			t.Cleanup(server.Close)
			for range trickling {
				trickle(t, server.Listener.Addr().String())
			}
			const deliveries = 84
			codes := make(chan string, deliveries)
			client := server.Client()
			for i := range deliveries {
				body := fmt.Sprintf(`{"action":"closed","pull_request":{"number":%d,"merged":true},"repository":{"full_name":"o/r"}}`, i+1)
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(body))
				require.NoError(t, err)
				r.Header = githubSigned("s", "pull_request", body)
				r.Header.Set("X-GitHub-Delivery", fmt.Sprint("d", i))
				go func() {
					res, err := client.Do(r)
					if err != nil {
						codes <- err.Error()
						return
					}
					_ = res.Body.Close()
					codes <- res.Status
				}()
			}
			for range deliveries {
				require.Equal(t, "200 OK", <-codes)
			}
			require.Len(t, m.rows, deliveries)
		})
	}
}

func TestMaxInFlightAfterPanic(t *testing.T) {
	t.Parallel()
	calls := 0
	h := handler(t, standard, newMemory(), func(d webhooks.Delivery) ([]scoring.Outcome, error) {
		if calls++; calls == 1 {
			panic("a mapping with a bug")
		}
		return webhooks.Scores(d)
	}, func(o *webhooks.Options) { o.MaxInFlight = 1 })
	header := signed(t, standardSecret, "m", noon, merged).Header
	require.Panics(t, func() { post(h, header, merged) })
	require.Equal(t, 200, post(h, header, merged).Code)
}

func TestTimeoutOfTheSink(t *testing.T) {
	t.Parallel()
	stuck := webhooks.SinkFunc(func(ctx context.Context, _ scoring.Outcome) error {
		<-ctx.Done()
		return ctx.Err()
	})
	h := handler(t, standard, newMemory(), webhooks.Scores, func(o *webhooks.Options) {
		o.Sink, o.Timeout = stuck, time.Millisecond
	})
	w := post(h, signed(t, standardSecret, "m", noon, merged).Header, merged)
	require.Equal(t, 503, w.Code)
	require.Equal(t, "10", w.Header().Get("Retry-After"))
}

func TestDefaultTimeouts(t *testing.T) {
	t.Parallel()
	left := func(s webhooks.Scheme, header http.Header) time.Duration {
		var d time.Duration
		sink := webhooks.SinkFunc(func(ctx context.Context, _ scoring.Outcome) error {
			deadline, ok := ctx.Deadline()
			require.True(t, ok)
			d = time.Until(deadline)
			return nil
		})
		h := handler(t, s, newMemory(), probe, func(o *webhooks.Options) { o.Sink = sink })
		require.Equal(t, 200, post(h, header, slackReaction).Code)
		return d
	}
	d := left(standard, signed(t, standardSecret, "m", noon, slackReaction).Header)
	require.True(t, d > 4*time.Second && d <= webhooks.DefaultTimeout, d)
	d = left(webhooks.Slack{Secrets: []string{"s"}}, slackSigned("s", noon, slackReaction))
	require.True(t, d > time.Second && d <= 2*time.Second, d)
}

func TestSenderThatHangsUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	m := newMemory()
	sink := webhooks.SinkFunc(func(inner context.Context, o scoring.Outcome) error {
		cancel() // the sender goes away while its outcome is written
		require.NoError(t, inner.Err())
		return m.Deliver(inner, o)
	})
	h := handler(t, standard, m, webhooks.Scores, func(o *webhooks.Options) { o.Sink = sink })
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(merged))
	r.Header = signed(t, standardSecret, "m", noon, merged).Header
	h.ServeHTTP(httptest.NewRecorder(), r)
	require.Len(t, m.rows, 1)
}

// One event that the sink cannot take, however often it comes, does not keep the others of its batch from being held; a
// sink that takes none is not asked for each of them.
func TestOneEventThatFails(t *testing.T) {
	t.Parallel()
	var events []string
	for i := range 200 {
		events = append(events, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s","type":"t","subject":"k"}`, i))
	}
	batch := "[" + strings.Join(events, ",") + "]"
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/cloudevents-batch+json"}}
	for _, c := range []struct {
		fails       func(id string) bool
		held, asked int
	}{
		{func(id string) bool { return id == "e/0" }, 199, 200},
		{func(string) bool { return true }, 0, 32},
	} {
		m := newMemory()
		var asked atomic.Int32
		h := handler(t, webhooks.CloudEvents{Tokens: []string{token}}, m, webhooks.Scores, func(o *webhooks.Options) {
			o.Mapping = func(d webhooks.Delivery) ([]scoring.Outcome, error) {
				return []scoring.Outcome{{ID: "e/" + d.Attributes["id"], Name: "n", Key: "k"}}, nil
			}
			o.Sink = webhooks.SinkFunc(func(ctx context.Context, x scoring.Outcome) error {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if asked.Add(1); c.fails(x.ID) {
					return errors.New("cannot be carried")
				}
				return m.Deliver(ctx, x)
			})
		})
		require.Equal(t, 503, post(h, header, batch).Code)
		require.Len(t, m.rows, c.held)
		require.LessOrEqual(t, int(asked.Load()), c.asked)
	}
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	h := handler(t, standard, newMemory(), webhooks.Scores, func(o *webhooks.Options) { o.Timeout = 50 * time.Millisecond })
	server := httptest.NewServer(h)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n{")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 408, res.StatusCode)
}

func TestOverHTTP(t *testing.T) {
	t.Parallel()
	m := newMemory()
	sink := webhooks.SinkFunc(func(ctx context.Context, o scoring.Outcome) error {
		if o.ID == "standard-webhooks:m0" {
			<-ctx.Done() // until the deadline of the first body has passed too
			return ctx.Err()
		}
		return m.Deliver(ctx, o)
	})
	server := httptest.NewServer(handler(t, standard, m, webhooks.Scores, func(o *webhooks.Options) {
		o.Sink, o.Timeout = sink, 500*time.Millisecond
	}))
	defer server.Close()
	// One connection, kept open: what happened to one request must not end the next.
	for i, status := range []int{503, 200, 200} {
		reused := false
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, server.URL, strings.NewReader(merged))
		require.NoError(t, err)
		r.Header = signed(t, standardSecret, fmt.Sprint("m", i), noon, merged).Header
		res, err := server.Client().Do(r)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, status, res.StatusCode)
		require.Equal(t, i > 0, reused)
	}
	require.Len(t, m.rows, 2)
}

func TestOutcomeIDs(t *testing.T) {
	t.Parallel()
	twice := webhooks.Combine(webhooks.Scores, webhooks.Scores)
	m := newMemory()
	h := handler(t, standard, m, twice, func(o *webhooks.Options) { o.Source = "billing" })
	require.Equal(t, 200, post(h, signed(t, standardSecret, "m", noon, merged).Header, merged).Code)
	require.Len(t, m.rows, 2)
	require.Contains(t, m.rows, "billing:m")
	require.Contains(t, m.rows, "billing[1]:m")
	require.Equal(t, "billing", m.rows["billing:m"].Source)

	// An id that is too long for an outcome is still one id.
	long := strings.Repeat("m", 900)
	for range 2 {
		require.Equal(t, 200, post(h, signed(t, standardSecret, long, noon, merged).Header, merged).Code)
	}
	require.Len(t, m.rows, 4)

	// An id of the mapping's own is kept, and what a mapping returns is not written to.
	shared := []scoring.Outcome{{ID: "mine", Name: "n", Key: "k"}}
	m = newMemory()
	h = handler(t, standard, m, func(webhooks.Delivery) ([]scoring.Outcome, error) { return shared, nil })
	require.Equal(t, 200, post(h, signed(t, standardSecret, "m", noon, merged).Header, merged).Code)
	require.Contains(t, m.rows, "mine")
	require.Equal(t, []scoring.Outcome{{ID: "mine", Name: "n", Key: "k"}}, shared)
}

func TestSinkThatRefusesForGood(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := handler(t, standard, m, webhooks.Scores, func(o *webhooks.Options) {
		o.Sink = webhooks.SinkFunc(func(context.Context, scoring.Outcome) error { return scoring.Invalid("key", "is closed") })
	})
	require.Equal(t, 400, post(h, signed(t, standardSecret, "m", noon, merged).Header, merged).Code)
	require.Equal(t, []string{"standard-webhooks m verdict: invalid key: is closed"}, m.rejected)
}

// A batch with bad events among good ones: the good ones are held, the sender is told.
func TestBatchInParts(t *testing.T) {
	t.Parallel()
	m := newMemory()
	h := handler(t, webhooks.CloudEvents{Tokens: []string{token}}, m, webhooks.Scores)
	batch := `[{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"k"},
		{"specversion":"1.0","id":"2","source":"/s","subject":"no type"},
		{"specversion":"1.0","id":"3","source":"/s","type":"t","subject":"k","data":{"value":"high"}},
		{"specversion":"0.3","id":"5","source":"/s","type":"t"},
		{"specversion":"1.0","id":"4","source":"/s","type":"t","subject":"k"}]`
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/cloudevents-batch+json"}}
	require.Equal(t, 400, post(h, header, batch).Code)
	require.Len(t, m.rows, 2)
	require.Contains(t, m.rows, "cloudevents:/s|1")
	require.Contains(t, m.rows, "cloudevents:/s|4")
	require.Len(t, m.rejected, 3)
	require.Contains(t, m.rejected[0], "/s|2 the event needs a source, an id and a type")
	require.Contains(t, m.rejected[1], "/s|5 not a CloudEvent of version 1.0")
	require.Contains(t, m.rejected[2], "/s|3")
}

// A large batch is handed over many events at a time, and one that is too large is refused before any of it is.
func TestLargeBatches(t *testing.T) {
	t.Parallel()
	batch := func(n int) string {
		events := make([]string, n)
		for i := range events {
			events[i] = fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/s","type":"t","subject":"k"}`, i)
		}
		return "[" + strings.Join(events, ",") + "]"
	}
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/cloudevents-batch+json"}}
	m := newMemory()
	var arrived atomic.Int32
	together := make(chan struct{})
	sink := webhooks.SinkFunc(func(ctx context.Context, o scoring.Outcome) error {
		if arrived.Add(1) == 16 {
			close(together)
		}
		select {
		case <-together:
			return m.Deliver(ctx, o)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	h := handler(t, webhooks.CloudEvents{Tokens: []string{token}}, m, webhooks.Scores, func(o *webhooks.Options) { o.Sink = sink })
	require.Equal(t, 200, post(h, header, batch(1000)).Code)
	require.Len(t, m.rows, 1000)
	require.Equal(t, 413, post(h, header, batch(1001)).Code)
	require.Equal(t, int32(1000), arrived.Load())
	require.Contains(t, m.rejected[0], "1001 events, at most 1000")
}
