package report_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/internal/display/plot"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// scored is a memory with scores.
type scored struct {
	memory
	records []scoring.Record
}

func (s scored) ExperimentRows(context.Context, store.ExperimentKey) (experiments.Rows, error) {
	return experiments.Rows{Assignments: s.assignments, Runs: s.runs, Records: s.records}, nil
}

func (s scored) Scores(context.Context, store.Filter) ([]scoring.Record, error) {
	return s.records, nil
}

// drawValue draws numbers at which arithmetic ends, and others.
func drawValue(t *rapid.T, label string) float64 {
	size := rapid.SampledFrom([]float64{
		0, 1, 1, 2, 3, 1e-17, 1e-99, 1e-101, 1e-160, 1e-300, math.SmallestNonzeroFloat64, 1e17, 1e99, 1e101, 1e154, 1e200, 1e300, math.MaxFloat64,
	}).Draw(t, label)
	if rapid.Bool().Draw(t, label+" varies") {
		size *= rapid.Float64Range(0, 1).Draw(t, label+" by")
	}
	if rapid.Bool().Draw(t, label+" is negative") {
		return -size // -0 too
	}
	return size
}

// drawScores draws an experiment whose variants have scores of a few sizes each.
func drawScores(t *rapid.T) (scored, experiments.Definition) {
	d := experiments.Definition{
		Name: "retriever", Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}},
		Primary: experiments.Metric{Name: "good", Type: rapid.SampledFrom([]experiments.Type{
			experiments.Boolean, experiments.Bounded, experiments.Capped, experiments.Unbounded, experiments.Unbounded,
		}).Draw(t, "type")},
	}
	m := &d.Primary
	switch m.Type {
	case experiments.Bounded:
		m.Lo, m.Hi = -rapid.SampledFrom([]float64{1, 1e100, 0, 1e-100}).Draw(t, "lo"), rapid.SampledFrom([]float64{1, 1e100, 1e-99}).Draw(t, "hi")
	case experiments.Capped:
		m.Cap = rapid.SampledFrom([]float64{1, 1e100, 1e-100}).Draw(t, "cap")
	}
	if rapid.Bool().Draw(t, "lower") {
		m.Direction = experiments.Lower
	}
	switch rapid.SampledFrom([]string{"", "", "per", "covariate"}).Draw(t, "with") {
	case "per":
		m.Denominator = "other"
	case "covariate":
		m.Covariate = "other"
	}
	values := map[string][]float64{}
	for _, name := range []string{"a", "b", "other"} {
		for range rapid.IntRange(1, 3).Draw(t, "sizes") {
			values[name] = append(values[name], drawValue(t, name))
		}
	}
	s := compared(rapid.IntRange(1, 60).Draw(t, "units"), values)
	if rapid.Bool().Draw(t, "booleans") {
		for i := range s.records {
			if r := &s.records[i]; r.Name == "good" {
				r.Score = scoring.Of("good", scoring.BoolValue(i%3 == 0))
				r.ObservedAt = r.RecordedAt
			}
		}
	}
	return s, d
}

// compared are n units of each of the variants a and b, with a score "good" of the values of its variant, in turn, and one
// of "other".
func compared(n int, values map[string][]float64) scored {
	var s scored
	for i := range 2 * n {
		variant, id := []string{"a", "b"}[i%2], fmt.Sprint("r", i)
		at := start.Add(time.Duration(i) * time.Second)
		run := scoring.Run{Namespace: "default", WorkflowID: id, RunID: id}
		a := scoring.Assignment{
			Experiment: "retriever", Version: "1", Variant: variant, By: scoring.ByWeight, Unit: id, Run: run, FirstRunID: id, OriginalRunID: id,
			At: at, Probabilities: map[string]float64{"a": .5, "b": .5},
		}
		s.assignments = append(s.assignments, a)
		s.runs = append(s.runs, scoring.RunFacts{
			Run: run, FirstRunID: id, OriginalRunID: id, StartedAt: at, ClosedAt: at.Add(time.Minute), Status: scoring.RunCompleted, Assigned: []scoring.Ref{a.Ref()},
		})
		for name, pool := range map[string][]float64{"good": values[variant], "other": values["other"]} {
			if len(pool) == 0 {
				continue
			}
			sc := scoring.Number(name, pool[i/2%len(pool)])
			sc.ObservedAt = at.Add(time.Second)
			s.records = append(s.records, scoring.Record{Score: sc, Run: run, OriginalRunID: id, Source: scoring.FromWorkflow, RecordedAt: sc.ObservedAt, Revision: 1})
		}
	}
	return s
}

