package migrate

import (
	"context"
	"math"
	"strings"
	"time"
)

// Step describes a step for people.
type Step struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	What string `json:"what"`
	// Table is the table of the step and Rows about how many rows it has; for a fill, the rows that it has not looked at
	// yet.
	Table string `json:"table,omitempty"`
	Rows  int64  `json:"rows"`
	// Again tells of a fill that was done and looks at what came since: a worker of the release before may have written it.
	Again bool `json:"again,omitempty"`
	// About is how long it takes on a machine of two cores, in nanoseconds.
	About time.Duration `json:"about_ns"`
	// Locks says which locks it takes and for how long.
	Locks string `json:"locks"`
}

// How many rows a second were seen on two cores: an index in parallel to writes, one in SQLite, and a fill.
const (
	indexRate     = 250_000
	fillRate      = 15_000
	changeSeconds = 0.05
)

const (
	baseStep = "base"
	baseWhat = "make the tables"
)

// Plan returns the steps that [Run] would run on the store now. It changes nothing.
func Plan(ctx context.Context, e Engine, s Set) ([]Step, error) {
	steps, err := s.steps()
	if err != nil {
		return nil, err
	}
	tables, err := e.Tables(ctx)
	if err != nil {
		return nil, err
	}
	if _, there := tables["verdict_schema"]; !there {
		return []Step{{Name: baseStep, Kind: Base, What: baseWhat, About: time.Second, Locks: "nothing: the database is empty"}}, nil
	}
	st, err := s.read(ctx, e.Read())
	if err != nil {
		return nil, err
	}
	if st.version > len(s.Base) {
		return nil, &SchemaError{st.version + len(s.Steps), len(s.Base) + len(s.Steps)}
	}
	plan := []Step{}
	if st.version < len(s.Base) {
		plan = append(plan, Step{Name: baseStep, Kind: Base, What: baseWhat, About: time.Second, Locks: "every table, for a moment"})
	}
	for _, x := range steps {
		position, done := st.done[x.name]
		if done && x.kind != Filled || !x.isFor(e) {
			continue
		}
		seen := x.seen(e, tables)
		if x.kind == Filled && tables[x.table] > 0 {
			last, err := number(ctx, e.Read(), `SELECT COALESCE(MAX(id), 0) FROM `+x.table)
			if err != nil {
				return nil, err
			}
			seen.Rows = max(0, min(seen.Rows, last-position))
			seen.About = about(seen.Rows, fillRate)
		}
		if (done || x.kind == Filled) && seen.Rows == 0 { // there is nothing to fill
			continue
		}
		seen.Again = done
		plan = append(plan, seen)
	}
	return plan, nil
}

// seen describes the step for people.
func (x step) seen(e Engine, tables map[string]int64) Step {
	rows := tables[x.table]
	s := Step{Name: x.name, Kind: x.kind, Table: x.table, What: x.what, Rows: rows}
	switch {
	case x.kind == Filled:
		s.About, s.Locks = about(rows, fillRate), "the rows of a batch, for about "+batchTime.String()
	case x.kind == Index && e.Online():
		s.About, s.Locks = about(rows, indexRate), "nothing: writes go on while it is built"
	case x.kind == Index:
		s.About = about(rows, indexRate)
		s.Locks = "the file, for other writers, while it is built"
	default:
		s.About = time.Duration(changeSeconds * float64(time.Second))
		s.Locks = x.table + ", for a moment; it gives up after " + LockLimit.String() + " and tries again"
		if strings.Contains(strings.ToUpper(x.sql), "CREATE TABLE "+strings.ToUpper(x.table)) {
			s.Locks = "nothing: the table is new"
		}
	}
	return s
}

func about(rows int64, rate float64) time.Duration {
	seconds := math.Max(0.1, float64(rows)/rate)
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond)
}
