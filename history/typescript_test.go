package history_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/history"
)

func open(t *testing.T, name string) *history.Run {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	defer file.Close()
	r, err := history.Read(history.FromJSON(file), history.Options{})
	require.NoError(t, err)
	require.Empty(t, r.Unread)
	require.Empty(t, r.Unknown)
	return r
}

// The runs of a worker in TypeScript, whose SDK writes other markers, failures and metadata than the one for Go, are what they did.
func TestRunsOfATypeScriptWorker(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"answer":     `completed ["about bonds."]: activity search completed 1; activity search completed 1`,
		"pays":       `completed [{"model":"small","paid":42.5,"usage":{"input_tokens":10,"output_tokens":5}}]: activity charge completed 3 CardBusy`,
		"fails":      `failed []: activity refuse failed 1 Refused`,
		"locals":     `completed [["quick a","up"]]: local_activity quick completed 1; local_activity stumble completed 2 Error; timer  completed 1; local_activity refuseHere failed 1 NotHere`,
		"parent":     `completed [2]: child child completed 1; child child failed 1 Negative`,
		"talks":      `completed ["bye"]: signal finish completed 1; timer  completed 1; timer  started 1; update adjust completed 1; update adjust failed 1 Down`,
		"continues":  `continued_as_new []: `,
		"canceled":   `canceled []: `,
		"terminated": `terminated []: `,
		"times":      `completed ["slow"]: activity slow timed_out 1 timeout:start_to_close; timer  completed 1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, filepath.Join("typescript", name))
			var steps []string
			for _, s := range r.Steps {
				line := fmt.Sprintf("%s %s %s %d", s.Kind, s.Type, s.Status, s.Attempts)
				if root := s.Failure.Root(); root != nil {
					line += " " + root.Type
				}
				steps = append(steps, line)
				if s.Status.Ended() {
					require.False(t, s.EndedAt.Before(s.ScheduledAt.Add(-time.Second)), line) // the core's clocks differ by parts of a second
				}
			}
			if name == "talks" {
				slices.Sort(steps) // the server decides in which order messages arrive
			}
			require.Equal(t, want, fmt.Sprintf("%s %s: %s", r.Status, r.Result.Texts(), strings.Join(steps, "; ")))
			require.NotEmpty(t, r.ID.WorkflowID)
			if r.Tasks.Completed > 0 {
				require.Equal(t, "temporal-typescript", r.SDK)
				require.NotEmpty(t, r.BuildID())
			}
			if name == "talks" {
				require.Equal(t, []string{`"late"`}, r.Memo("stage").Texts())
			}
		})
	}
	require.EqualValues(t, "2", score(t, history.Retries(), open(t, "typescript/pays")).Value.String())
	require.EqualValues(t, "15", score(t, history.Tokens(), open(t, "typescript/pays")).Value.String())
	require.EqualValues(t, "1", score(t, history.Loops(), open(t, "typescript/answer")).Value.String())
	require.EqualValues(t, "2", score(t, history.Wasted(), open(t, "typescript/locals")).Value.String())
}