// requireNumbers fails if a number anywhere in v is none, or is a negative 0.
func requireNumbers(t require.TestingT, v reflect.Value, at string) {
	switch v.Kind() {
	case reflect.Float64:
		x := v.Float()
		require.False(t, math.IsNaN(x) || math.IsInf(x, 0), "%s is %v", at, x)
		require.False(t, x == 0 && math.Signbit(x), "%s is -0", at)
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			requireNumbers(t, v.Elem(), at)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && v.Type() != reflect.TypeFor[scoring.Record]() { // as somebody said it
				requireNumbers(t, v.Field(i), at+"."+f.Name)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			requireNumbers(t, v.Index(i), fmt.Sprintf("%s[%d]", at, i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			requireNumbers(t, v.MapIndex(key), fmt.Sprintf("%s[%v]", at, key))
		}
	}
}

var noNumber = regexp.MustCompile(`NaN|[+-]?Inf\b|%!|(^|[^\w.e])-0([^\w.]|$)|e\+308%`)

// Whatever was scored, what is shown is a number or is not there, in every form of the report.
func TestNumbersAreFiniteOrAbsent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, d := drawScores(t)
		o := report.Options{Now: start.Add(time.Hour), Sequences: true}
		if rapid.Bool().Draw(t, "defined") {
			e, err := experiments.New(d)
			require.NoError(t, err)
			o.Definitions = []*experiments.Experiment{e}
		}
		r, err := report.Build(t.Context(), s, o)
		require.NoError(t, err)
		requireNumbers(t, reflect.ValueOf(r), "report")
		require.NotContains(t, r.Experiments[0].Decision, "no decision")
		r.Latest = nil // as they were said
		data, err := json.Marshal(r)
		require.NoError(t, err)
		var text, cells bytes.Buffer
		require.NoError(t, display.Text(&text, r))
		require.NoError(t, display.CSV(&cells, r))
		for _, said := range []string{string(data), text.String(), cells.String()} {
			require.NotRegexp(t, noNumber, said)
		}
		rows, err := csv.NewReader(&cells).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 1+len(r.Experiments[0].Rows)+len(r.Experiments[0].Engine))
		if a := r.Experiments[0].Analysis; a != nil {
			require.GreaterOrEqual(t, a.Decision.UnitsNeeded, 0)
			require.GreaterOrEqual(t, a.Decision.TimeNeeded, time.Duration(0))
		}
		for _, figure := range []plot.Figure{plot.Sequence(r.Experiments[0], r.AsOf), plot.Forest(r.Experiments[0], r.AsOf)} {
			svg, err := figure.SVG()
			require.NoError(t, err)
			require.NotRegexp(t, noNumber, strings.ReplaceAll(string(svg), "-0.5", ""))
		}
	})
}

// about returns the definition of an experiment of the variants a, the control, and b about a metric named good.
func about(m experiments.Metric) experiments.Definition {
	m.Name = "good"
	return experiments.Definition{
		Name: "retriever", Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}}, Primary: m,
	}
}

// forms returns a report and its texts.
func forms(t *testing.T, s report.Reader, d experiments.Definition) (r report.Report, text, cells string) {
	t.Helper()
	e, err := experiments.New(d)
	require.NoError(t, err)
	r, err = report.Build(t.Context(), s, report.Options{Now: start.Add(time.Hour), Definitions: []*experiments.Experiment{e}})
	require.NoError(t, err)
	var b, c bytes.Buffer
	require.NoError(t, display.Text(&b, r))
	require.NoError(t, display.CSV(&c, r))
	return r, b.String(), c.String()
}

