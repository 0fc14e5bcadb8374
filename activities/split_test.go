package activities

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// nasty draws texts of at most n bytes of what JSON escapes and of characters of every width.
func nasty(n int) *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{"<", ">", "&", `"`, `\`, "\u2028", "\u2029", "\ufffd", "é", "日", "👍", "a", "answer "})
	return rapid.Custom(func(t *rapid.T) string {
		text := strings.Repeat(piece.Draw(t, "piece"), rapid.IntRange(0, n).Draw(t, "times"))
		return scoring.Clip(text+strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "pieces"), ""), n)
	})
}

func drawFlush(t *rapid.T, most int) scoring.Flush {
	at := time.Unix(1_700_000_000, 0).UTC()
	run := scoring.Run{Namespace: "default", WorkflowID: "w" + nasty(900).Draw(t, "id"), RunID: "r"}
	f := scoring.Flush{Facts: scoring.RunFacts{Run: run, FirstRunID: "f", OriginalRunID: "r", WorkflowType: "T", Keys: []string{"k"}}, Sequence: 7, At: at}
	for i := range rapid.IntRange(0, most).Draw(t, "scores") {
		s := scoring.Number(fmt.Sprint(i, nasty(100).Draw(t, "name")), float64(i)).WithReason(nasty(scoring.MaxReason).Draw(t, "reason"))
		s.Key, s.ObservedAt = nasty(scoring.MaxKey).Draw(t, "key"), at
		f.Records = append(f.Records, scoring.Record{Score: s, Run: run, OriginalRunID: "r", Source: scoring.FromWorkflow})
	}
	return f
}

// payload is the size that the server sees.
func payload(t require.TestingT, v any) int {
	p, err := converter.GetDefaultDataConverter().ToPayload(v)
	require.NoError(t, err)
	return len(p.GetData())
}

// Whatever is handed over fits, and is all there, in its order.
func TestWhatIsHandedOverFits(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	rapid.Check(t, func(t *rapid.T) {
		f := drawFlush(t, 40)
		want := f.Records
		parts := Batch{Flush: &f}.split(most)
		var got []scoring.Record
		ids := map[string]bool{}
		for i, b := range parts {
			require.LessOrEqual(t, payload(t, b), most)
			id, err := b.WorkflowID()
			require.NoError(t, err)
			ids[id] = true
			if i == 0 {
				got = append(got, b.Flush.Records...)
				require.Equal(t, f.Facts, b.Flush.Facts)
				continue
			}
			part := b.flush()
			require.True(t, part.Partial)
			require.Equal(t, f.Sequence, part.Sequence)
			require.NotEmpty(t, part.Records)
			for _, rec := range part.Records {
				require.Equal(t, rec.Mark(), parts[0].Flush.Elsewhere[len(got)-len(parts[0].Flush.Records)])
				require.Equal(t, f.At, rec.RecordedAt)
				rec.RecordedAt = time.Time{}
				got = append(got, rec)
			}
		}
		require.True(t, reflect.DeepEqual(want, got), "%d of %d", len(got), len(want))
		require.Len(t, ids, len(parts))
		require.Equal(t, parts, Batch{Flush: &f}.split(most), "tried again it is the same")

		records := Batch{Records: want, RunKey: "k"}
		var chunked []scoring.Record
		for _, b := range records.split(most) {
			require.LessOrEqual(t, payload(t, b), most)
			require.Equal(t, "k", b.RunKey)
			chunked = append(chunked, b.Records...)
		}
		require.True(t, reflect.DeepEqual(want, chunked), "%d of %d", len(chunked), len(want))
	})
}

func TestWhatFitsIsNotSplit(t *testing.T) {
	t.Parallel()
	f := scoring.Flush{Records: []scoring.Record{{Score: scoring.Bool("a", true)}}}
	b := Batch{Flush: &f}
	require.Equal(t, []Batch{b}, b.Split())
	data, err := json.Marshal(b)
	require.NoError(t, err)
	require.NotContains(t, string(data), "elsewhere", "it is as it has always been")
	require.NotContains(t, string(data), "part")
}

// The worker that opens the store puts a set together, in whatever order its parts come and on whichever release it is:
// one that knows no parts keeps them as an activity's scores.
func TestPartsAreRecordedByEveryRelease(t *testing.T) {
	t.Parallel()
	for name, as := range map[string]struct {
		source scoring.Source
		read   func(*testing.T, Batch) Batch
	}{
		"this release": {scoring.FromWorkflow, func(t *testing.T, b Batch) Batch { return b }},
		"v0.1.0": {scoring.FromActivity, func(t *testing.T, b Batch) Batch {
			data, err := json.Marshal(b)
			require.NoError(t, err)
			var known struct {
				Records []scoring.Record `json:"records"`
				Flush   *struct {
					Facts    scoring.RunFacts `json:"facts"`
					Sequence int64            `json:"sequence"`
					Records  []scoring.Record `json:"records"`
					At       time.Time        `json:"at"`
				} `json:"flush"`
			}
			require.NoError(t, json.Unmarshal(data, &known))
			b = Batch{Records: known.Records}
			if f := known.Flush; f != nil {
				b.Flush = &scoring.Flush{Facts: f.Facts, Sequence: f.Sequence, Records: f.Records, At: f.At}
			}
			return b
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, reversed := range []bool{false, true} {
				s, err := sqlite.Open(t.Context(), ":memory:")
				require.NoError(t, err)
				set := &Set{Store: s}
				var suite testsuite.WorkflowTestSuite
				env := suite.NewTestActivityEnvironment()
				env.RegisterActivity(set.Record)
				run := scoring.Run{Namespace: "default", WorkflowID: "w", RunID: "r"}
				f := scoring.Flush{Facts: scoring.RunFacts{Run: run, Status: scoring.RunCompleted}, Sequence: 9, At: time.Unix(1_700_000_000, 0).UTC()}
				for i := range 40 {
					f.Records = append(f.Records, scoring.Record{
						Score: scoring.Number(fmt.Sprint("s", i), float64(i)).WithReason(strings.Repeat("<", scoring.MaxReason)), Run: run, Source: scoring.FromWorkflow,
					})
				}
				parts := Batch{Flush: &f}.split(200_000)
				require.Equal(t, 5, len(parts))
				if reversed {
					slices.Reverse(parts)
				}
				for _, b := range append(parts, parts...) {
					_, err := env.ExecuteActivity(set.Record, as.read(t, b))
					require.NoError(t, err)
				}
				got, err := s.Scores(t.Context(), store.Filter{Run: run})
				require.NoError(t, err)
				require.Equal(t, 40, len(got))
				sources := map[scoring.Source]int{}
				for _, rec := range got {
					sources[rec.Source]++
					require.Equal(t, scoring.MaxReason, len(rec.Reason))
				}
				require.Equal(t, as.source == scoring.FromActivity, sources[scoring.FromActivity] > 0, sources)
				require.NoError(t, s.Close())
			}
		})
	}
}

// How a run ended fits into an activity's result, whatever it and its steps have said.
func TestWhatIsSaidOfAClosedRunFits(t *testing.T) {
	t.Parallel()
	output := func(n int) *commonpb.Payloads {
		return &commonpb.Payloads{Payloads: []*commonpb.Payload{{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: make([]byte, n)}}}
	}
	steps := func(n int, s StepFacts) []StepFacts { return slices.Repeat([]StepFacts{s}, n) }
	for name, c := range map[string]struct {
		closed Closed
		check  func(*testing.T, Closed)
	}{
		"what fits is whole": {Closed{Result: output(1000), Steps: steps(10, StepFacts{Failure: strings.Repeat("<", 10_000), Output: output(9)})}, func(t *testing.T, c Closed) {
			require.False(t, c.ResultOmitted)
			require.Len(t, c.Steps[9].Failure, 10_000)
			require.NotNil(t, c.Steps[9].Output)
		}},
		"a megabyte is carried": {Closed{Result: output(1 << 20)}, func(t *testing.T, c Closed) { require.False(t, c.ResultOmitted) }},
		"a result that is too large": {Closed{Result: output(1_200_000), Steps: steps(1, StepFacts{Output: output(9)})}, func(t *testing.T, c Closed) {
			require.True(t, c.ResultOmitted)
			require.Nil(t, c.Result)
			require.NotNil(t, c.Steps[0].Output)
		}},
		"outputs that are too many": {Closed{Result: output(600_000), Steps: steps(10, StepFacts{Output: output(100_000)})}, func(t *testing.T, c Closed) {
			require.False(t, c.ResultOmitted)
			require.NotNil(t, c.Steps[0].Output)
			require.True(t, c.Steps[9].OutputOmitted)
			require.Nil(t, c.Steps[9].Output)
		}},
		"failures that JSON escapes": {Closed{Failure: strings.Repeat("\u2028", 500_000), Steps: steps(200, StepFacts{Failure: strings.Repeat("&", 100_000)})}, func(t *testing.T, c Closed) {
			require.Zero(t, c.StepsOmitted)
			require.Len(t, c.Steps, 200)
			require.NotEmpty(t, c.Steps[199].Failure)
			require.NotEmpty(t, c.Failure)
		}},
		"steps that are too many": {Closed{Result: output(9), Steps: steps(20_000, StepFacts{Step: scoring.Step{ID: "1", Type: strings.Repeat(`"`, 50)}})}, func(t *testing.T, c Closed) {
			require.Equal(t, 20_000, len(c.Steps)+c.StepsOmitted)
			require.Greater(t, len(c.Steps), 5000)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := c.closed
			got.fit()
			require.LessOrEqual(t, payload(t, got), MaxCarried)
			c.check(t, got)
		})
	}
}

// Early and unseen outcomes fit into an activity's result, and at least one is carried.
func TestOutcomesThatAreCarriedFit(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(strings.Repeat("<", 60<<10))
	require.NoError(t, err)
	raw := json.RawMessage(`"` + strings.Repeat("<", scoring.MaxPayload-2) + `"`)
	require.Greater(t, len(text), scoring.MaxPayload)
	var outcomes []scoring.Outcome
	for i := range 20 {
		outcomes = append(outcomes, scoring.Outcome{ID: fmt.Sprint(i), Name: "n", Key: strings.Repeat("&", scoring.MaxKey), Payload: raw})
	}
	first := carried(outcomes)
	require.LessOrEqual(t, payload(t, Expected{Early: first, More: true}), MaxCarried)
	require.Len(t, first, 3)
	require.LessOrEqual(t, payload(t, Refusal{Unseen: first}), MaxCarried)
	require.Len(t, carried(outcomes[:2]), 2)
	require.Empty(t, carried(nil))
}
