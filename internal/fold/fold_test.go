package fold_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/fold"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// bench is a store and its database.
type bench struct {
	store.Store
	db   *sql.DB
	dsn  string
	kind string
}

func open(t *testing.T, kind, dsn string) bench {
	b := bench{dsn: dsn, kind: kind}
	var err error
	if kind == "postgres" {
		require.NoError(t, postgres.Migrate(t.Context(), dsn))
		b.Store, err = postgres.Open(t.Context(), dsn)
		require.NoError(t, err)
		b.db, err = sql.Open("pgx", dsn)
	} else {
		b.Store, err = sqlite.Open(t.Context(), dsn)
		require.NoError(t, err)
		b.db, err = sql.Open("sqlite", "file:"+dsn+"?_pragma=busy_timeout(10000)")
	}
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, b.db.Close())
		require.NoError(t, b.Close())
	})
	return b
}

// each runs a test on both stores.
func each(t *testing.T, test func(t *testing.T, b bench)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dsn := filepath.Join(t.TempDir(), "fold.db")
			if kind == "postgres" {
				dsn = pgtest.Start(t)
			}
			test(t, open(t, kind, dsn))
		})
	}
}

const window, grace = time.Hour, 10 * time.Minute

var key = store.ExperimentKey{Experiment: "x", Version: "1"}

func experiment(unit string) *experiments.Experiment {
	primary := experiments.Metric{Name: "ok", Type: experiments.Boolean}
	if unit != "" {
		primary.Corrected = experiments.Corrected{Judge: "judged", Share: .5}
	}
	d := experiments.Definition{
		Name: "x", Version: "1", Control: "a", Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}}, Unit: unit,
		Primary:    primary,
		Observed:   []experiments.Metric{{Name: "judged", Type: experiments.Bounded, Judge: true}},
		Guardrails: []experiments.Metric{{Name: "latency", Type: experiments.Unbounded, Direction: experiments.Lower}},
		Maturity:   window, Grace: grace, MDE: .1,
	}
	if unit != "" {
		d.Guardrails = append(d.Guardrails, experiments.Metric{Name: "resolved", Type: experiments.Boolean}.OfSession(unit))
	}
	return experiments.MustNew(d)
}

// history writes what becomes of units of the last hours, from a seed.
type history struct {
	bench
	rng   *rand.Rand
	x     *experiments.Experiment
	ended map[string]bool // runs that have flushed
}

func (h history) chance(p float64) bool { return h.rng.Float64() < p }

func run(id string) scoring.Run {
	return scoring.Run{Namespace: "n", WorkflowID: "w-" + strings.TrimRight(id, "*"), RunID: id}
}

// assign assigns a run, and tells which variant it got.
func (h history) assign(t require.TestingT, ctx context.Context, id, unit string, at time.Time, change ...func(*scoring.Assignment)) scoring.Assignment {
	a := scoring.Assignment{
		Experiment: "x", Version: "1", Variant: "a", By: scoring.ByWeight, Probabilities: map[string]float64{"a": .5, "b": .5},
		Unit: unit, Run: run(id), FirstRunID: id, OriginalRunID: strings.TrimRight(id, "*"), At: at, Vouched: true,
	}
	if h.chance(.5) {
		a.Variant = "b"
	}
	if h.x.Definition().Unit != "" {
		a.By = scoring.ByBucket
	}
	for _, c := range change {
		c(&a)
	}
	kept, err := h.Assign(ctx, a)
	require.NoError(t, err)
	return kept
}

func (h history) flush(t require.TestingT, ctx context.Context, a scoring.Assignment, started time.Time, change func(*scoring.Flush)) {
	ref := scoring.Ref{Experiment: "x", Version: "1", Variant: a.Variant, FirstRunID: a.FirstRunID}
	f := scoring.Flush{Sequence: 10, At: started.Add(time.Minute), Facts: scoring.RunFacts{
		Run: a.Run, FirstRunID: a.FirstRunID, OriginalRunID: a.OriginalRunID, WorkflowType: "answer", Attempt: 1, StartedAt: started,
		ClosedAt: started.Add(time.Minute), Status: scoring.RunCompleted, Assigned: []scoring.Ref{ref},
	}}
	change(&f)
	h.ended[a.Run.RunID] = true
	require.NoError(t, h.Flush(ctx, f))
}

