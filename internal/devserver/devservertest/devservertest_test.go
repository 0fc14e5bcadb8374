package devservertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/internal/devserver"
)

func TestMain(m *testing.M) {
	Main(m, func() error { return goleak.Find() })
}

var scores = temporal.NewSearchAttributeKeyKeywordList("VerdictScores")

func greet(ctx workflow.Context, name string) (string, error) {
	err := workflow.UpsertTypedSearchAttributes(ctx, scores.ValueSet([]string{"quality=high"}))
	return "hello " + name, err
}

// runGreet runs a workflow to its end and finds it by its search attribute.
func runGreet(t *testing.T, c client.Client, namespace string) {
	queue := Name(t)
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(greet)
	require.NoError(t, w.Start())
	defer w.Stop()

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: queue, TaskQueue: queue}, greet, "Ada")
	require.NoError(t, err)
	var said string
	require.NoError(t, run.Get(ctx, &said))
	require.Equal(t, "hello Ada", said)

	query := fmt.Sprintf("VerdictScores = 'quality=high' AND TaskQueue = '%s'", queue)
	require.Eventually(t, func() bool {
		n, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: query})
		return err == nil && n.GetCount() == 1
	}, 5*time.Minute, 20*time.Millisecond)
}

func TestForTest(t *testing.T) {
	t.Parallel()
	server := ForTest(t)
	require.Equal(t, server.Address, ForTest(t).Address, "one server for all")
	runGreet(t, server.Dial(t, client.Options{}), server.Namespace)
}

func TestNewNamespace(t *testing.T) {
	t.Parallel()
	server := ForTest(t)
	namespace := server.NewNamespace(t)
	require.NotEqual(t, server.Namespace, namespace)
	runGreet(t, server.Dial(t, client.Options{Namespace: namespace}), namespace)
}

func TestName(t *testing.T) {
	t.Run("with spaces/and slashes", func(t *testing.T) {
		require.Regexp(t, `^TestName-with-spaces-and-slashes-[0-9a-f]{8}$`, Name(t))
		require.NotEqual(t, Name(t), Name(t))
	})
}

// outcome says how a test would have gone on.
type outcome struct {
	testing.TB
	skipped, failed string
}

func (o *outcome) Helper() {}
func (o *outcome) Skip(args ...any) {
	o.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}
func (o *outcome) Skipf(format string, args ...any) { o.Skip(fmt.Sprintf(format, args...)) }
func (o *outcome) Fatalf(format string, args ...any) {
	o.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWithoutServer(t *testing.T) {
	for _, test := range []struct {
		name    string
		short   bool
		require string
		starts  int
		skipped string
		failed  string
	}{
		{name: "skips", starts: 1, skipped: "needs a Temporal server: none here"},
		{name: "fails if one is required", require: "1", starts: 1, failed: "VERDICT_REQUIRE_SERVER=1 and no Temporal server: none here"},
		{name: "short starts nothing", short: true, require: "1", skipped: "-short: needs a Temporal server"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(EnvRequire, test.require)
			starts := 0
			o := &once{start: func() (*devserver.Server, error) {
				starts++
				return nil, errors.New("none here")
			}}
			for range 2 { // the second time from memory
				got := &outcome{TB: t}
				done := make(chan struct{})
				go func() {
					defer close(done)
					o.get(got, test.short)
				}()
				<-done
				require.Equal(t, test.skipped, got.skipped)
				require.Equal(t, test.failed, got.failed)
			}
			require.Equal(t, test.starts, starts)
			require.NoError(t, o.stop())
		})
	}
}

func TestAddressOfTests(t *testing.T) {
	t.Setenv(devserver.EnvAddress, "production:7233")
	t.Setenv(EnvAddress, "")
	require.Empty(t, getenv(devserver.EnvAddress))
	t.Setenv(EnvAddress, "127.0.0.1:1")
	require.Equal(t, "127.0.0.1:1", getenv(devserver.EnvAddress))
	_, err := start()
	require.Error(t, err, "a server that is not there")
	require.False(t, strings.Contains(err.Error(), "production"))
}
