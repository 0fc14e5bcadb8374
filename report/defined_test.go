package report_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/store"
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

// registers registers a definition of retriever@1 and returns its registration.
func registers(t *testing.T, s store.Store, build string, change func(*experiments.Definition)) experiments.Registration {
	t.Helper()
	d := experiments.Definition{
		Name: "retriever", Version: "1", Control: "substring", Variants: []experiments.Variant{{Name: "substring"}, {Name: "bm25"}},
		Primary: experiments.Metric{Name: "accepted", Type: experiments.Boolean},
	}
	change(&d)
	r := experiments.Registration{Definition: experiments.MustNew(d).JSON(), Namespace: "default", TaskQueue: "answers", Build: build}
	require.NoError(t, s.Register(t.Context(), r))
	all, err := s.Registrations(t.Context(), "retriever", "1")
	require.NoError(t, err)
	return all[len(all)-1]
}

// The report has the definition that workers registered. One that reads units otherwise is a fault and voids nothing; one that
// assigns others voids the verdict. What is configured or started counts before that.
func TestReportHasWhatWorkersRegistered(t *testing.T) {
	t.Parallel()
	s := decided(t, 240)
	e, _ := build(t, s, report.Options{})
	require.True(t, e.Inferred)
	require.Nil(t, e.Definition)

	first := registers(t, s, "b1", func(*experiments.Definition) {})
	e, text := build(t, s, report.Options{})
	require.False(t, e.Inferred)
	require.Equal(t, "accepted", e.Primary)
	require.Equal(t, &report.Source{Origin: results.Registered, Digest: first.Digest(), Namespace: "default", TaskQueue: "answers", Build: "b1", At: first.At}, e.Definition)
	require.Equal(t, experiments.Winner, e.Analysis.Decision.Verdict)
	require.NotContains(t, text, "does not have")
	require.NotContains(t, text, "fault")

	registers(t, s, "", func(d *experiments.Definition) { d.Variants[0].Weight, d.Variants[1].Weight = 1, 3 })
	e, _ = build(t, s, report.Options{})
	require.Empty(t, e.Contradictions, "weights may change")

	second := registers(t, s, "b2", func(d *experiments.Definition) { d.Primary.Name, d.Maturity = "read", 48*time.Hour })
	e, text = build(t, s, report.Options{})
	require.Equal(t, experiments.Winner, e.Analysis.Decision.Verdict)
	require.Equal(t, "accepted", e.Primary)
	require.Len(t, e.Contradictions, 1)
	require.Equal(t, second.Digest(), e.Contradictions[0].Digest)
	require.Empty(t, e.Contradictions[0].Void)
	at := func(r experiments.Registration) string { return r.At.Format(time.DateTime) + " UTC" }
	require.Contains(t, text, "fault: the definition registered "+at(second)+" by build b2 on task queue answers of namespace default ("+second.Digest()[:8]+
		`) contradicts the one in use: maturity is "48h0m0s" there and "0s" in use, primary.name is "read" there and "accepted" in use; `+
		"in use is the one registered "+at(first)+" by build b1 on task queue answers of namespace default ("+first.Digest()[:8]+"); every unit is read by the one in use\n")

	started := func(context.Context, string, string) (*report.Defined, error) {
		x, err := second.Read()
		return &report.Defined{Experiment: x}, err
	}
	e, text = build(t, s, report.Options{Define: started})
	require.Equal(t, results.Started, e.Definition.Origin)
	require.Contains(t, text, "in use is the one that the experiment was started with; ")
	require.Len(t, e.Contradictions, 2, "the second is the one in use; those with other weights are two")
	e, text = build(t, s, report.Options{Define: started, Definitions: []*experiments.Experiment{experiments.MustNew(definitionIn(t, first))}})
	require.Equal(t, results.Configured, e.Definition.Origin)
	require.Contains(t, text, "fault: the definition that the experiment was started with contradicts the one in use: ")

	registers(t, s, "b3", func(d *experiments.Definition) { d.Unit = "customer" })
	e, text = build(t, s, report.Options{})
	require.Equal(t, []string{"selection", "unit"}, e.Contradictions[1].Void)
	require.Equal(t, experiments.Invalid, e.Analysis.Decision.Verdict)
	require.Contains(t, text, "decision: INVALID: units were assigned by definitions of this version that contradict each other in selection, unit. WINNER bm25 is void: it assumed one definition\n")
	require.Contains(t, text, "it assigns other units or variants, so no verdict holds: start a new version\n")
}

// A definition of a later release is not taken for something else.
func TestReportSaysWhichDefinitionItCannotRead(t *testing.T) {
	t.Parallel()
	s := decided(t, 60)
	later := experiments.Registration{Definition: []byte(`{"name":"retriever","version":"1","dreams":1}`), Namespace: "default", TaskQueue: "answers"}
	require.NoError(t, s.Register(t.Context(), later))
	e, text := build(t, s, report.Options{})
	require.True(t, e.Inferred)
	require.Contains(t, text, `cannot be read by this release (verdict: invalid definition: this release cannot read it: json: unknown field "dreams"); none is in use`)
	registers(t, s, "", func(*experiments.Definition) {})
	e, text = build(t, s, report.Options{})
	require.False(t, e.Inferred)
	require.Contains(t, text, "cannot be read")
	require.NotEqual(t, experiments.Invalid, e.Analysis.Decision.Verdict)
}

func definitionIn(t *testing.T, r experiments.Registration) experiments.Definition {
	t.Helper()
	x, err := r.Read()
	require.NoError(t, err)
	return x.Definition()
}
