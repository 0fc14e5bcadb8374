package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The fast subset of every check, with its naive methods, must hold; the full sizes are a command.
func TestFastSubset(t *testing.T) {
	t.Parallel()
	for _, c := range checks {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			if raceDetector && slow[c.id] {
				t.Skip("no goroutines to race, and ten times as slow under the detector")
			}
			var out bytes.Buffer
			ok, err := run(&out, false, 1, c.id)
			require.NoError(t, err)
			require.True(t, ok, out.String())
			again := &bytes.Buffer{}
			if c.id == "V6" {
				_, err = run(again, false, 1, c.id)
				require.NoError(t, err)
				require.Equal(t, out.String(), again.String(), "the same seed has the same table")
			}
		})
	}
}

var slow = map[string]bool{"V1": true, "V2": true, "V3": true, "V4": true, "V5": true, "V7": true, "V8": true, "V10": true, "V11": true, "V12": true, "V14": true, "V15": true, "V16": true, "V17": true, "V18": true, "V19": true}

// Every kind of error rate is measured beside a naive method that must be seen to err.
func TestEveryErrorRateHasANaiveMethod(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := run(&out, false, 1, "V9")
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(out.String(), "(naive)"))
	broken := never("", "", rate{hits: 12, n: 100}, alpha)
	require.False(t, broken.ok)
	require.False(t, erring("", "", rate{hits: 12, n: 100}, .3).ok)
	require.False(t, near("", "", 112, 100, .1).ok)
	require.True(t, never("", "", rate{hits: 11, n: 100}, alpha).ok)
}
