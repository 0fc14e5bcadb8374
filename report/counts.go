package report

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Reader is the part of a store that a report reads.
type Reader interface {
	store.Reader
	store.Pager
	store.Counter
	store.Folder
}

// byAttribute goes before an attribute's key.
const byAttribute = "attribute="

// ByAttribute breaks counts down by the values of a run's attribute.
func ByAttribute(key string) By { return By(byAttribute + key) }

// attribute is the key of a ByAttribute.
func (b By) attribute() (key string, is bool) { return strings.CutPrefix(string(b), byAttribute) }

// Valid tells whether b is one of the tables.
func (b By) Valid() bool {
	key, is := b.attribute()
	return b == ByBoth || b == ByVariant || b == ByStep || b == ByDay || b == ByBuild || is && key != ""
}

// Counted tells whether the options ask for counts alone: no decision was planned for a part of the days, builds or attributes.
func (o Options) Counted() bool {
	_, attribute := o.By.attribute()
	return attribute || o.By == ByDay || o.By == ByBuild || !o.Since.IsZero() || !o.Until.IsZero()
}

func (o Options) checkCounted() error {
	_, attribute := o.By.attribute()
	switch {
	case o.Session != (scoring.Session{}):
		return scoring.Invalid("session", "counts are not kept by session: leave out the days, or the session")
	case o.Experiment != "" && (attribute || o.By == ByBuild):
		return scoring.Invalid("by", "%s is counted over all runs, and not within an experiment", o.By)
	}
	return nil
}

// dimensions are what the counts of scores are broken down by.
func (o Options) dimensions() []store.Dimension {
	switch o.By {
	case ByDay:
		return []store.Dimension{store.ByStep, store.ByDay}
	case ByBuild:
		return []store.Dimension{store.ByStep, store.ByBuild}
	}
	return []store.Dimension{store.ByStep}
}

// countScores counts scores, in an experiment or not. They are scores, and not units: a run may have several in one place.
func countScores(ctx context.Context, s Reader, o Options) ([]Row, time.Time, error) {
	f := store.CountFilter{Of: store.CountScores, Since: o.Since, Until: o.Until, By: append(o.dimensions(), store.ByCategory)}
	if key, is := o.By.attribute(); is {
		f.Slice = store.SliceOfAttribute(key)
	}
	counts, err := s.Counts(ctx, f)
	return o.By.of(countRows(counts.Rows)), counts.AsOf, err
}

// countVersion counts the scores of the runs that were served a variant of an experiment's version.
func countVersion(ctx context.Context, s Reader, key store.ExperimentKey, o Options) (Experiment, time.Time, error) {
	e := Experiment{Name: key.Experiment, Version: key.Version}
	counts, err := s.Counts(ctx, store.CountFilter{
		Of: store.CountScores, Since: o.Since, Until: o.Until, By: append(o.dimensions(), store.ByCategory), Slice: store.SliceOfExperiment(key.Experiment, key.Version),
	})
	rows := countRows(counts.Rows)
	for i := range rows {
		rows[i].Variant, rows[i].Value = rows[i].Value, ""
	}
	e.Rows = o.By.of(rows)
	return e, counts.AsOf, err
}