func (h history) score(t require.TestingT, ctx context.Context, r scoring.Run, s scoring.Score, at time.Time) {
	s.ObservedAt = at
	require.NoError(t, h.Record(ctx, []scoring.Record{{Run: r, Score: s, Source: scoring.FromClient, RecordedAt: at}}))
}

// session writes a score of a session that may be a unit.
func (h history) session(t require.TestingT, ctx context.Context, unit string, s scoring.Score, at time.Time) {
	if now := time.Now(); at.After(now) {
		at = now // nothing is said of a sealed unit in the future: time alone would change it
	}
	s.ObservedAt = at
	r := scoring.Record{Run: scoring.Run{Namespace: "n"}, Session: scoring.Session{Key: h.x.Definition().Unit, ID: unit}, Score: s, Source: scoring.FromClient, RecordedAt: at}
	if h.chance(.1) {
		r.Session.Key = "ticket" // it has the id of a unit, and is none
	}
	if h.chance(.1) {
		r.Run.Namespace = "another"
	}
	require.NoError(t, h.Record(ctx, []scoring.Record{r}))
}

// unit writes a unit that was assigned at a time.
func (h history) unit(t require.TestingT, ctx context.Context, n int, at time.Time, late float64) {
	id := fmt.Sprint("r", n)
	unit := id
	if h.x.Definition().Unit != "" {
		unit = fmt.Sprint("u", h.rng.IntN(n+1))
		if h.chance(.5) {
			h.session(t, ctx, unit, scoring.Bool("resolved", h.chance(.5)), at.Add(h.upTo(75*time.Minute)))
		}
		if h.chance(.2) {
			h.session(t, ctx, unit, scoring.Score{Name: "mood", State: scoring.Scored, Category: []string{"glad", "sad"}[h.rng.IntN(2)]}, at.Add(h.upTo(time.Hour)))
		}
	}
	if n >= 20 && h.chance(.1) {
		h.reset(t, ctx, fmt.Sprint("r", n-20), at)
	}
	if h.chance(late) { // known some hours late
		at = at.Add(-h.upTo(3 * time.Hour))
	}
	a := h.assign(t, ctx, id, unit, at, func(a *scoring.Assignment) {
		if h.chance(.05) {
			a.By = scoring.ByForce
		}
	})
	if h.chance(.8) {
		h.score(t, ctx, a.Run, scoring.Bool("ok", h.chance(map[string]float64{"a": .4, "b": .6}[a.Variant])), at.Add(h.upTo(75*time.Minute)))
	}
	if h.chance(.6) {
		h.score(t, ctx, a.Run, scoring.Number("judged", h.rng.Float64()), at.Add(h.upTo(65*time.Minute)))
		h.score(t, ctx, a.Run, scoring.Number("latency", 1+h.rng.Float64()), at.Add(h.upTo(time.Hour)))
	}
	if h.chance(.3) { // of several kinds as time goes
		values := []scoring.Score{scoring.Bool("stars", true), scoring.Number("stars", .5), scoring.Number("stars", 5)}
		h.score(t, ctx, a.Run, values[min(n/20, 2)], at.Add(h.upTo(time.Hour)))
	}
	if h.chance(.4) { // of which there are more as time goes, and at last one that is none
		topic := scoring.Score{Name: "topic", State: scoring.Scored, Category: fmt.Sprint("about ", h.rng.IntN(2+n/20))}
		if n == 70 {
			topic = scoring.Number("topic", 3)
		}
		h.score(t, ctx, a.Run, topic, at.Add(h.upTo(time.Hour)))
	}
	if h.chance(.7) {
		h.flush(t, ctx, a, at, func(f *scoring.Flush) {
			f.Facts.Status = []scoring.RunStatus{scoring.RunCompleted, scoring.RunFailed, scoring.RunTimedOut}[h.rng.IntN(3)]
			f.Facts.FailureType = []string{"", "NoIndex", "Refused"}[h.rng.IntN(3)]
			if h.chance(.05) {
				f.Facts.Assigned[0].Variant = map[string]string{"a": "b", "b": "a"}[a.Variant]
			}
		})
	}
	if h.chance(.1) { // a child that inherits
		child := scoring.Assignment{Run: run(id + "-child"), FirstRunID: id + "-child", OriginalRunID: id + "-child", Variant: a.Variant}
		h.flush(t, ctx, child, at.Add(time.Minute), func(f *scoring.Flush) { f.Facts.Assigned[0].FirstRunID = a.FirstRunID })
		h.score(t, ctx, child.Run, scoring.Bool("ok", true), at.Add(h.upTo(time.Hour)))
	}
}

