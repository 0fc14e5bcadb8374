package copier_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/copier"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

func run(id string) scoring.Run {
	return scoring.Run{Namespace: "default", WorkflowID: "wf-" + id, RunID: id}
}

// open opens a database that is there.
func open(t *testing.T, dsn string) store.Store {
	t.Helper()
	var s store.Store
	var err error
	if postgres.IsDSN(dsn) {
		s, err = postgres.Open(t.Context(), dsn)
	} else {
		s, err = sqlite.Open(t.Context(), dsn)
	}
	require.NoError(t, err)
	return s
}

// told returns a file with so many stories, and one expectation and outcome.
func told(t *testing.T, stories int) (file string, all []storetest.Story) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "told.db")
	s := open(t, file)
	defer func() { require.NoError(t, s.Close()) }()
	for seed := range stories {
		all = append(all, storetest.Tell(t, s, run(fmt.Sprint("r", seed)), seed))
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_, err := s.Expect(t.Context(), scoring.Expectation{
		ScorerRun: run("scorer"), Wait: 1, Scorer: "paid", ScorerVersion: "1", Events: []scoring.Event{{Name: "paid", Key: "k"}},
		Window: scoring.Window{Since: at, Until: at.Add(time.Hour)}, Run: run("r0"), RunStartedAt: at, At: at,
	})
	require.NoError(t, err)
	_, err = s.Receive(t.Context(), scoring.Outcome{ID: "o", Name: "paid", Key: "k", Value: scoring.BoolValue(true), ReceivedAt: at})
	require.NoError(t, err)
	_, err = s.Assign(t.Context(), scoring.Assignment{
		Experiment: sealed.Experiment, Version: sealed.Version, Variant: "a", By: scoring.ByWeight, Unit: "r0", Run: run("r0"), FirstRunID: "r0",
		Probabilities: map[string]float64{"a": 1}, At: time.Now(),
	})
	require.NoError(t, err)
	require.NoError(t, s.Register(t.Context(), experiments.Registration{Definition: json.RawMessage(`{"name":"sealed","version":"1"}`)}))
	require.Eventually(t, func() bool {
		n, err := s.Seal(t.Context(), store.Sealing{ExperimentKey: sealed, After: time.Second})
		require.NoError(t, err)
		return n == 1
	}, time.Minute, 10*time.Millisecond)
	return file, all
}

// sealed is an experiment with a sealed unit.
var sealed = store.ExperimentKey{Experiment: "sealed", Version: "1"}

// A store that was copied there and back has all that it had, and goes on.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	file, stories := told(t, 150)
	url, back := pgtest.Start(t), filepath.Join(t.TempDir(), "back.db")
	rows := map[string][]int64{}
	count := func(c copier.Copied) { rows[c.Table] = append(rows[c.Table], c.Rows) }
	require.NoError(t, copier.Copy(t.Context(), file, url, count))
	require.NoError(t, copier.Copy(t.Context(), url, back, count))
	require.NotEmpty(t, rows)
	for table, n := range rows {
		require.Len(t, n, 2, table)
		require.Equal(t, n[0], n[1], table)
	}
	for _, table := range []string{"runs", "scores", "repeats", "definitions", "outcomes", "expectations", "matches"} {
		require.Positive(t, rows[table][0], table)
	}
	first := open(t, file)
	t.Cleanup(func() { require.NoError(t, first.Close()) })
	want := contents(t, first)
	for _, dsn := range []string{url, back} {
		s := open(t, dsn)
		require.Equal(t, want, contents(t, s), dsn)
		// Ids go on behind those that were copied.
		next := scoring.Record{Score: scoring.Bool("next", true), Run: run("next"), Source: scoring.FromClient, RecordedAt: time.Now()}
		require.NoError(t, s.Record(t.Context(), []scoring.Record{next}))
		all, err := s.Scores(t.Context(), store.Filter{})
		require.NoError(t, err)
		require.Equal(t, "next", all[len(all)-1].Name)
		unseen, err := s.Settle(t.Context(), store.Settlement{ScorerRun: run("scorer"), Expected: []int{1}, At: time.Now()})
		require.NoError(t, err)
		require.Len(t, unseen, 1)
		require.NoError(t, s.Close())
	}
	require.Len(t, stories, 150)
}

// contents is all that a reader gets of a store.
func contents(t *testing.T, s store.Store) []any {
	t.Helper()
	ctx := t.Context()
	scores, err := s.Scores(ctx, store.Filter{History: true, Retracted: true, Superseded: true})
	require.NoError(t, err)
	current, err := s.Scores(ctx, store.Filter{})
	require.NoError(t, err)
	rows, err := s.ExperimentRows(ctx, sealed)
	require.NoError(t, err)
	require.Equal(t, int64(1), rows.Assignments[0].Position)
	require.NotEmpty(t, rows.Records)
	runs, err := s.Runs(ctx, store.RunFilter{Superseded: true})
	require.NoError(t, err)
	ledger, err := s.Ledger(ctx, store.LedgerFilter{})
	require.NoError(t, err)
	waiting, err := s.Waiting(ctx, time.Now().Add(time.Hour))
	require.NoError(t, err)
	return []any{scores, current, rows, runs, ledger, waiting}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	file, _ := told(t, 1)
	other, _ := told(t, 1)
	require.ErrorIs(t, copier.Copy(t.Context(), file, other, nil), copier.ErrNotEmpty)
	require.ErrorIs(t, copier.Copy(t.Context(), file, file, nil), copier.ErrNotEmpty)
	gone := filepath.Join(t.TempDir(), "gone.db")
	require.ErrorIs(t, copier.Copy(t.Context(), gone, filepath.Join(t.TempDir(), "to.db"), nil), fs.ErrNotExist)
	require.NoFileExists(t, gone)
	require.ErrorContains(t, copier.Copy(t.Context(), pgtest.Start(t), filepath.Join(t.TempDir(), "to.db"), nil), "starter migrate")
}

// What is written meanwhile is found out, whether it adds rows or changes them, and then nothing is copied.
func TestWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, write := range []string{"a new row", "a delivery that is counted"} {
			t.Run(kind+", "+write, func(t *testing.T) {
				t.Parallel()
				file, _ := told(t, 20)
				to := filepath.Join(t.TempDir(), "to.db")
				if kind == "postgres" {
					url := pgtest.Start(t)
					require.NoError(t, copier.Copy(t.Context(), file, url, nil))
					file, to = url, pgtest.Start(t)
				}
				s := open(t, file)
				writing := true
				tell := func(c copier.Copied) {
					if !writing || c.Table != "outcomes" {
						return
					}
					o := scoring.Outcome{ID: "o", Name: "paid", Key: "k", Value: scoring.BoolValue(true), ReceivedAt: time.Now()}
					if write == "a new row" {
						o.ID = "another"
					}
					_, err := s.Receive(context.WithoutCancel(t.Context()), o)
					require.NoError(t, err)
				}
				require.ErrorIs(t, copier.Copy(t.Context(), file, to, tell), copier.ErrChanged)
				writing = false
				require.NoError(t, copier.Copy(t.Context(), file, to, tell), "the target is empty as before")
				want := contents(t, s)
				require.NoError(t, s.Close())
				target := open(t, to)
				require.Equal(t, want, contents(t, target))
				require.NoError(t, target.Close())
			})
		}
	}
}

// Who gives up leaves the target empty.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	file, _ := told(t, 5)
	to := filepath.Join(t.TempDir(), "to.db")
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, copier.Copy(ctx, file, to, func(copier.Copied) { cancel() }), context.Canceled)
	require.NoError(t, copier.Copy(t.Context(), file, to, nil))
}
