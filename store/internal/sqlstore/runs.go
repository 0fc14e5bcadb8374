package sqlstore

import (
	"context"
	"database/sql"

	"github.com/verdict-dev/verdict/scoring"
)

// runRow has the columns of a run's row that writes need.
type runRow struct {
	id         int64
	facts      scoring.RunFacts
	flushed    flushed // the place of the flush that is kept
	enrolled   bool
	superseded bool
	ended      bool // it is known how it ended
}

const runColumns = `id, sequence, flushed_at, ordinal, enrolled, superseded, doc`

func scanRun(rows *sql.Rows) (r runRow, err error) {
	var doc string
	if err = rows.Scan(&r.id, &r.flushed.sequence, &r.flushed.at, &r.flushed.ordinal, &r.enrolled, &r.superseded, &doc); err != nil {
		return r, err
	}
	r.facts, err = decode[scoring.RunFacts](doc)
	r.knowsEnd()
	return r, err
}

// run returns the row of a run, made if it is new. Facts in known that the row lacks are added to the row. enroll marks
// known as coming from something that only a run that records here has: an assignment, a step score, an expectation.
func (t txn) run(ctx context.Context, known scoring.RunFacts, enroll bool) (runRow, error) {
	row, found, err := one(ctx, t.tx, scanRun, `SELECT `+runColumns+` FROM runs WHERE hash = $1`, runHash(known.Run))
	if err != nil {
		return row, err
	}
	if !found {
		row = runRow{facts: known, enrolled: enroll}
		return row, t.addRun(ctx, &row)
	}
	had := row.facts
	row.complete(known)
	if row.enrolled == (row.enrolled || enroll) && sameKnown(had, row.facts) {
		return row, nil
	}
	row.enrolled = row.enrolled || enroll
	return row, t.changeRun(ctx, &row)
}

// knowsEnd notes whether it is known how the run ended, and whether its flush says so.
func (r *runRow) knowsEnd() {
	r.ended = r.facts.Status != ""
	r.flushed.ended = r.ended && !r.facts.FromHistory
}

// flushes replaces the facts by the ones of a flush. It keeps the end that the run's history says: a flush may be of a task that was refused.
func (r *runRow) flushes(f scoring.RunFacts) {
	known := r.facts
	r.facts = f
	if known.FromHistory {
		r.facts.Status = ""
	}
	r.complete(known)
}

// complete adds known facts to the ones that the row lacks.
func (r *runRow) complete(known scoring.RunFacts) {
	fill(&r.facts.FirstRunID, known.FirstRunID)
	fill(&r.facts.OriginalRunID, known.OriginalRunID)
	fill(&r.facts.WorkflowType, known.WorkflowType)
	if r.facts.StartedAt.IsZero() {
		r.facts.StartedAt = known.StartedAt
	}
	if !known.FromHistory {
		return
	}
	fill(&r.facts.TaskQueue, known.TaskQueue)
	fill(&r.facts.BuildID, known.BuildID)
	if r.facts.Attempt == 0 {
		r.facts.Attempt = known.Attempt
	}
	if r.facts.Status == "" {
		r.facts.Status, r.facts.ClosedAt, r.facts.FailureType, r.facts.FailingStep = known.Status, known.ClosedAt, known.FailureType, known.FailingStep
		r.facts.FromHistory = true
	}
}

// sameKnown compares the facts that complete adds.
func sameKnown(a, b scoring.RunFacts) bool {
	return a.Status == b.Status && a.BuildID == b.BuildID && a.TaskQueue == b.TaskQueue && a.Attempt == b.Attempt && a.FirstRunID == b.FirstRunID && a.OriginalRunID == b.OriginalRunID && a.WorkflowType == b.WorkflowType && a.StartedAt.Equal(b.StartedAt)
}

func fill(have *string, known string) {
	if *have == "" {
		*have = known
	}
}

