package app

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/webhooks"
)

// payment delivers a payment by a signed webhook, and returns the status.
func (p *program) payment(id, order string) int {
	p.Helper()
	event := []byte(`{"type":"checkout.paid","data":{"name":"checkout.paid","key":"` + order + `","value":true}}`)
	header, err := webhooks.Sign(standardSecret, id, time.Now(), event)
	require.NoError(p, err)
	status, _ := p.http(http.MethodPost, "/webhooks/standard", string(event), header)
	return status
}

// readiness waits until the worker answers a probe so.
func (p *program) readiness(status int, body string) {
	p.Helper()
	harness.Eventually(p, harness.Patience, func() error {
		begin := time.Now()
		got, text := p.http(http.MethodGet, "/readyz", "", nil)
		if got != status || text != body {
			return fmt.Errorf("%d %s", got, text)
		}
		if took := time.Since(begin); status == 200 && took > 2*time.Second {
			return fmt.Errorf("it took %s", took)
		}
		return nil
	})
}

// entries returns the ledger.
func (p *program) entries() (all []store.Entry) {
	p.Helper()
	require.NoError(p, json.Unmarshal([]byte(p.starter("ledger", "-o", "json")), &all))
	return all
}

// lock keeps every write out of a SQLite file until it is called.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	return func() {
		_ = tx.Rollback()
		require.NoError(t, db.Close())
	}
}

// Whichever of Temporal and the store is away, the other holds what comes, and the scorer gets it once.
func TestOneOfThemIsAway(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	namespace := server.NewNamespace(t)
	proxy := harness.NewProxy(t, server.Address)
	p := startWorker(t, namespace, "--address", proxy.Address, "--search-attributes=false", "--stop-timeout", "2s")
	user := worker.New(server.Dial(t, client.Options{Namespace: namespace}), "orders", worker.Options{
		Plugins: []worker.Plugin{verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{paid}})},
	})
	user.RegisterWorkflowWithOptions(order, workflow.RegisterOptions{Name: "Order"})
	require.NoError(t, user.Start())
	t.Cleanup(user.Stop)
	for _, id := range []string{"7", "8"} {
		p.starter("run", "--type", "Order", "--task-queue", "orders", "--input", `"`+id+`"`, "--id", "order-"+id, "--wait")
	}
	pending := func(n int) {
		t.Helper()
		harness.Eventually(t, harness.Patience, func() error {
			if row, _ := p.report("paid"); row.Pending != n {
				return fmt.Errorf("%+v", row)
			}
			return nil
		})
	}
	pending(2)
	p.readiness(200, "ok\n")

	proxy.Hang()
	p.readiness(200, "ok; away: temporal\n")
	begin := time.Now()
	require.Equal(t, 200, p.payment("evt_7", "7"))
	require.Less(t, time.Since(begin), 5*time.Second)
	require.Equal(t, 200, p.payment("evt_7", "7"), "again")
	_, metrics := p.http(http.MethodGet, "/metrics", "", nil)
	require.Contains(t, metrics, `verdict_away{part="temporal"} 1`)
	require.Contains(t, metrics, `verdict_away{part="store"} 0`)
	require.Contains(t, metrics, `verdict_webhook_requests_total{endpoint="standard",status="200"} 2`)

	begin = time.Now()
	status, page := p.http(http.MethodGet, "/", "", nil)
	require.Equal(t, 200, status)
	require.Contains(t, page, "Away: temporal.")
	require.Less(t, time.Since(begin), 9*time.Second, "Temporal is not asked")
	unlock := lock(t, p.db)
	p.readiness(503, "not ready: temporal, store\n")
	require.Equal(t, 503, p.payment("evt_8", "8"))

	proxy.Go()
	p.readiness(200, "ok; away: store\n")
	require.Equal(t, 200, p.payment("evt_8", "8"))
	_, page = p.http(http.MethodGet, "/", "", nil)
	require.Contains(t, page, "Away: store.")
	unlock()
	p.readiness(200, "ok\n")
	pending(0)
	harness.Eventually(t, harness.Patience, func() error {
		deliveries := map[string]int{}
		for _, e := range p.entries() {
			deliveries[e.Outcome.ID] = e.Deliveries
		}
		if want := map[string]int{"standard-webhooks:evt_7": 2, "standard-webhooks:evt_8": 1}; fmt.Sprint(deliveries) != fmt.Sprint(want) {
			return fmt.Errorf("%v", deliveries)
		}
		return nil
	})
	row, _ := p.report("paid")
	require.Equal(t, 2, row.Scored)
	for _, part := range []string{"temporal", "store"} {
		require.Equal(t, 1, strings.Count(p.log.String(), `msg="away: it takes no writes" part=`+part), "it is said once")
	}
	if err := p.stop(); err != nil {
		require.NoError(t, errors.Join(err, errors.New(p.log.String())))
	}
}
