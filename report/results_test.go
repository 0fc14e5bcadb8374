package report_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/results"
)

// same requires two types to have the same JSON.
func same(t *testing.T, at string, of, as reflect.Type) {
	t.Helper()
	if of == as {
		return
	}
	require.Equal(t, of.Kind(), as.Kind(), at)
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		same(t, at, of.Elem(), as.Elem())
	case reflect.Struct:
		require.Equal(t, of.NumField(), as.NumField(), at)
		for i := range of.NumField() {
			f, g := of.Field(i), as.Field(i)
			require.Equal(t, f.Name, g.Name, at)
			require.Equal(t, f.Tag, g.Tag, at)
			same(t, at+"."+f.Name, f.Type, g.Type)
		}
	}
}

// Whatever the analysis says is among the results.
func TestResultsHaveTheWholeAnalysis(t *testing.T) {
	t.Parallel()
	same(t, "analysis", reflect.TypeFor[analysis.Report](), reflect.TypeFor[results.Analysis]())
}