// countRows makes a row of the counts that differ in their state alone.
func countRows(counts []store.Count) []Row {
	type place struct{ step, score, day, build, value string }
	type sums struct {
		row    Row
		valued int64
		sum    float64
		named  map[string]int64 // by category
	}
	by := map[place]*sums{}
	for _, c := range counts {
		p := place{c.Step, c.Name, "", c.Build, c.Value}
		if !c.Day.IsZero() {
			p.day = c.Day.Format(time.DateOnly)
		}
		if by[p] == nil {
			by[p] = &sums{row: Row{Step: p.step, Score: p.score, Day: p.day, Build: p.build, Value: p.value}}
		}
		b := by[p]
		n := int(c.N)
		b.row.Assigned += n
		b.row.Marked += int(c.Marked)
		b.valued, b.sum = b.valued+c.Valued, b.sum+c.Sum
		if c.Category != "" {
			if b.named == nil {
				b.named = map[string]int64{}
			}
			b.named[c.Category] += c.N
		}
		switch scoring.State(c.State) {
		case scoring.Scored:
			b.row.Scored += n
		case scoring.Pending:
			b.row.Pending += n
		case scoring.Expired:
			b.row.Expired += n
		case scoring.Declined:
			b.row.NotApplicable += n
		case scoring.Failed:
			b.row.Error += n
			b.row.Errors += n
		}
	}
	rows := []Row{}
	for _, b := range by {
		b.row.Matured = b.row.Assigned - b.row.Pending
		if b.row.Scored > 0 && int64(b.row.Scored) == b.valued {
			mean := b.sum / float64(b.valued)
			b.row.Mean = &mean
		}
		if b.named == nil {
			rows = append(rows, b.row)
			continue
		}
		all := int64(0)
		for _, n := range b.named {
			all += n
		}
		for category, n := range b.named {
			share := float64(n) / float64(all)
			b.row.Category, b.row.Mean = category, &share
			rows = append(rows, b.row)
		}
	}
	sortRows(rows)
	return rows
}

// countLedger counts outcomes.
func countLedger(ctx context.Context, s Reader, o Options) (l Ledger, err error) {
	deliveries := 0
	for _, of := range []store.Counted{store.CountOutcomes, store.CountDeliveries, store.CountRejections, store.CountHeld} {
		counts, err := s.Counts(ctx, store.CountFilter{Of: of, Since: o.Since, Until: o.Until})
		if err != nil {
			return l, err
		}
		for _, c := range counts.Rows {
			n := int(c.N)
			switch {
			case of == store.CountDeliveries:
				deliveries += n
			case of == store.CountRejections:
				l.Rejected += n
			case of == store.CountHeld:
				l.Held += n
			case c.State == string(store.Matched):
				l.Matched += n
			case c.State == string(store.Late):
				l.Late += n
			default:
				l.Unclaimed += n
			}
		}
	}
	l.Received = l.Matched + l.Late + l.Unclaimed
	l.Duplicates = max(0, deliveries-l.Received)
	return l, nil
}

// countRuns counts runs by type and by how they ended.
func countRuns(ctx context.Context, s Reader, o Options) ([]RunCount, error) {
	f := store.CountFilter{Of: store.CountRuns, Since: o.Since, Until: o.Until, By: o.dimensions()}
	if key, is := o.By.attribute(); is {
		f.Slice = store.SliceOfAttribute(key)
	}
	counts, err := s.Counts(ctx, f)
	runs := []RunCount{}
	for _, c := range counts.Rows {
		r := RunCount{Type: c.Name, Status: scoring.RunStatus(c.State), FailingStep: c.Step, Build: c.Build, Value: c.Value, Runs: c.N}
		if !c.Day.IsZero() {
			r.Day = c.Day.Format(time.DateOnly)
		}
		runs = append(runs, r)
	}
	slices.SortStableFunc(runs, func(a, b RunCount) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Build, b.Build), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Status, b.Status))
	})
	return runs, err
}

// RunCount is how many runs of a type ended in one way.
type RunCount struct {
	Type   string            `json:"type"`
	Status scoring.RunStatus `json:"status,omitempty"` // empty: it has not ended, or without a flush
	// FailingStep is the activity type that made them fail, where that is known.
	FailingStep string `json:"failing_step,omitempty"`
	Day         string `json:"day,omitempty"`
	Build       string `json:"build,omitempty"`
	Value       string `json:"value,omitempty"`
	Runs        int64  `json:"runs"`
}

// tallied is the reading of a session's scores, a run being a unit: they are not counted by session.
func tallied(records []scoring.Record) []Row {
	rows := []Row{}
	for _, t := range analysis.Scores(records) {
		rows = append(rows, rowsOfTally(t)...)
	}
	sortRows(rows)
	return rows
}
