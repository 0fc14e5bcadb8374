package estimate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/estimate"
)

// strictly decodes JSON that may have no member without a field.
func strictly(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

// reference is a fact from another engine, a test suite or a paper: an input, what comes out of it, and how closely.
type reference struct {
	ID        string          `json:"id"`
	Function  string          `json:"function"`
	Input     json.RawMessage `json:"input"`
	Expected  map[string]any  `json:"expected"`
	Tolerance struct {
		Abs float64 `json:"abs"`
		Rel float64 `json:"rel"`
	} `json:"tolerance"`

	// For people.
	Group      string `json:"group"`
	Source     string `json:"source"`
	Note       string `json:"note"`
	Recomputed bool   `json:"recomputed_ok"`
}

func references(t *testing.T) []reference {
	t.Helper()
	data, err := os.ReadFile("testdata/statistics.json")
	require.NoError(t, err)
	var file struct {
		About string
		Cases []reference
	}
	require.NoError(t, strictly(data, &file))
	require.NotEmpty(t, file.Cases)
	return file.Cases
}

// results is what the exported functions make of an input, by the names of the expectations.
type results map[string]any

// agrees compares what came out with what was expected.
func (r reference) agrees(got results) error {
	for name, want := range r.Expected {
		v, ok := got[name]
		if !ok {
			return fmt.Errorf("%s: nothing computed", name)
		}
		if err := r.close(v, want); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (r reference) close(got, want any) error {
	switch want := want.(type) {
	case float64:
		g, ok := got.(float64)
		// The last bits of a sum depend on its order even where a source claims equality.
		if !ok || !(math.Abs(g-want) <= r.Tolerance.Abs+(r.Tolerance.Rel+1e-14)*math.Abs(want)) {
			return fmt.Errorf("%v, not %v", got, want)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return fmt.Errorf("%v, not %v", got, want)
		}
		for i := range want {
			if err := r.close(g[i], want[i]); err != nil {
				return err
			}
		}
	default:
		if got != want {
			return fmt.Errorf("%v, not %v", got, want)
		}
	}
	return nil
}

// corruptions returns copies of an expectation with one leaf changed each, by a little more than the tolerance allows.
func (r reference) corruptions(v any) []any {
	switch v := v.(type) {
	case float64:
		off := 2.1*(r.Tolerance.Abs+r.Tolerance.Rel*math.Abs(v)) + 1e-9*math.Max(math.Abs(v), 1)
		return []any{v + off, v - off}
	case bool:
		return []any{!v}
	case nil:
		return []any{0.0}
	case []any:
		if len(v) == 0 {
			return []any{[]any{0.0}}
		}
		var all []any
		for i := range v {
			for _, c := range r.corruptions(v[i]) {
				changed := append([]any(nil), v...)
				changed[i] = c
				all = append(all, changed)
			}
		}
		return all
	}
	panic(fmt.Sprintf("%T", v))
}

func TestReferences(t *testing.T) {
	t.Parallel()
	unused := map[string]bool{}
	for _, r := range references(t) {
		if notExported[r.Function] != "" {
			unused[r.Function] = true
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			compute, ok := functions[r.Function]
			require.True(t, ok, "no function for %q", r.Function)
			got := compute(t, r.Input)
			// A p-value that a source finds by bisection over levels, each with a tuning of its own, capped at 0.4999: it is no
			// p-value at 0.4999, and is not copied.
			if _, ok := r.Expected["p_gbstats_bisection"]; ok {
				p, ok := got["p"].(float64)
				require.True(t, ok, "the p-value that there is")
				require.Greater(t, math.Abs(p-r.Expected["p_gbstats_bisection"].(float64)), .01)
				delete(r.Expected, "p_gbstats_bisection")
				require.NotEmpty(t, r.Expected)
			}
			require.NoError(t, r.agrees(got))
			for name, want := range r.Expected {
				for _, wrong := range r.corruptions(want) {
					corrupt := r
					corrupt.Expected = map[string]any{name: wrong}
					require.Error(t, corrupt.agrees(got), "%s: %v passes for %v", name, wrong, want)
				}
			}
		})
	}
	for function := range notExported {
		require.True(t, unused[function], "%s is listed as unused and has no case", function)
	}
}

func decode[T any](t *testing.T, data json.RawMessage) T {
	t.Helper()
	var v T
	require.NoError(t, strictly(data, &v), "an input that nobody reads")
	return v
}

// aggregates are counts and sums as databases keep them; without a sum of squares the values are 0 and 1.
type aggregates struct {
	N          float64  `json:"n"`
	Sum        float64  `json:"sum"`
	SumSquares *float64 `json:"sum_squares"`
}

func (a aggregates) estimate() estimate.Estimate {
	if a.SumSquares == nil {
		return estimate.MomentsOf(a.N, a.Sum, a.Sum).Proportion()
	}
	return estimate.MomentsOf(a.N, a.Sum, *a.SumSquares).Estimate()
}

type twoArms struct {
	Control    aggregates `json:"control"`
	Treatment  aggregates `json:"treatment"`
	Difference string     `json:"difference"`
	Alpha      float64    `json:"alpha"`
	Level      float64    `json:"level"`
	NStar      float64    `json:"n_star"`
	MDE        float64    `json:"mde_relative"`
	Power      float64    `json:"power"`
	Variance   string     `json:"variance"` // in words
}

func (a twoArms) effect(t *testing.T) estimate.Effect {
	t.Helper()
	b, j := a.Treatment.estimate(), a.Control.estimate()
	if a.Difference != "relative" {
		return estimate.Difference(b, j)
	}
	e, ok := estimate.Relative(b, j)
	require.True(t, ok)
	return e
}

func (a twoArms) alpha() float64 {
	if a.Level > 0 {
		return 1 - a.Level
	}
	if a.Alpha > 0 {
		return a.Alpha
	}
	return 0.05
}

func (a twoArms) sequence() estimate.Sequence {
	return estimate.Sequence{Alpha: a.alpha(), Planned: a.NStar}
}

func (a twoArms) welch() estimate.FixedHorizon {
	return estimate.FixedHorizon{Alpha: a.alpha(), Freedom: estimate.WelchFreedom(a.Treatment.estimate(), a.Control.estimate())}
}

func pair(i estimate.Interval) []any { return []any{i.Lo, i.Hi} }

func list(values []float64) []any {
	out := []any{}
	for _, v := range values {
		out = append(out, v)
	}
	return out
}
