package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store"
)

// Filled checks that a migration marks the revisions that hold, while scores are written; an earlier release has marked
// the last to arrive. exec runs a statement on the store's database, and migrate migrates it. The store is empty.
func Filled(t *testing.T, s store.Store, exec func(statement string) error, migrate func() error) {
	t.Helper()
	b := bench{s}
	stories := make([]Story, 60)
	for seed := range stories {
		stories[seed] = Tell(t, s, freshRun(), seed)
	}
	for _, statement := range []string{
		`UPDATE scores SET latest = FALSE`,
		`UPDATE scores SET latest = TRUE WHERE revision = (SELECT MAX(h.revision) FROM scores h WHERE h.identity = scores.identity)`,
		`DELETE FROM verdict_steps WHERE name = '0004_what_holds/4'`,
	} {
		require.NoError(t, exec(statement))
	}
	wrong := 0
	for _, story := range stories {
		want, holds := story.Holds(time.Time{})
		now := b.scores(t, store.Filter{Run: story.Run})
		if holds != (len(now) == 1) || holds && now[0].Value != want {
			wrong++
		}
	}
	require.Positive(t, wrong, "by chance, all last arrivals hold")
	var writing sync.WaitGroup
	for i := range 4 {
		writing.Go(func() {
			for seed := i; seed < len(stories); seed += 4 {
				for _, each := range stories[seed].said {
					if each.flush != nil {
						_ = s.Flush(t.Context(), *each.flush)
					} else {
						_ = s.Record(t.Context(), each.records)
					}
				}
			}
		})
	}
	err := migrate()
	writing.Wait()
	require.NoError(t, err)
	for seed, story := range stories {
		b.holds(t, story, seed)
	}
}

// CountsFilled checks that a migration counts the rows of an earlier release once, while scores are written. exec runs a
// statement on the store's database, and migrate migrates it. The store is empty.
func CountsFilled(t *testing.T, s store.Store, exec func(statement string) error, migrate func() error) {
	t.Helper()
	stories := make([]Story, 60)
	for seed := range stories {
		stories[seed] = Tell(t, s, freshRun(), seed)
	}
	for _, table := range []string{"scores", "runs", "outcomes", "rejections", "held"} {
		require.NoError(t, exec(`UPDATE count_fills SET done = 0, upto = (SELECT COALESCE(MAX(id), 0) FROM `+table+`) WHERE source = '`+table+`'`))
	}
	for _, statement := range []string{
		`DELETE FROM counts`, `DELETE FROM count_deltas`, `UPDATE verdict_steps SET position = 0 WHERE name LIKE '0015_counts/%'`,
	} {
		require.NoError(t, exec(statement))
	}
	counts, err := s.Counts(t.Context(), store.CountFilter{Of: store.CountScores})
	require.NoError(t, err)
	require.Empty(t, counts.Rows)
	done := make(chan struct{})
	var writing sync.WaitGroup
	for i := range 4 {
		writing.Go(func() {
			for round := 0; ; round++ {
				for seed := i; seed < len(stories); seed += 4 {
					for _, each := range stories[seed].said {
						if each.flush != nil {
							f := *each.flush
							f.Sequence += int64(100 * round)
							f.Facts.BuildID = []string{"", "b1", "b2"}[round%3] // its scores move
							_ = s.Flush(t.Context(), f)
						} else {
							_ = s.Record(t.Context(), each.records)
						}
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	err = migrate()
	close(done)
	writing.Wait()
	require.NoError(t, err)
	Counted(t, s)
	require.NoError(t, migrate(), "it looks at the last rows again")
	Counted(t, s)
}
