package app

import (
	"encoding/csv"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/display"
)

func TestReportAsCSV(t *testing.T) {
	t.Parallel()
	db := database(t)
	for _, args := range [][]string{{"report", "-o", "csv"}, {"report", "prompt", "--output", "csv"}, {"-o", "csv", "report"}} {
		got := call(t, RunStarter, []string{away, "VERDICT_DB=" + db}, args...)
		require.NoError(t, got.err)
		lines, err := csv.NewReader(strings.NewReader(got.stdout)).ReadAll()
		require.NoError(t, err)
		require.Equal(t, display.Columns, lines[0])
		require.Equal(t, []string{"prompt", "1", "quality", "", "new"}, lines[1][1:6])
	}
	help := call(t, RunStarter, nil, "report", "--help")
	require.Contains(t, help.stdout, strings.Join(display.Columns, ", "))
	require.Contains(t, help.stdout, "text|json|csv")

	got := call(t, RunStarter, nil, "ledger", "--db", db, "-o", "csv")
	require.ErrorContains(t, got.err, "must be one of text, json", "only a report has this form")
	got = call(t, RunStarter, nil, "report", "--db", db, "-o", "xml")
	require.ErrorContains(t, got.err, "must be one of text, json, csv")
}

func TestReportPlots(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "plots")
	got := call(t, RunStarter, []string{away}, "report", "prompt", "--db", database(t), "--plot", dir)
	require.NoError(t, got.err)
	require.Contains(t, got.stdout, "experiment prompt, version 1")
	require.Contains(t, got.stderr, "plots: "+filepath.Join(dir, "prompt", "1"))
	for _, name := range []string{"sequence", "forest"} {
		f, err := os.Open(filepath.Join(dir, "prompt", "1", name+".png"))
		require.NoError(t, err)
		_, err = png.DecodeConfig(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		svg, err := os.ReadFile(filepath.Join(dir, "prompt", "1", name+".svg"))
		require.NoError(t, err)
		require.Contains(t, string(svg), "<svg ")
	}
}

func TestFileName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"prompt-v2": "prompt-v2", "..": "%2E.", "a/b": "a%2Fb", "a%2Fb": "a%252Fb", `c:\d`: "c%3A%5Cd", "größe": "größe"} {
		require.Equal(t, want, fileName(name))
	}
}
