package history_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/worker"

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
	data, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(b.History(run))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join("testdata", "agent.json"), append(data, '\n'), 0o644)) //nolint:gosec // it is public
}
