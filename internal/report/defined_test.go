package report_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/report"
)

// A promotion against the verdict is in the report for ever, of an experiment whose definition is known as well.
func TestReportSaysWhoOverruledTheVerdict(t *testing.T) {
	t.Parallel()
	s := decided(t, 60)
	x := experiments.MustNew(experiments.Definition{
		Name: "retriever", Version: "1", Control: "substring", Variants: []experiments.Variant{{Name: "substring"}, {Name: "bm25"}},
		Primary: experiments.Metric{Name: "accepted", Type: experiments.Boolean},
	})
	marked := []rollout.Revision{{
		Number: 2, Action: rollout.Promote, Who: "ada", Reason: "the board wants it", At: start.Add(36 * time.Hour), Variants: []string{"bm25"}, Against: "CONTINUE",
	}}
	define := func(context.Context, string, string) (*report.Defined, error) {
		return &report.Defined{Experiment: x, Overruled: marked}, nil
	}
	const note = "ada promoted bm25 on 2026-03-03 against the verdict (CONTINUE): the board wants it"
	for _, known := range [][]*experiments.Experiment{nil, {x}} {
		e, text := build(t, s, report.Options{Define: define, Definitions: known})
		require.False(t, e.Inferred)
		require.Equal(t, marked, e.Overruled)
		require.Contains(t, text, "note: "+note)
	}
	e, text := build(t, s, report.Options{Define: func(context.Context, string, string) (*report.Defined, error) { return nil, errors.New("away") }})
	require.True(t, e.Inferred)
	require.NotContains(t, text, "against the verdict")
}
