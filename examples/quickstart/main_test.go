package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/store/sqlite"
)

func TestMain(m *testing.M) { devservertest.Main(m) }

// The commands of docs/quickstart.md do what it says, and its program is this one.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	document, err := os.ReadFile("../../docs/quickstart.md")
	require.NoError(t, err)
	require.Contains(t, string(document), "```go\n"+string(program)+"```\n")

	server := devservertest.ForTest(t)
	db, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	p := plugin(db, "127.0.0.1:0")
	c := server.Dial(t, client.Options{Namespace: server.NewNamespace(t), Plugins: []client.Plugin{p}})
	w := worker.New(c, "shop", worker.Options{})
	w.RegisterWorkflow(Checkout)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	site := httptest.NewServer(p.Handler())
	t.Cleanup(func() { site.Close(); http.DefaultClient.CloseIdleConnections() })

	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "order-1", TaskQueue: "shop"}, "Checkout", Order{"o1", 3})
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	paid := `{"id":"payment-1","name":"order.paid","key":"o1"}`
	require.Contains(t, string(document), paid)
	resp, err := http.Post(site.URL+"/v1/outcomes", "application/json", bytes.NewBufferString(paid))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusCreated, resp.StatusCode)
	harness.Eventually(t, harness.Patience, func() error {
		resp, err := http.Get(site.URL + "/")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		page, err := io.ReadAll(resp.Body)
		if err == nil && !strings.Contains(string(page), "<td>true</td>") && !strings.Contains(string(page), ">true<") {
			err = errors.New("nobody has paid yet")
		}
		return err
	})
}