// reset resets a run away.
func (h history) reset(t require.TestingT, ctx context.Context, id string, at time.Time) {
	name := fmt.Sprint(id, "*", h.rng.IntN(1e9))
	b := h.assign(t, ctx, name, name, at, func(a *scoring.Assignment) { a.Run.WorkflowID, a.OriginalRunID = "w-"+id, id })
	h.flush(t, ctx, b, at, func(f *scoring.Flush) { f.Facts.OriginalRunID = id })
}

func (h history) upTo(d time.Duration) time.Duration { return time.Duration(h.rng.Int64N(int64(d))) }

// learned moves when the store learned of what it has to when that happened, or some hours later.
func (h history) learned(t require.TestingT, ctx context.Context, late float64) {
	now := time.Now().UnixMicro()
	for _, q := range []struct{ table, key, at, columns string }{
		{"assignments", "id", "assigned_at", "recorded_at"}, {"scores", "id", "said_at", "arrived_at"},
		{"runs", "id", "COALESCE(started_at, (SELECT MIN(a.assigned_at) FROM assignments a WHERE a.run = runs.id), recorded_at)", "recorded_at"},
	} {
		rows, err := h.db.QueryContext(ctx, `SELECT `+q.key+`, `+q.at+` FROM `+q.table+` ORDER BY id`)
		require.NoError(t, err)
		type row struct{ id, at int64 }
		var all []row
		for rows.Next() {
			var r row
			require.NoError(t, rows.Scan(&r.id, &r.at))
			all = append(all, r)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		tx, err := h.db.BeginTx(ctx, nil)
		require.NoError(t, err)
		known := int64(0)
		for _, r := range all {
			at := r.at + h.rng.Int64N(int64(time.Minute/time.Microsecond))
			if q.table != "assignments" && h.chance(late) {
				at += h.rng.Int64N(int64(3 * time.Hour / time.Microsecond))
			}
			at = min(at, now)
			if q.table == "assignments" { // their rows are in the order of arrival
				at = max(at, known)
				known = at
			}
			set := q.columns + ` = CAST($2 AS BIGINT)`
			if q.table == "runs" {
				set = `recorded_at = CAST($2 AS BIGINT), start_recorded_at = CASE WHEN started_at IS NOT NULL THEN CAST($2 AS BIGINT) END, flush_recorded_at = CASE WHEN sequence IS NOT NULL THEN CAST($2 AS BIGINT) + 60000000 END,
					end_recorded_at = CASE WHEN end_recorded_at IS NOT NULL THEN CAST($2 AS BIGINT) + 90000000 END, superseded_at = CASE WHEN superseded THEN CAST($2 AS BIGINT) + 3600000000 END`
			}
			_, err := tx.ExecContext(ctx, `UPDATE `+q.table+` SET `+set+` WHERE id = $1`, r.id, at)
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit())
	}
	for _, q := range []string{
		`UPDATE served SET recorded_at = (SELECT MIN(r.recorded_at) FROM runs r WHERE r.chain = served.chain) + 60000000`, `DELETE FROM touches`,
	} {
		_, err := h.db.ExecContext(ctx, q)
		require.NoError(t, err)
	}
}

// later writes about sealed units.
func (h history) later(t require.TestingT, ctx context.Context, n int) {
	for range n / 4 {
		id := fmt.Sprint("r", h.rng.IntN(n))
		if unit := h.x.Definition().Unit; unit != "" && h.chance(.5) {
			h.session(t, ctx, fmt.Sprint("u", h.rng.IntN(n)), scoring.Bool("resolved", h.chance(.5)), time.Now())
		}
		switch h.rng.IntN(4) {
		case 0:
			h.score(t, ctx, run(id), scoring.Bool("ok", h.chance(.5)), time.Now())
		case 1:
			h.score(t, ctx, run(id), scoring.Number("tone", h.rng.Float64()), time.Now())
		case 2:
			if h.ended[id] {
				continue
			}
			a := scoring.Assignment{Run: run(id), FirstRunID: id, OriginalRunID: id, Variant: "a"}
			h.flush(t, ctx, a, time.Now().Add(-4*time.Hour), func(f *scoring.Flush) { f.Sequence = 20 + int64(h.rng.IntN(9)) })
		case 3:
			h.reset(t, ctx, id, time.Now())
		}
	}
}

func shown(t require.TestingT, o analysis.Overview) string {
	o.Course, o.Report.At = nil, time.Time{}
	data, err := json.MarshalIndent(o, "", " ")
	require.NoError(t, err)
	return string(data)
}

// equal requires the overview from what is folded to be the one from all rows.
func (h history) equal(t require.TestingT, ctx context.Context) analysis.Overview {
	whole, o := h.both(t, ctx)
	require.Equal(t, shown(t, whole), shown(t, o))
	return o
}

func (h history) both(t require.TestingT, ctx context.Context) (whole, o analysis.Overview) {
	o, err := fold.Overview(ctx, h, h.x, nil, time.Now())
	require.NoError(t, err)
	rows, err := h.ExperimentRows(ctx, key)
	require.NoError(t, err)
	whole, err = analysis.Read(analysis.ScopeOf(h.x.Definition()), rows, o.Report.At).Overview(h.x)
	require.NoError(t, err)
	return whole, o
}

func (h history) seal(t require.TestingT, ctx context.Context) int {
	n, err := h.Seal(ctx, store.Sealing{ExperimentKey: key, After: window + grace})
	require.NoError(t, err)
	return n
}

// What is folded, with what is not, is what all rows say: before and after seals, and of what becomes of units afterwards.
func TestAFoldedReportIsTheWhole(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"", "customer"} {
		t.Run("unit "+unit, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, b bench) {
				n := 240
				if testing.Short() {
					n = 80
				}
				h := history{b, rand.New(rand.NewPCG(1, 2)), experiment(unit), map[string]bool{}}
				began := time.Now().Add(-5 * time.Hour)
				for i := range n {
					h.unit(t, t.Context(), i, began.Add(time.Duration(i)*5*time.Hour/time.Duration(n)), .05)
				}
				h.learned(t, t.Context(), .1)
				h.equal(t, t.Context())
				require.Positive(t, h.seal(t, t.Context()))
				h.equal(t, t.Context())
				var again []string
				for range 2 {
					require.NoError(t, fold.Advance(t.Context(), h, h.x, func(reason string) { again = append(again, reason) }))
					before := h.equal(t, t.Context())
					require.NotNil(t, before.Course, "it is folded")
					require.Positive(t, before.Report.Seals[0].Sealed)
					behind, err := h.Unfolded(t.Context())
					require.NoError(t, err)
					require.Empty(t, behind)
					h.later(t, t.Context(), n)
					after := h.equal(t, t.Context())
					require.Greater(t, marked(after), marked(before))
				}
				require.NotEmpty(t, again)
				require.NoError(t, fold.Advance(t.Context(), h, h.x, nil))
				h.shows(t, h.equal(t, t.Context()))
				// The test would notice what a fold is not told.
				h.later(t, t.Context(), n)
				_, err := h.db.ExecContext(t.Context(), `DELETE FROM touches`)
				require.NoError(t, err)
				require.NoError(t, fold.Advance(t.Context(), h, h.x, nil))
				whole, folded := h.both(t, t.Context())
				require.NotEqual(t, shown(t, whole), shown(t, folded))
			})
		})
	}
}

