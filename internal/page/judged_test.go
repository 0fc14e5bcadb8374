package page

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// The page has a table of the judges, each held to an outcome, with what a user wrote escaped.
func TestPageHoldsJudgesToOutcomes(t *testing.T) {
	t.Parallel()
	s := compared(t, "prompt")
	for i := range 100 {
		run := scoring.Run{Namespace: "default", WorkflowID: fmt.Sprintf("w%d", i), RunID: fmt.Sprintf("r%d", i)}
		rec := scoring.Record{Score: scoring.Bool("faithful", i%3 > 0), Run: run, Source: scoring.FromActivity, RecordedAt: start.Add(time.Minute)}
		rec.Key = "faithful@<b>"
		require.NoError(t, s.Record(t.Context(), []scoring.Record{rec}))
	}
	x := experiments.MustNew(experiments.Definition{
		Name: "prompt", Version: "1", Control: "old", Variants: []experiments.Variant{{Name: "old"}, {Name: "new"}, {Name: "newest"}},
		Primary:  experiments.Metric{Name: "paid", Type: experiments.Boolean},
		Observed: []experiments.Metric{{Name: "faithful", Type: experiments.Boolean, Judge: true}},
	})
	h := New(Options{Store: s, Definitions: []*experiments.Experiment{x}, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return start.Add(time.Hour) }})
	body := fetch(h, "/").Body.String()
	require.Contains(t, body, `aria-label="judges of prompt"`)
	require.Regexp(t, `<tr><td>faithful<small>by faithful@&lt;b&gt;</small></td><td>paid</td><th scope="row">all</th><td class="n">100</td><td class="n">0</td><td class="n">0\.\d+ \(0\.\d+ to 0\.\d+\)</td>`, body)
	require.Contains(t, body, "<p>faithful by faithful@&lt;b&gt; is untrusted on paid (100 pairs, 200 at least; ")
	require.NotContains(t, body, "<b>")
}
