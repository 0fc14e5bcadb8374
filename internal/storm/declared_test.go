package storm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// Many declared scorers wait; a third has an outcome, the windows of the rest end. The workers that receive and close are killed
// again and again. Each scorer has one score, the right one.
//
// It is not parallel, as TestStorm is not.
func TestDeclaredScorersAndKills(t *testing.T) { //nolint:paralleltest // see above
	n, every := 1500, 2*time.Second
	if *full {
		n, every = 100_000, 5*time.Second
	}
	server := devservertest.ForTest(t)
	url := pgtest.Start(t)
	require.NoError(t, postgres.Migrate(t.Context(), url))
	opened, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	prefix := devservertest.Name(t)
	s := &storm{t: t, client: server.Dial(t, client.Options{}), prefix: prefix, http: &http.Client{Timeout: 10 * time.Second}}
	t.Cleanup(s.http.CloseIdleConnections)
	for range 2 {
		p := settings{
			Temporal: server.Address, Namespace: server.Namespace, Postgres: url, Listen: free(t),
			UserQueue: prefix + "-user", VerdictQueue: prefix + "-verdict", Declared: true,
		}
		s.workers, s.listen = append(s.workers, newProcess(t, p)), append(s.listen, "http://"+p.Listen+"/webhooks/standard")
	}

	began := time.Now()
	ends := began.Add(10*time.Second + time.Duration(n)*4*time.Millisecond)
	kills := make(chan int)
	killing, stop := context.WithCancel(t.Context())
	go func() {
		tick, done := time.NewTicker(every), 0
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.workers[rand.IntN(len(s.workers))].kill()
				done++
			case <-killing.Done():
				kills <- done
				return
			}
		}
	}()
	key := func(i int) string { return fmt.Sprint(prefix, "/", i) }
	var all errgroup.Group
	all.SetLimit(32)
	for i := range n {
		all.Go(func() error {
			e := declared(key(i), time.Hour)
			e.Window.Until, e.Rule.Allowance = ends, time.Millisecond
			if _, err := opened.Expect(t.Context(), e); err != nil {
				return err
			}
			if i%3 == 0 {
				o := &order{key: key(i), value: 1}
				s.deliver(o)
			}
			return nil
		})
	}
	require.NoError(t, all.Wait())
	made := time.Since(began)
	harness.Eventually(t, harness.Patience+time.Until(ends), func() error {
		pending, err := opened.Scores(t.Context(), store.Filter{States: []scoring.State{scoring.Pending}, Limit: 1})
		if err == nil && len(pending) > 0 {
			err = fmt.Errorf("some are pending")
		}
		return err
	})
	harness.Eventually(t, harness.Patience, func() error { // also what Temporal has held
		entries, err := opened.Ledger(t.Context(), store.LedgerFilter{})
		if err == nil && len(entries) < (n+2)/3 {
			err = fmt.Errorf("the store has %d outcomes", len(entries))
		}
		return err
	})
	stop()
	killed := <-kills
	_, err = opened.CloseDue(t.Context())
	require.NoError(t, err)
	scores, err := opened.Scores(t.Context(), store.Filter{})
	require.NoError(t, err)
	require.Len(t, scores, n)
	paid, late := 0, 0
	for _, r := range scores {
		yes, ok := r.Value.Bool()
		require.True(t, ok)
		if yes {
			paid++
		}
	}
	if paid != (n+2)/3 { // a worker that was away when the window ended received the last ones
		entries, err := opened.Ledger(t.Context(), store.LedgerFilter{State: store.Late})
		require.NoError(t, err)
		late = len(entries)
	}
	require.Equal(t, (n+2)/3, paid+late)
	t.Logf("%d declared scorers made in %s, %d workers killed: %d paid, %d not; %d outcomes came after the end; all scored after %s",
		n, made.Round(time.Second), killed, paid, n-paid, late, time.Since(began).Round(time.Second))
}