// shows requires the report to have the overview's analysis, and a course that ends at it.
func (h history) shows(t *testing.T, o analysis.Overview) {
	all, err := report.Build(t.Context(), h, report.Options{Experiment: "x", Definitions: []*experiments.Experiment{h.x}, Sequences: true, Now: time.Now()})
	require.NoError(t, err)
	e := all.Experiments[0]
	o.Report.At, e.Analysis.At = time.Time{}, time.Time{}
	require.Equal(t, o.Report, *e.Analysis)
	matured := 0
	for _, v := range o.Report.Metrics[0].Variants {
		matured += v.Matured
	}
	require.Equal(t, matured, e.Sequence.Units)
	versus := o.Report.Metrics[0].Variants[1].Versus
	points := e.Sequence.Lines[0].Points
	if versus == nil { // too few units
		require.Empty(t, points)
		return
	}
	last := points[len(points)-1]
	require.Equal(t, matured, last.Units)
	require.Equal(t, versus.Difference, last.Value)
	require.Equal(t, *versus.DifferenceInterval, last.Interval)
}

// marked counts what has become of units after their seals.
func marked(o analysis.Overview) (n int) {
	for _, s := range o.Report.Seals {
		n += s.Reset + s.Corrected
	}
	return n
}

// The fold of rows that are pruned stays, and is not folded again from the rest.
func TestAPrunedFoldStays(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"scores", "runs"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, b bench) {
				h := history{b, rand.New(rand.NewPCG(5, 6)), experiment(""), map[string]bool{}}
				h.sealedUnits(t, 40)
				require.NoError(t, fold.Advance(t.Context(), h, h.x, nil))
				before := h.equal(t, t.Context())
				p := store.Pruning{Finished: []store.ExperimentKey{key}}
				if p.Scores = time.Now().Add(time.Minute); what == "runs" {
					p.Scores, p.Runs = time.Time{}, p.Scores
				}
				done, err := h.Prune(t.Context(), p)
				require.NoError(t, err)
				require.Positive(t, done.Scores+done.Runs)
				after, ok, err := fold.Folded(t.Context(), h, h.x, nil, time.Now())
				require.NoError(t, err)
				require.True(t, ok)
				require.Equal(t, before.Report.Metrics, after.Report.Metrics)
				other := h.other(t)
				h.abandon(t)
				require.ErrorContains(t, fold.Advance(t.Context(), h, other, nil), "are pruned")
				_, err = fold.Overview(t.Context(), h, other, nil, time.Now())
				require.ErrorContains(t, err, "are pruned", "it is not read from what is left")
				after, _, err = fold.Folded(t.Context(), h, h.x, nil, time.Now())
				require.NoError(t, err)
				require.Equal(t, before.Report.Metrics, after.Report.Metrics)
			})
		})
	}
}

