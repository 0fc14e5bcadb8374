package storeworker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// countedSeals counts how often units are to be sealed.
type countedSeals struct {
	store.Store
	seals int
}

func (s *countedSeals) Seal(ctx context.Context, q store.Sealing) (int, error) {
	s.seals++
	return s.Store.Seal(ctx, q)
}

// The worker seals units of experiments whose definitions it has, or their workflows have; it asks again for the ones of which
// it has none.
func TestUnitsAreSealed(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), sqlite.Memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	defined := func(name string, window time.Duration) *experiments.Experiment {
		return experiments.MustNew(experiments.Definition{
			Name: name, Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a"}, {Name: "b"}}, Maturity: window, Grace: window,
			Primary: experiments.Metric{Name: "good", Type: experiments.Boolean},
		})
	}
	assign := func(name string) {
		run := scoring.Run{Namespace: "default", WorkflowID: name, RunID: uuid.NewString()}
		_, err := s.Assign(t.Context(), scoring.Assignment{
			Experiment: name, Version: "1", Variant: "a", By: scoring.ByWeight, Probabilities: map[string]float64{"a": .5, "b": .5},
			Unit: run.RunID, Run: run, FirstRunID: run.RunID, At: time.Now(),
		})
		require.NoError(t, err)
	}
	for _, name := range []string{"known", "asked", "no window", "unknown"} {
		assign(name)
	}
	now, away := time.Now(), true
	asked := map[string]int{}
	counted := &countedSeals{Store: s}
	units := &sealer{
		log:   slog.New(slog.DiscardHandler),
		store: counted, definitions: []*experiments.Experiment{defined("known", time.Second)}, now: func() time.Time { return now },
		define: func(_ context.Context, name, _ string) (*report.Defined, error) {
			if asked[name]++; away {
				return nil, errAway
			}
			switch name {
			case "a broken one":
				return nil, errors.New("it panics")
			case "asked":
				return &report.Defined{Experiment: defined(name, time.Second)}, nil
			case "registered":
				return &report.Defined{Experiment: defined(name, time.Hour), Registered: true}, nil
			case "no window":
				return &report.Defined{Experiment: defined(name, 0)}, nil
			}
			return nil, nil
		},
	}
	sealed := func() map[string]bool {
		require.NoError(t, units.seal(t.Context()))
		all := map[string]bool{}
		for _, name := range []string{"known", "asked", "no window", "unknown"} {
			rows, err := s.ExperimentRows(t.Context(), store.ExperimentKey{Experiment: name, Version: "1"})
			require.NoError(t, err)
			if rows.Assignments[0].Position > 0 {
				all[name] = true
			}
		}
		return all
	}
	require.Eventually(t, func() bool { return sealed()["known"] }, time.Minute, 20*time.Millisecond)
	require.Equal(t, map[string]bool{"known": true}, sealed())
	require.Equal(t, map[string]int{"asked": 1}, asked, "no further one is asked while one does not answer")
	away, now = false, now.Add(findEvery)
	require.Equal(t, map[string]bool{"known": true, "asked": true}, sealed())
	now = now.Add(findEvery)
	sealed()
	require.Equal(t, map[string]int{"asked": 2, "no window": 1, "unknown": 2}, asked)
	require.Equal(t, 2, counted.seals, "nothing is written while nothing is due")

	delete(units.known, store.ExperimentKey{Experiment: "asked", Version: "1"})
	assign("a broken one")
	assign("asked")
	now = now.Add(findEvery)
	require.ErrorContains(t, units.seal(t.Context()), "a broken one, version 1: it panics")
	require.Contains(t, units.known, store.ExperimentKey{Experiment: "asked", Version: "1"}, "it stops no other")
	require.NoError(t, units.seal(t.Context()), "it is not asked for again at once")

	assign("registered")
	for i := range 3 {
		now = now.Add(findEvery)
		require.ErrorContains(t, units.seal(t.Context()), "a broken one")
		require.Contains(t, units.known, store.ExperimentKey{Experiment: "registered", Version: "1"})
		require.Equal(t, i+1, asked["registered"], "it may be started with another definition")
	}
}
