package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
)

// codecServer is a remote codec that encrypts, asks for a password, and can be away.
type codecServer struct {
	*httptest.Server
	away  atomic.Bool
	asked atomic.Int32
}

func startCodec(t *testing.T, key, password string) *codecServer {
	s := &codecServer{}
	codec := converter.NewPayloadCodecHTTPHandler(harness.Codec(key))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		switch {
		case s.away.Load():
			http.Error(w, "away", http.StatusServiceUnavailable)
		case r.Header.Get("Authorization") != password:
			http.Error(w, "who are you?", http.StatusUnauthorized)
		default:
			codec.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { s.Close(); http.DefaultClient.CloseIdleConnections() })
	return s
}

// In a namespace whose clients encrypt, the shipped worker works through the codec of that namespace, and waits while it is away.
func TestRemoteCodec(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	codec := startCodec(t, "k", "Bearer b")
	namespace, queue := server.NewNamespace(t), devservertest.Name(t)
	worksWith := []string{"--codec-endpoint", codec.URL, "--codec-auth", "Bearer b", "--search-attributes=false"}
	p := startWorker(t, namespace, worksWith...)
	require.NotContains(t, p.log.String(), "Bearer b")
	c := server.Dial(t, client.Options{
		Namespace: namespace, DataConverter: harness.Encrypting("k"),
		Plugins: []client.Plugin{verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{paid}})},
	})
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(order)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	codec.away.Store(true)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "order-7", TaskQueue: queue}, order, "o7")
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	harness.Eventually(t, harness.Patience, func() error {
		return contains(p.log.String(), "Verdict cannot decode the input of")
	})
	codec.away.Store(false)
	p.starter(append([]string{"outcome", "--name", "checkout.paid", "--key", "o7", "--value", "12"}, worksWith[:4]...)...)
	harness.Eventually(t, harness.Patience, func() error {
		return contains(p.starter(append([]string{"report"}, worksWith[:4]...)...), "quality", "paid", "12")
	})
	require.Positive(t, codec.asked.Load())

	// Nothing that starts a workflow of ours is in the clear.
	list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace})
	require.NoError(t, err)
	require.NotEmpty(t, list.Executions)
	for _, e := range list.Executions {
		first, err := c.GetWorkflowHistory(t.Context(), e.Execution.WorkflowId, e.Execution.RunId, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
		require.NoError(t, err)
		for _, payload := range first.GetWorkflowExecutionStartedEventAttributes().Input.GetPayloads() {
			require.Equal(t, "binary/encrypted", string(payload.Metadata[converter.MetadataEncoding]), e.Type.Name)
		}
	}
}

// What is wrong with a codec is said before the worker starts.
func TestCheckAsksTheCodec(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	codec := startCodec(t, "k", "Bearer b")
	check := func(auth string) outcomeOf {
		return call(t, RunWorker, []string{"TEMPORAL_ADDRESS=" + server.Address}, "--check", "--db", ":memory:", "--search-attributes=false",
			"--codec-endpoint", codec.URL, "--codec-auth", auth)
	}
	require.NoError(t, check("Bearer b").err)
	require.ErrorContains(t, check("Bearer c").err, "payload codec (set by --codec-endpoint or TEMPORAL_CODEC_ENDPOINT)")
}

func contains(text string, all ...string) error {
	for _, part := range all {
		if !strings.Contains(text, part) {
			return fmt.Errorf("no %q in %s", part, text)
		}
	}
	return nil
}