// Of two workers that have other definitions of an experiment, one folds, and the other does not begin again.
func TestTwoDefinitionsDoNotTakeTurns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b bench) {
		h := history{b, rand.New(rand.NewPCG(7, 8)), experiment(""), map[string]bool{}}
		h.sealedUnits(t, 20)
		other := h.other(t)
		var again []string
		advance := func(x *experiments.Experiment) error {
			return fold.Advance(t.Context(), h, x, func(reason string) { again = append(again, reason) })
		}
		require.NoError(t, advance(h.x))
		require.ErrorContains(t, advance(other), "another worker folds it by another definition")
		h.equal(t, t.Context())
		h.x = other
		h.equal(t, t.Context()) // read from all rows
		require.Empty(t, again)
		h.abandon(t)
		require.NoError(t, advance(other))
		require.Len(t, again, 1, "the first is gone")
		require.NotNil(t, h.equal(t, t.Context()).Course)
		_, err := h.db.ExecContext(t.Context(), `UPDATE folds SET state = $1`, []byte{0, 1, 2})
		require.NoError(t, err)
		require.NoError(t, advance(other))
		require.Len(t, again, 2, "the form of an earlier release is folded again at once")
		require.NotNil(t, h.equal(t, t.Context()).Course)
	})
}

// sealedUnits writes units, and seals them.
func (h history) sealedUnits(t *testing.T, n int) {
	for i := range n {
		h.unit(t, t.Context(), i, time.Now().Add(-5*time.Hour+time.Duration(i)*time.Minute), 0)
	}
	h.learned(t, t.Context(), 0)
	require.Positive(t, h.seal(t, t.Context()))
}

