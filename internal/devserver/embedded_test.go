package devserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// embedded are the options of the real embedded server. Its binary has to be in the
// cache: building it takes longer than a test may.
func embedded(t *testing.T) Options {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: starts the real server")
	}
	must := os.Getenv("VERDICT_REQUIRE_SERVER") == "1"
	o := Options{UIPort: -1, NoBuild: !must, Log: t.Output(), Getenv: func(name string) string {
		if name == EnvUse {
			return "embedded"
		}
		if name == EnvAddress || name == EnvNamespace {
			return ""
		}
		return os.Getenv(name)
	}}
	_, err := Build(t.Context(), o)
	if err != nil && !must {
		t.Skipf("needs the embedded server: %v", err)
	}
	require.NoError(t, err)
	return o
}

func attributesOf(t *testing.T, s *Server) map[string]enumspb.IndexedValueType {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.Address, Namespace: s.Namespace})
	require.NoError(t, err)
	defer c.Close()
	have, err := c.OperatorService().ListSearchAttributes(t.Context(),
		&operatorservice.ListSearchAttributesRequest{Namespace: s.Namespace})
	require.NoError(t, err)
	return have.GetCustomAttributes()
}

func TestEmbeddedServer(t *testing.T) {
	t.Parallel()
	o := embedded(t)
	o.UIPort = 0
	o.Namespace = "team"
	o.SearchAttributes = map[string]string{"VerdictScores": "KeywordList", "Quality": "Double"}
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop() })

	c, err := client.Dial(client.Options{HostPort: s.Address})
	require.NoError(t, err)
	defer c.Close()
	info, err := c.WorkflowService().GetSystemInfo(t.Context(), &workflowservice.GetSystemInfoRequest{})
	require.NoError(t, err)
	require.NotEmpty(t, info.GetServerVersion())

	list, err := c.WorkflowService().ListNamespaces(t.Context(), &workflowservice.ListNamespacesRequest{})
	require.NoError(t, err)
	retention := map[string]string{}
	for _, n := range list.GetNamespaces() {
		retention[n.GetNamespaceInfo().GetName()] = n.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration().String()
	}
	require.Equal(t, Retention.String(), retention["team"])

	attributes := attributesOf(t, s)
	require.Equal(t, enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST, attributes["VerdictScores"])
	require.Equal(t, enumspb.INDEXED_VALUE_TYPE_DOUBLE, attributes["Quality"])

	for _, page := range []string{"/", "/api/v1/namespaces/team"} {
		require.Equal(t, http.StatusOK, get(t, s.UIURL+page), page)
	}

	pid := s.process.cmd.Process.Pid
	require.NoError(t, s.Stop())
	requireClosed(t, s.Done(), "the server")
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	require.NoError(t, s.Stop(), "again")
}

func TestEmbeddedServerReopensItsFile(t *testing.T) {
	t.Parallel()
	o := embedded(t)
	o.DBFile = filepath.Join(t.TempDir(), "new", "runs.db")
	o.SearchAttributes = map[string]string{"VerdictScores": "KeywordList"}
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop() })
	c, err := client.Dial(client.Options{HostPort: s.Address})
	require.NoError(t, err)
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "kept", TaskQueue: "none"}, "Any")
	require.NoError(t, err)
	c.Close()

	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "does another server use it?")
	require.NoError(t, s.Stop())

	// The namespace is there already, and so are its attributes, but not the new one.
	o.SearchAttributes["VerdictScorer"] = "KeywordList"
	again, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = again.Stop() })
	attributes := attributesOf(t, again)
	require.Contains(t, attributes, "VerdictScores")
	require.Contains(t, attributes, "VerdictScorer")
	c, err = client.Dial(client.Options{HostPort: again.Address})
	require.NoError(t, err)
	kept, err := c.DescribeWorkflowExecution(t.Context(), "kept", "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, kept.GetWorkflowExecutionInfo().GetStatus())
	c.Close()
	require.NoError(t, again.Stop())

	o.SearchAttributes["VerdictScores"] = "Int"
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "search attribute VerdictScores is KeywordList in this database, not Int")
}

func TestEmbeddedServerRefuses(t *testing.T) {
	t.Parallel()
	o := embedded(t)
	o.SearchAttributes = map[string]string{"Wrong": "Number"}
	_, err := Start(t.Context(), o)
	require.ErrorContains(t, err, "want Name=Type")

	taken := embedded(t)
	s, err := Start(t.Context(), taken)
	require.NoError(t, err)
	defer s.Stop()
	_, err = fmt.Sscanf(s.Address, "127.0.0.1:%d", &taken.Port)
	require.NoError(t, err)
	_, err = Start(t.Context(), taken)
	require.ErrorContains(t, err, "address already in use")
}

func TestEmbeddedServerDiesWithItsParent(t *testing.T) {
	t.Parallel()
	embedded(t)
	parent, address := startParent(t, EnvUse+"=embedded")
	gone := watch(t, address)
	require.NoError(t, parent.Process.Kill())
	requireClosed(t, gone, "the server")
	require.Error(t, parent.Wait())
}

func get(t *testing.T, url string) int {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).Get(url)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, r.Body)
	require.NoError(t, errors.Join(err, r.Body.Close()))
	return r.StatusCode
}
