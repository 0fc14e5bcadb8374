package analysis_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

func definition() experiments.Definition {
	return experiments.Definition{
		Name:     "prompt",
		Version:  "1",
		Variants: []experiments.Variant{{Name: "control", Weight: 1}, {Name: "short", Weight: 1}},
		Control:  "control",
		Primary:  experiments.Metric{Name: "merged", Type: experiments.Boolean},
	}
}

// mistakes returns the fields of the joined errors.
func mistakes(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var fields []string
		for _, e := range joined.Unwrap() {
			fields = append(fields, mistakes(t, e)...)
		}
		return fields
	}
	var invalid *scoring.InvalidError
	require.ErrorAs(t, err, &invalid)
	return []string{invalid.Field}
}
