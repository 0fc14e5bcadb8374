package history_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
)

var record = flag.Bool("record", false, "write testdata again")

// The histories that examples, documentation and tests read are ones that a server made, and makes: the agent's is made in every run of
// the tests. go test ./history -run TestAnAgentIsRecorded -record writes it again, and those of a TypeScript worker, which needs Node.js
// and npm install in testdata/typescript.
func TestAnAgentIsRecorded(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.Worker(b.Queue, worker.Options{}, tools)
	run := b.Start("agent", question{"what is a bond?", "en"})
	require.NoError(t, run.Get(t.Context(), nil))
	if *record {
		export(t, b, "agent.json", run)
		recordTypeScript(t, b)
	}
	file, err := os.Open(filepath.Join("testdata", "agent.json"))
	require.NoError(t, err)
	defer file.Close()
	kept, err := collect(history.FromJSON(file))
	require.NoError(t, err)
	require.Equal(t, harness.Shape(b.History(run)), harness.Shape(&historypb.History{Events: kept}))
}

// recordTypeScript writes the histories of a TypeScript worker.
func recordTypeScript(t *testing.T, b *harness.Bench) {
	t.Helper()
	server := devservertest.ForTest(t)
	cmd := exec.CommandContext(t.Context(), "node", "record.js", server.Address, server.Namespace)
	cmd.Dir = filepath.Join("testdata", "typescript")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	n := 0
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) == 4 && words[0] == "run" {
			n++
			export(t, b, filepath.Join("typescript", words[1]+".json"), b.Client.GetWorkflow(t.Context(), words[2], words[3]))
		}
	}
	require.Equal(t, 10, n, string(out))
}

// export writes a history as the command line does.
func export(t *testing.T, b *harness.Bench, name string, run client.WorkflowRun) {
	t.Helper()
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(b.History(run))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join("testdata", name), append(data, '\n'), 0o644)) //nolint:gosec // it is public
}