// column returns the cell of a row of good.
func column(t *testing.T, cells, variant, name string) string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(cells)).ReadAll()
	require.NoError(t, err)
	for _, row := range rows[1:] {
		if row[slices.Index(rows[0], "score")] == "good" && row[slices.Index(rows[0], "variant")] == variant {
			return row[slices.Index(rows[0], name)]
		}
	}
	require.Fail(t, "no such row")
	return ""
}

// Numbers so large that sums of them are no number are no measurement.
func TestHugeScoresAreErrors(t *testing.T) {
	t.Parallel()
	s := compared(2, map[string][]float64{"a": {math.MaxFloat64, math.MaxFloat64 / 2}, "b": {-math.MaxFloat64, math.MaxFloat64}})
	r, _, _ := forms(t, s, about(experiments.Metric{Type: experiments.Unbounded}))
	require.Equal(t, 2, r.Experiments[0].Rows[0].Errors, "no measurement")
	require.Contains(t, r.Experiments[0].Notes, "good is an error or an impossible value in 4 of 4 units")
}

// Nothing is a share of a control whose mean is 0 but for rounding.
func TestNoLiftOverZero(t *testing.T) {
	t.Parallel()
	for name, control := range map[string][]float64{
		"rounding": {-1, 1}, "thirds": {.1, .2, -.3}, "zero": {0}, "large": {1e17, -1e17, 1, -1},
	} {
		for _, m := range []experiments.Metric{
			{Type: experiments.Unbounded}, {Type: experiments.Bounded, Lo: -1e18, Hi: 1e18},
		} {
			t.Run(name+", "+string(m.Type), func(t *testing.T) {
				t.Parallel()
				r, text, cells := forms(t, compared(60, map[string][]float64{"a": control, "b": {3, 4, 5}}), about(m))
				v := r.Experiments[0].Rows[1].Versus
				require.Nil(t, v.Lift)
				require.Nil(t, v.LiftInterval)
				require.True(t, v.LiftUndefined)
				require.InDelta(t, 4, v.Difference, 1e4) // rounding of 1e18
				require.NotNil(t, v.DifferenceInterval)
				require.Contains(t, text, "none: the control's mean is 0, up to rounding")
				require.Regexp(t, `(?m)^  b .* none +- `, text)
				require.Empty(t, column(t, cells, "b", "lift"))
				require.Equal(t, "true", column(t, cells, "b", "lift_undefined"))
				require.Equal(t, "false", column(t, cells, "a", "lift_undefined"))
			})
		}
	}
	r, text, _ := forms(t, compared(60, map[string][]float64{"a": {.1, .2, .3}, "b": {3, 4, 5}}), about(experiments.Metric{Type: experiments.Unbounded}))
	require.InDelta(t, 21, *r.Experiments[0].Rows[1].Versus.Lift, 3)
	require.NotContains(t, text, "none:")
}

// What a cap cuts is counted, by variant, in every form.
func TestCappedValuesAreCounted(t *testing.T) {
	t.Parallel()
	s := compared(20, map[string][]float64{"a": {-5, 3}, "b": {5, 200, 10, 100}})
	r, text, cells := forms(t, s, about(experiments.Metric{Type: experiments.Capped, Cap: 100}))
	rows := r.Experiments[0].Rows
	require.Equal(t, []int{10, 5}, []int{rows[0].Capped, rows[1].Capped})
	require.InDelta(t, 1.5, *rows[0].Mean, 1e-12)
	require.Contains(t, r.Experiments[0].Notes, "15 of 40 values of good were cut at 0 or at 100: 10 of a, 5 of b")
	require.Regexp(t, `units .* capped\n`, text)
	require.Regexp(t, `(?m)^  a .* 10$`, text)
	require.Equal(t, "10", column(t, cells, "a", "capped"))
	require.Equal(t, "5", column(t, cells, "b", "capped"))
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(data), `"capped":10`)
	_, text, _ = forms(t, s, about(experiments.Metric{Type: experiments.Unbounded}))
	require.NotContains(t, text, "capped")
}
