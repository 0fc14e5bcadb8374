package analysis_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// book seals units as a store does, and keeps a fold of them.
type book struct {
	d       experiments.Definition
	places  map[int]int64 // by row: a position, 0 of no unit, -1 of one that is known too late
	seals   map[string]time.Time
	stayed  map[string]place // the first assignment of a run and the ones that a reset made of it that counts
	last    time.Time
	sealed  int64
	left    analysis.Left
	folded  int64
	arrived int
	marks   map[int64][]byte
	state   []byte
	again   int
}

func newBook(t require.TestingT, x *experiments.Experiment) *book {
	f, err := analysis.NewFold(x)
	require.NoError(t, err)
	b := &book{
		d: x.Definition(), places: map[int]int64{}, seals: map[string]time.Time{}, stayed: map[string]place{}, left: analysis.Left{By: map[scoring.AssignedBy]int{}}, marks: map[int64][]byte{},
	}
	b.keep(t, f)
	return b
}

func (b *book) keep(t require.TestingT, f *analysis.Fold) {
	state, err := f.MarshalBinary()
	require.NoError(t, err)
	b.state = state
}

func originOf(a scoring.Assignment) string { return a.Run.WorkflowID + "/" + a.OriginalRunID }

// place is where an assignment is in the order of assignment.
type place struct {
	at  time.Time
	row int
}

func (p place) before(at time.Time, row int) bool {
	return p.at.Before(at) || p.at.Equal(at) && p.row < row
}

// stays tells whether an assignment before one counts that is of the same run, before it was reset.
func (b *book) stays(a scoring.Assignment, row int) bool {
	first, ok := b.stayed[originOf(a)]
	return ok && first.before(a.At, row)
}

func (b *book) stay(a scoring.Assignment, row int) {
	if !b.stays(a, row) {
		b.stayed[originOf(a)] = place{a.At, row}
	}
}

// seal seals the units that are due.
func (b *book) seal(rows *experiments.Rows, now time.Time) {
	after := b.d.Maturity + b.d.Grace
	var due []int
	for i, a := range rows.Assignments {
		if _, done := b.places[i]; !done && !a.At.Add(after).After(now) {
			due = append(due, i)
		}
	}
	slices.SortStableFunc(due, func(i, j int) int { return rows.Assignments[i].At.Compare(rows.Assignments[j].At) })
	for _, i := range due {
		a := rows.Assignments[i]
		seal, known := b.seals[a.Unit]
		if !known {
			seal = a.At.Add(after)
		}
		b.places[i] = 0
		switch {
		case a.Superseded && !a.SupersededAt.After(seal), !known && a.OriginalRunID != "" && b.stays(a, i):
			b.left.Superseded++
		case !experiments.Counted(a.By):
			b.left.By[a.By]++
		case known && a.RecordedAt.After(seal):
		case known:
			b.stay(a, i)
		case a.RecordedAt.After(seal), a.At.Before(b.last):
			b.places[i] = -1
		default:
			b.sealed++
			b.places[i], b.last, b.seals[a.Unit] = b.sealed, a.At, seal
			b.stay(a, i)
		}
	}
	for i, place := range b.places {
		a := &rows.Assignments[i]
		a.Position = place
		a.SealedAt = a.At.Add(after)
	}
}

// part returns the rows that belong to some assignments, and how many of these are before a row.
func (b *book) part(all experiments.Rows, before int, of func(row int, a scoring.Assignment) bool) (part experiments.Rows, known int) {
	in := map[int]bool{}
	for grown := true; grown; {
		grown = false
		units, origins := map[string]bool{}, map[string]bool{}
		for i, a := range all.Assignments {
			if in[i] || of(i, a) {
				units[a.Unit], origins[originOf(a)] = true, true
			}
		}
		for i, a := range all.Assignments {
			if !in[i] && (of(i, a) || units[a.Unit] || a.OriginalRunID != "" && origins[originOf(a)]) {
				in[i], grown = true, true
			}
		}
	}
	chains := map[string]bool{}
	for i, a := range all.Assignments {
		if in[i] {
			part.Assignments = append(part.Assignments, a)
			chains[a.FirstRunID] = true
			if i < before {
				known++
			}
		}
	}
	inherits := func(f scoring.RunFacts) bool {
		return slices.ContainsFunc(f.Assigned, func(ref scoring.Ref) bool { return chains[ref.FirstRunID] })
	}
	runs := map[scoring.Run]bool{}
	for _, f := range all.Runs {
		if chains[f.FirstRunID] || inherits(f) {
			part.Runs = append(part.Runs, f)
			runs[f.Run] = true
		}
	}
	for _, r := range all.Records {
		if runs[r.Run] || chains[r.Run.RunID] {
			part.Records = append(part.Records, r)
		}
	}
	part.LastSealed = b.last
	return part, known
}

