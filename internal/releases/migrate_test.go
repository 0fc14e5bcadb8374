package releases

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/app"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
)

// A store of an earlier release is migrated by the command, which says before what it would do, and after it that there
// is nothing left to do.
func TestStoresMigrate(t *testing.T) {
	t.Parallel()
	recordings(t, migrates)
}

func migrates(t *testing.T, l left) {
	database := l.database(t)
	migrate := func(args ...string) (steps []postgres.Step, text string) {
		t.Helper()
		var out bytes.Buffer
		o := app.Options{Stdout: &out, Stderr: os.Stderr, Args: append([]string{"migrate", "--db", database}, args...)}
		require.NoError(t, app.RunStarter(t.Context(), o))
		if args[len(args)-1] != "json" {
			return nil, out.String()
		}
		var said struct{ Steps []postgres.Step }
		require.NoError(t, json.Unmarshal(out.Bytes(), &said))
		return said.Steps, out.String()
	}
	plan, _ := migrate("--dry-run", "--output", "json")
	again, _ := migrate("--dry-run", "--output", "json")
	require.Equal(t, plan, again, "it has changed nothing")
	_, text := migrate("--dry-run", "--output", "text")
	for _, step := range plan {
		require.Positive(t, step.About)
		require.NotEmpty(t, step.Locks)
		require.Contains(t, text, step.What)
		require.Contains(t, text, step.About.String())
	}
	done, _ := migrate("--output", "json")
	require.Len(t, done, len(plan))
	for i := range plan {
		require.Equal(t, plan[i].Name, done[i].Name)
	}
	plan, _ = migrate("--dry-run", "--output", "json")
	require.Empty(t, plan)
	_, text = migrate("--dry-run", "--output", "text")
	require.Contains(t, text, "is up to date")
	l.open(t, database)
}

// What workflow code had scored was recorded at the end of its run: the release did not say when.
func TestScoresSayWhenTheyWereRecorded(t *testing.T) {
	t.Parallel()
	recordings(t, func(t *testing.T, l left) {
		db := l.open(t, l.database(t))
		runs, err := db.Runs(t.Context(), store.RunFilter{Superseded: true})
		require.NoError(t, err)
		closed := map[scoring.Run]time.Time{}
		for _, r := range runs {
			closed[r.Run] = r.ClosedAt
		}
		scores, err := db.Scores(t.Context(), store.Filter{History: true, Retracted: true, Superseded: true})
		require.NoError(t, err)
		ofWorkflows := 0
		require.NotEmpty(t, scores)
		for _, s := range scores {
			require.False(t, s.RecordedAt.IsZero(), "%s of %s", s.Name, s.Run)
			if at := closed[s.Run]; s.Source == scoring.FromWorkflow && !at.IsZero() && !s.Retracted {
				require.Equal(t, at, s.RecordedAt, "%s of %s", s.Name, s.Run)
				ofWorkflows++
			}
		}
		require.Positive(t, ofWorkflows)
	})
}