func (t txn) addRun(ctx context.Context, row *runRow) error {
	doc, err := encode(row.facts)
	if err != nil {
		return err
	}
	r := row.facts.Run
	row.ended = row.facts.Status != ""
	row.id, err = t.insert(ctx, `INSERT INTO runs (hash, namespace, workflow_id, run_id, first_run_id, original_run_id, chain, origin,
		started_at, enrolled, superseded, recorded_at, start_recorded_at, end_recorded_at, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, FALSE, `+t.now(true)+`, `+t.now(!row.facts.StartedAt.IsZero())+`, `+t.now(row.ended)+`, $11) RETURNING id`,
		runHash(r), r.Namespace, r.WorkflowID, r.RunID, row.facts.FirstRunID, row.facts.OriginalRunID,
		chainOf(row.facts), inGroup(r, row.facts.OriginalRunID), startedAt(row.facts), row.enrolled, doc)
	if err != nil {
		return err
	}
	return t.supersede(ctx, row)
}

// changeRun writes the row's facts, its flush's place and enrollment.
func (t txn) changeRun(ctx context.Context, row *runRow) error {
	doc, err := encode(row.facts)
	if err != nil {
		return err
	}
	r := row.facts.Run
	ends := row.facts.Status != "" && !row.ended
	row.ended = row.ended || ends
	learned := `, start_recorded_at = CASE WHEN started_at IS NULL THEN ` + t.now(!row.facts.StartedAt.IsZero()) + ` ELSE start_recorded_at END`
	if row.flushed.sequence.Valid {
		learned += `, flush_recorded_at = CASE WHEN sequence IS NULL THEN ` + t.now(true) + ` ELSE flush_recorded_at END`
	}
	if ends {
		learned += `, end_recorded_at = ` + t.now(true)
	}
	err = t.exec(ctx, `UPDATE runs SET first_run_id = $2, original_run_id = $3, chain = $4, origin = $5, started_at = $6, sequence = $7,
		flushed_at = $8, ordinal = $9, enrolled = $10, doc = $11`+learned+` WHERE id = $1`, row.id, row.facts.FirstRunID, row.facts.OriginalRunID,
		chainOf(row.facts), inGroup(r, row.facts.OriginalRunID), startedAt(row.facts), row.flushed.sequence, row.flushed.at,
		row.flushed.ordinal, row.enrolled, doc)
	if err != nil {
		return err
	}
	return t.supersede(ctx, row)
}

// now is the time at which the store learns of something, if it does so.
func (t txn) now(learns bool) string {
	if !learns {
		return "NULL"
	}
	return t.dialect.Now
}

func startedAt(f scoring.RunFacts) sql.NullInt64 {
	return sql.NullInt64{Int64: micro(f.StartedAt), Valid: !f.StartedAt.IsZero()}
}

// sibling is one of the runs that a reset made of one run, itself included.
type sibling struct {
	id         int64
	base       bool // the run that the others were made of
	startedAt  sql.NullInt64
	superseded bool
}

// supersede decides again which run of row's reset group holds: the run that started last. All others are superseded.
func (t txn) supersede(ctx context.Context, row *runRow) error {
	origin := inGroup(row.facts.Run, row.facts.OriginalRunID)
	group, err := collect(ctx, t.tx, func(rows *sql.Rows) (s sibling, err error) {
		var runID, original string
		err = rows.Scan(&s.id, &runID, &original, &s.startedAt, &s.superseded)
		s.base = original == "" || original == runID
		return s, err
	}, `SELECT id, run_id, original_run_id, started_at, superseded FROM runs WHERE origin = $1 ORDER BY id`, origin)
	if err != nil {
		return err
	}
	holds := group[0]
	for _, s := range group[1:] {
		if s.after(holds) {
			holds = s
		}
	}
	var gone []int64
	for _, s := range group {
		superseded := s.id != holds.id
		if s.id == row.id {
			row.superseded = superseded
		}
		if s.superseded == superseded {
			continue
		}
		if err := t.exec(ctx, `UPDATE runs SET superseded = $2, superseded_at = `+t.now(superseded)+` WHERE id = $1`, s.id, superseded); err != nil {
			return err
		}
		if superseded {
			gone = append(gone, s.id)
		}
	}
	for _, id := range gone {
		if err := t.forward(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// after tells whether s started after r, which was known first. A reset run starts after its base run, and by default
// after every run known before it.
func (s sibling) after(r sibling) bool {
	switch {
	case s.base != r.base:
		return r.base
	case s.startedAt.Valid && r.startedAt.Valid && s.startedAt != r.startedAt:
		return s.startedAt.Int64 > r.startedAt.Int64
	default:
		return true
	}
}