// fold brings the fold up to date in steps of a size, as far as steps go, and returns it.
func (b *book) fold(t require.TestingT, x *experiments.Experiment, rows experiments.Rows, now time.Time, size, steps int, kept bool) *analysis.Fold {
	f, err := analysis.ResumeFold(x, b.state)
	require.NoError(t, err)
	was := *b
	was.marks = map[int64][]byte{}
	for p, m := range b.marks {
		was.marks[p] = m
	}
	mark := func(all []analysis.Mark) {
		for _, m := range all {
			b.marks[m.Position] = m.Data
		}
	}
	for n := 0; n < steps && b.arrived < len(rows.Assignments); n++ {
		to := min(b.arrived+size, len(rows.Assignments))
		part, known := b.part(experiments.Rows{Assignments: rows.Assignments[:to]}, b.arrived, func(row int, _ scoring.Assignment) bool { return row >= b.arrived && row < to })
		b.arrived += f.Arrive(part.Assignments, known, now)
	}
	// What has changed since the last look.
	var marks []analysis.Mark
	for p := range b.folded {
		marks = append(marks, analysis.Mark{Position: p + 1, Data: b.marks[p+1]})
	}
	part, _ := b.part(rows, 0, func(_ int, a scoring.Assignment) bool { return a.Position > 0 && a.Position <= b.folded })
	changed, err := f.Change(part, marks, now)
	require.NoError(t, err)
	mark(changed)
	for n := 0; n < steps && b.folded < b.sealed && b.arrived == len(rows.Assignments); n++ {
		to := min(b.folded+int64(size), b.sealed)
		part, _ := b.part(rows, 0, func(_ int, a scoring.Assignment) bool { return a.Position > b.folded && a.Position <= to })
		sealed, err := f.Seal(part, b.folded, to, now)
		require.NoError(t, err)
		mark(sealed)
		b.folded = to
	}
	if f.Stale() != "" {
		b.again++
		f = f.Again(x)
		b.arrived, b.folded, b.marks = 0, 0, map[int64][]byte{}
		b.keep(t, f)
		return b.fold(t, x, rows, now, size, 1<<30, kept)
	}
	if kept {
		b.keep(t, f)
	} else {
		*b = was // it was killed before it could commit
	}
	return f
}

// overview is the overview from the fold, with what it has not accumulated.
func (b *book) overview(t require.TestingT, x *experiments.Experiment, rows experiments.Rows, now time.Time) analysis.Overview {
	whole := *b
	whole.marks = map[int64][]byte{}
	for p, m := range b.marks {
		whole.marks[p] = m
	}
	f := whole.fold(t, x, rows, now, 1<<30, 1<<30, false)
	part, _ := b.part(rows, 0, func(row int, a scoring.Assignment) bool { return a.SealedAt.IsZero() || a.Position < 0 })
	o, err := f.Rest(part, b.left, nil, now)
	require.NoError(t, err)
	if f.Stale() != "" { // by units that are due and not sealed: a report reads all rows then
		o, err = analysis.Read(analysis.ScopeOf(b.d), rows, now).Overview(x)
		require.NoError(t, err)
	}
	return o
}