// other is the experiment by another definition.
func (h history) other(t *testing.T) *experiments.Experiment {
	d := h.x.Definition()
	d.Alpha = .01
	x, err := experiments.New(d)
	require.NoError(t, err)
	return x
}

// abandon makes the fold look as if nobody had folded for long.
func (h history) abandon(t *testing.T) {
	_, err := h.db.ExecContext(t.Context(), `UPDATE folds SET folded_at = folded_at - $1`, time.Hour.Microseconds())
	require.NoError(t, err)
}

// A worker that is killed while it folds, again and again, and another one that folds at the same time, count nothing twice.
func TestAWorkerIsKilledWhileItFolds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b bench) {
		n := 400
		if testing.Short() {
			n = 60
		}
		h := history{b, rand.New(rand.NewPCG(3, 4)), experiment(""), map[string]bool{}}
		began := time.Now().Add(-5 * time.Hour)
		for i := range n {
			h.unit(t, t.Context(), i, began.Add(time.Duration(i)*5*time.Hour/time.Duration(n)), 0)
		}
		h.learned(t, t.Context(), 0)
		require.Positive(t, h.seal(t, t.Context()))
		done, other := make(chan struct{}), make(chan error)
		go func() {
			for {
				select {
				case <-done:
					other <- nil
					return
				default:
				}
				if err := fold.Advance(context.WithoutCancel(t.Context()), h, h.x, nil); err != nil {
					other <- err
					return
				}
			}
		}()
		kills := 100
		if testing.Short() {
			kills = 10
		}
		for kill := range kills {
			ctx, cancel := context.WithCancel(t.Context())
			worker := exec.CommandContext(ctx, os.Args[0])
			worker.Env = append(os.Environ(), "FOLD_FOREVER="+b.kind, "FOLD_DSN="+b.dsn)
			out, err := worker.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, worker.Start())
			_, err = io.ReadFull(out, make([]byte, 1+h.rng.IntN(6))) // it has begun so many steps, and is in the last of them
			require.NoError(t, err)
			if kill%10 == 9 { // all of it again
				_, err := h.db.ExecContext(t.Context(), `DELETE FROM folds`)
				require.NoError(t, err)
			}
			cancel()
			require.Error(t, worker.Wait())
			if kill%20 == 0 {
				h.equal(t, t.Context())
			}
		}
		close(done)
		require.NoError(t, <-other)
		require.NoError(t, fold.Advance(t.Context(), h, h.x, nil))
		h.equal(t, t.Context())
	})
}

// foldForever is the worker of TestAWorkerIsKilledWhileItFolds: it writes about sealed units, and folds.
func foldForever(kind, dsn string) {
	var s store.Store
	var err error
	if kind == "postgres" {
		s, err = postgres.Open(context.Background(), dsn)
	} else {
		s, err = sqlite.Open(context.Background(), dsn)
	}
	if err != nil {
		panic(err)
	}
	h := history{bench{Store: s}, rand.New(rand.NewPCG(uint64(os.Getpid()), 1)), experiment(""), map[string]bool{}}
	for {
		fmt.Print("*")
		h.score(dies{}, context.Background(), run(fmt.Sprint("r", h.rng.IntN(60))), scoring.Bool("ok", h.chance(.5)), time.Now())
		fmt.Print("*")
		if err := fold.Advance(context.Background(), s, h.x, nil); err != nil {
			panic(err)
		}
	}
}

// dies ends the process of a worker whose write fails.
type dies struct{}

func (dies) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (dies) FailNow()                          {}
