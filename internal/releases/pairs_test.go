package releases

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/releases/user"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// pair is of which releases the programs are that work side by side. A second verdict worker may be beside the first, on
// the same database.
type pair struct{ user, verdict, beside string }

// A user's worker of one release with a verdict worker of the other loses nothing, whichever is the older, and what was
// opened under one pair goes on and settles under the next: the database is migrated while the older release works, then
// one program after the other is replaced.
func TestReleasesSideBySide(t *testing.T) {
	t.Parallel()
	for _, old := range olderReleases(t) {
		for name, c := range map[string]struct {
			kind, program string
			phases        []pair
		}{
			"both at once":             {"postgres", "direct", []pair{{user: old, verdict: old}, {user: today, verdict: today}}},
			"the user's worker first":  {"sqlite", "user", []pair{{user: old, verdict: old}, {user: today, verdict: old}, {user: today, verdict: today}}},
			"the verdict worker first": {"postgres", "user", []pair{{user: old, verdict: today}, {user: today, verdict: today, beside: old}}},
		} {
			t.Run(old+"/"+name, func(t *testing.T) {
				t.Parallel()
				sideBySide(t, old, c.kind, c.program, c.phases)
			})
		}
	}
}

func sideBySide(t *testing.T, old, kind, program string, phases []pair) {
	s := newScene(t, nil)
	b := &besides{scene: s, old: old, kind: kind, program: program}
	b.prepare()
	var earlier *batch
	names := []string{"first", "second", "third"}
	for i, p := range phases {
		stop := b.start(p)
		if i == 0 {
			s.startExperiments()
		} else {
			_, err := s.Verdict.ChangeExperiment(t.Context(), "ranking", "1", rollout.Ramp, rollout.Change{Who: "ada", Weights: map[string]float64{"plain": 1, "learned": float64(1 + i)}})
			require.NoError(t, err)
		}
		now := b.batch(names[i], p)
		now.begin()
		if earlier != nil {
			earlier.finish()
			now.says("late", "thumbs_up|reader/dan=true")
		}
		now.events()
		if i == len(phases)-1 {
			now.finish()
			b.settled()
		} else {
			b.hold(names[i+1]+"-late", "reader/dan")
		}
		earlier = now
		stop()
	}
	b.check()
	if phases[len(phases)-1].verdict == today {
		b.registered()
	}
}

// registered holds the store to what users' workers of this release assign by, also if it had to wait for an upgrade.
func (b *besides) registered() {
	for _, x := range user.Config().Experiments {
		d := x.Definition()
		var all []experiments.Registration
		b.Eventually(func() (err error) {
			if all, err = b.Store.Registrations(b.T.Context(), d.Name, d.Version); err == nil && len(all) != 1 {
				err = fmt.Errorf("%d definitions of %s", len(all), d.Name)
			}
			return err
		})
		kept, err := all[0].Read()
		require.NoError(b.T, err)
		require.Equal(b.T, d, kept.Definition())
	}
}

// besides is a scene whose workers are processes of two releases.
type besides struct {
	*scene
	old, kind, db string
	program       string // of the user: user, or direct
	batches       []*batch
}

// prepare makes the database as the older release does.
func (b *besides) prepare() {
	if b.kind == "sqlite" {
		b.db = filepath.Join(b.T.TempDir(), "store.db")
		return
	}
	b.db = pgtest.Start(b.T)
	b.starter("migrate", "--db", b.db)
}

// start starts the workers of a pair. The first verdict worker of the older release has the database as that release made
// it; it is migrated under it.
func (b *besides) start(p pair) (stop func()) {
	t := b.T.(*testing.T)
	env := b.env()
	env["VERDICT_DB"] = b.db
	if b.Store == nil && p.verdict == today {
		b.open()
	}
	verdict, ready := startWorker(t, p.verdict, env)
	if b.Store == nil {
		b.open()
		require.NoError(t, ready(), "a worker of the release before is ready on the new schema")
	}
	stops := []func(){verdict.stop}
	if p.beside != "" {
		beside, _ := startWorker(t, p.beside, env)
		stops = append(stops, beside.stop)
	}
	user := startUser(t, p.user, b.program, env)
	return func() {
		user.stop()
		for _, stop := range stops {
			stop()
		}
	}
}

func (b *besides) env() map[string]string {
	return map[string]string{
		"TEMPORAL_ADDRESS": b.address, "TEMPORAL_NAMESPACE": b.namespace, "USER_TASK_QUEUE": b.Queue, "VERDICT_TASK_QUEUE": b.VerdictQueue,
		"VERDICT_TOKEN_KEY": user.TokenKey,
		// What follows an open run to its end goes on elsewhere only then.
		"VERDICT_STOP_TIMEOUT": "1s",
	}
}

// open migrates the database and opens it, for the test to look at.
func (b *besides) open() {
	var opened store.Store
	var err error
	if b.kind == "sqlite" {
		_, missing := os.Stat(b.db)
		require.NoError(b.T, missing)
		opened, err = sqlite.Open(b.T.Context(), b.db)
	} else {
		require.NoError(b.T, postgres.Migrate(b.T.Context(), b.db))
		opened, err = postgres.Open(b.T.Context(), b.db)
	}
	require.NoError(b.T, err)
	b.T.Cleanup(func() { require.NoError(b.T, opened.Close()) })
	b.Store = opened
}

// starter runs the older release's command line and returns what it says.
func (b *besides) starter(args ...string) string {
	b.T.Helper()
	out, err := command(b.T.(*testing.T), b.old, "starter", b.env(), args...).CombinedOutput()
	require.NoError(b.T, err, "%s", out)
	return string(out)
}