// A report from the fold is the one from all rows, to the byte, however the units were folded: in batches of any size, by a
// worker that is killed before it commits, next to changes of weights, corrections, late scores, resets, units that are known
// too late, and runs that were served something else.
func TestAFoldIsTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCourse(t)
		x, err := experiments.New(c.d)
		require.NoError(t, err)
		b := newBook(t, x)
		now := start
		for range rapid.IntRange(2, 8).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{5, 30, 60, 180, 400}).Draw(t, "later"))*time.Minute + time.Duration(rapid.IntRange(0, 59).Draw(t, "seconds"))*time.Second)
			rows := known(c.events, now).all()
			if rapid.IntRange(0, 3).Draw(t, "sealed") > 0 {
				b.seal(&rows, now)
			} else {
				b.sealAgain(&rows)
			}
			size, steps := rapid.SampledFrom([]int{1, 7, 50}).Draw(t, "size"), rapid.SampledFrom([]int{0, 1, 3, 1 << 30}).Draw(t, "steps")
			b.fold(t, x, rows, now, size, steps, rapid.Bool().Draw(t, "kept"))
			whole, err := analysis.Read(analysis.ScopeOf(c.d), rows, now).Overview(x)
			require.NoError(t, err)
			same(t, inJSON(t, whole), inJSON(t, b.overview(t, x, rows, now)))
		}
	})
}

// sealAgain gives the rows the positions that they have.
func (b *book) sealAgain(rows *experiments.Rows) {
	for i, place := range b.places {
		a := &rows.Assignments[i]
		a.Position, a.SealedAt = place, a.At.Add(b.d.Maturity+b.d.Grace)
	}
}

// same requires two reports to be equal, and shows no more of them than where they begin to differ.
func same(t require.TestingT, want, got string) {
	n := 0
	for n < min(len(want), len(got)) && want[n] == got[n] {
		n++
	}
	if n < max(len(want), len(got)) {
		t.Errorf("the whole has …%s…\nand the fold …%s…", cut(want, n), cut(got, n))
		t.FailNow()
	}
}

func cut(s string, n int) string { return s[max(0, n-300):min(len(s), n+100)] }

func inJSON(t require.TestingT, o analysis.Overview) string {
	o.Course = nil // of the fold alone
	data, err := json.MarshalIndent(o, "", " ")
	require.NoError(t, err)
	return string(data)
}

// The course that a fold keeps has at most a hundred points, evenly spread, the last at all units; each is the comparison that
// a report of so many units makes. Where the weights changed stays.
func TestACourseIsThinned(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Maturity = day
	x, err := experiments.New(d)
	require.NoError(t, err)
	f, err := analysis.NewFold(x)
	require.NoError(t, err)
	whole := analysis.New(x)
	compared := map[int]*analysis.Comparison{}
	const n = 470
	var r rows
	for i := range n {
		id, at := run(time.Duration(i).String()).RunID, start.Add(time.Duration(i)*time.Minute)
		variant := []string{"control", "short"}[i%2]
		r.assign(id, variant, at, func(a *scoring.Assignment) {
			a.Epoch, a.Position, a.RecordedAt, a.SealedAt = i/300, int64(i+1), at, at.Add(day+d.WithDefaults().Grace)
		})
		r.score(id, scoring.Bool("merged", i%3 == 0 || i%5 == 1), at.Add(time.Hour))
	}
	now := start.Add(10 * day)
	units, err := analysis.Read(analysis.ScopeOf(d), r.all(), now).Units(x)
	require.NoError(t, err)
	for i, u := range units {
		require.NoError(t, whole.Add(u))
		compared[i+1] = whole.Report(now).Metrics[0].Variants[1].Versus
	}
	f.ArriveAll(r.assignments, 0, now)
	_, err = f.Seal(r.all(), 0, n, now)
	require.NoError(t, err)
	o, err := f.Rest(experiments.Rows{}, analysis.Left{}, nil, now)
	require.NoError(t, err)
	require.Equal(t, []analysis.CourseChange{{After: 300, Epoch: 1}}, o.Course.Changes)
	require.Equal(t, n, o.Course.Matured)
	points := o.Course.Points
	require.Len(t, points, 59) // every eighth of 470, and the last
	for i, p := range points[:58] {
		require.Equal(t, 8*(i+1), p.Units)
	}
	require.Equal(t, n, points[58].Units)
	for _, p := range points {
		require.Equal(t, compared[p.Units], p.Versus[1], "%d", p.Units)
	}
}
