package history_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
)

var record = flag.Bool("record", false, "write testdata/agent.json again")

// The history of an agent, which the examples and the documentation read, is one that a server made:
// go test ./history -run TestAnAgentIsRecorded -record.
func TestAnAgentIsRecorded(t *testing.T) {
	if !*record {
		t.Skip("only with -record")
	}
	b := harness.New(t, nil)
	b.Worker(b.Queue, worker.Options{}, tools)
	run := b.Start("agent", question{"what is a bond?", "en"})
	require.NoError(t, run.Get(t.Context(), nil))
	export(t, b, "agent.json", run)
}

// The histories of a TypeScript worker: go test ./history -run TestTypeScriptIsRecorded -record, after npm install in
// testdata/typescript.
func TestTypeScriptIsRecorded(t *testing.T) {
	if !*record {
		t.Skip("only with -record")
	}
	b := harness.New(t, nil)
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
