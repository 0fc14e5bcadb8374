package analysis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// go test ./experiments/analysis -run - -bench Units
func BenchmarkUnits(b *testing.B) {
	r := &rows{}
	for i := range 100_000 {
		id := fmt.Sprint(i)
		r.assign(id, []string{"control", "short"}[i%2], start.Add(time.Duration(i)*time.Second))
		r.close(id, scoring.RunCompleted)
		r.score(id, scoring.Bool("merged", i%3 == 0), start.Add(time.Hour))
	}
	d := windowed()
	e, err := experiments.New(d)
	require.NoError(b, err)
	for b.Loop() {
		_, err := r.read(d, start.Add(30*day)).Units(e)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/unit")
}
