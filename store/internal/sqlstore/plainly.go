package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// together are the calls of a group: the ones that are plain, ready to be written, and the others.
type together struct {
	txn
	done   []kept
	others []int // the calls that are not plain, by number

	runs     map[string]*spokenOf // by hash; of new ones only the ones that a plain call is about
	order    []*spokenOf
	origins  map[string]int  // how many runs the store has of a reset group
	known    map[string]bool // identities of scores that there are
	flushed  map[int64]bool  // runs that have scores from their own code
	heldFor  map[string]bool // keys that scores are held for
	waits    waitsByOrigin
	claimed  map[string]string // hash of the one run of a reset group that the group's plain calls are about
	apart    map[string]bool   // workflow ids whose further calls are not plain, so that they keep their order
	scores   []newScore
	assigned []newAssignment
	chains   [][]byte // that may have closed
}

// spokenOf is a run that calls are about.
type spokenOf struct {
	runRow
	hash, origin   []byte // the latter as the store has it
	fresh, changed bool
	flush          *scoring.Flush
	spoken         bool // a plain call is about it
	ends           bool
}

type newScore struct {
	run      *spokenOf
	identity []byte
	r        scoring.Record
}

type newAssignment struct {
	call  int
	run   *spokenOf
	chain []byte
	a     scoring.Assignment
}

// plainly writes the plain calls, and returns which the others are.
func (t txn) plainly(ctx context.Context, calls []wording, waits waitsByOrigin) (*together, error) {
	b := &together{
		txn: t, done: make([]kept, len(calls)), runs: map[string]*spokenOf{}, origins: map[string]int{}, known: map[string]bool{},
		flushed: map[int64]bool{}, heldFor: map[string]bool{}, waits: waits, claimed: map[string]string{}, apart: map[string]bool{},
	}
	if err := b.read(ctx, calls); err != nil {
		return nil, err
	}
	for i, w := range calls {
		if b.plain(w) {
			b.take(i, w)
			continue
		}
		b.others = append(b.others, i)
		w.eachRun(func(r scoring.Run) { b.apart[string(workflowHash(r))] = true })
	}
	return b, b.write(ctx)
}

// read reads what decides whether calls are plain.
func (b *together) read(ctx context.Context, calls []wording) error {
	hashes, identities, keys := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, w := range calls {
		w.eachRun(func(r scoring.Run) { hashes[string(runHash(r))] = true })
		for _, r := range w.all() {
			identities[string(scoreIdentity(r))] = true
		}
		if w.flush != nil {
			for _, key := range w.flush.Facts.Keys {
				keys[key] = true
			}
		}
	}
	is, list := in(*b.dialect, 1, Blobs, blobs(hashes))
	_, err := collect(ctx, b.tx, func(rows *sql.Rows) (nothing, error) {
		x := &spokenOf{}
		var doc string
		err := rows.Scan(&x.hash, &x.id, &x.flushed.sequence, &x.flushed.at, &x.flushed.ordinal, &x.enrolled, &x.superseded, &doc)
		if err == nil {
			x.facts, err = decode[scoring.RunFacts](doc)
		}
		x.origin = inGroup(x.facts.Run, x.facts.OriginalRunID)
		x.knowsEnd()
		b.runs[string(x.hash)] = x
		return nothing{}, err
	}, `SELECT hash, `+runColumns+` FROM runs WHERE hash `+is, list)
	if err != nil {
		return err
	}
	origins := map[string]bool{}
	for _, w := range calls {
		w.eachFacts(func(f scoring.RunFacts) { origins[string(b.origin(f))] = true })
	}
	// To count for each uses the index, also while the database takes the table for small.
	var rows [][]any
	for origin := range origins {
		rows = append(rows, []any{[]byte(origin)})
	}
	table, args := b.rows([]Kind{Blobs}, rows)
	if _, err := collect(ctx, b.tx, func(rows *sql.Rows) (nothing, error) {
		var n int
		var origin []byte
		err := rows.Scan(&origin, &n)
		b.origins[string(origin)] = n
		return nothing{}, err
	}, `SELECT x.c1, (SELECT COUNT(*) FROM runs r WHERE r.origin = x.c1) FROM `+table, args...); err != nil {
		return err
	}
	if len(identities) > 0 {
		is, list = in(*b.dialect, 1, Blobs, blobs(identities))
		if _, err := collect(ctx, b.tx, func(rows *sql.Rows) (nothing, error) {
			var identity []byte
			err := rows.Scan(&identity)
			b.known[string(identity)] = true
			return nothing{}, err
		}, `SELECT DISTINCT identity FROM scores WHERE identity `+is, list); err != nil {
			return err
		}
	}
	var unflushed []int64
	for _, w := range calls {
		if w.flush == nil {
			continue
		}
		if x := b.runs[string(runHash(w.flush.Facts.Run))]; x != nil && !x.flushed.sequence.Valid {
			unflushed = append(unflushed, x.id)
		}
	}
	if len(unflushed) > 0 {
		is, list = in(*b.dialect, 1, Ints, unflushed)
		ids, err := collect(ctx, b.tx, scanID, `SELECT DISTINCT run FROM scores WHERE run `+is+` AND source = 'workflow'`, list)
		if err != nil {
			return err
		}
		for _, id := range ids {
			b.flushed[id] = true
		}
	}
	if len(keys) == 0 {
		return nil
	}
	is, list = in(*b.dialect, 1, Texts, slices.Collect(maps.Keys(keys)))
	held, err := collect(ctx, b.tx, func(rows *sql.Rows) (key string, err error) { return key, rows.Scan(&key) }, `SELECT DISTINCT key FROM held WHERE key `+is, list)
	for _, key := range held {
		b.heldFor[key] = true
	}
	return err
}

func blobs(set map[string]bool) [][]byte {
	all := make([][]byte, 0, len(set))
	for s := range set {
		all = append(all, []byte(s))
	}
	return all
}

// all are the scores that w has.
func (w wording) all() []scoring.Record {
	if w.flush != nil {
		return w.flush.Records
	}
	return w.records
}

// eachFacts calls fn for what w says of each run.
func (w wording) eachFacts(fn func(scoring.RunFacts)) {
	switch {
	case w.flush != nil:
		fn(w.flush.Facts)
	case w.assign != nil:
		fn(assignedRun(*w.assign))
	}
	for _, f := range w.facts {
		fn(f)
	}
	for _, r := range w.records {
		fn(recordedRun(r))
	}
}

// assignedRun and recordedRun are what an assignment and a record say of their runs.
func assignedRun(a scoring.Assignment) scoring.RunFacts {
	return scoring.RunFacts{Run: a.Run, FirstRunID: a.FirstRunID, OriginalRunID: a.OriginalRunID, WorkflowType: a.WorkflowType}
}

func recordedRun(r scoring.Record) scoring.RunFacts {
	f := scoring.RunFacts{Run: r.Run, OriginalRunID: r.OriginalRunID}
	if isSession(r.Run) {
		f.WorkflowType = sessionType
	}
	return f
}

// enrolls tells whether a record shows that its run records here: a scorer over histories has records of steps of any run.
func enrolls(r scoring.Record) bool {
	return !r.Step.IsZero() && !isSession(r.Run) && (r.Source != scoring.FromClient || r.Scorer == "")
}

// origin is the reset group of a run once the store has its facts.
func (b *together) origin(f scoring.RunFacts) []byte {
	if x := b.runs[string(runHash(f.Run))]; x != nil {
		if x.facts.OriginalRunID != "" {
			return inGroup(f.Run, x.facts.OriginalRunID)
		}
	}
	return inGroup(f.Run, f.OriginalRunID)
}

// plain tells whether a call is plain.
func (b *together) plain(w wording) bool {
	if w.assign != nil && w.assign.Disowned || w.flush != nil && !b.plainFlush(*w.flush) {
		return false
	}
	plain, of := true, map[string]scoring.Run{}
	w.eachFacts(func(f scoring.RunFacts) {
		origin := string(b.origin(f))
		other, there := of[origin]
		plain = plain && b.alone(f) && (!there || other == f.Run) // the call itself may have two runs of a reset
		of[origin] = f.Run
	})
	seen := make(map[string]bool, len(w.all()))
	for _, r := range w.all() {
		identity := string(scoreIdentity(r))
		plain = plain && !b.known[identity] && !seen[identity]
		seen[identity] = true
	}
	return plain
}

// alone tells whether a run holds and will hold: no other run is of its reset group.
func (b *together) alone(f scoring.RunFacts) bool {
	if b.apart[string(workflowHash(f.Run))] {
		return false
	}
	hash := string(runHash(f.Run))
	x := b.runs[hash]
	if x != nil && x.superseded {
		return false
	}
	origin := string(b.origin(f))
	others := b.origins[origin]
	if x != nil && !x.fresh && string(x.origin) == origin {
		others--
	}
	if others > 0 {
		return false
	}
	claimed, there := b.claimed[origin]
	return !there || claimed == hash
}

// plainFlush tells whether a flush is the first of its run, whole, and neither waits nor takes anything back.
func (b *together) plainFlush(f scoring.Flush) bool {
	if f.Partial || len(f.Waits) > 0 || len(f.Elsewhere) > 0 || len(b.waits[originOf(f.Facts)]) > 0 {
		return false
	}
	for _, key := range f.Facts.Keys {
		if b.heldFor[key] {
			return false
		}
	}
	x := b.runs[string(runHash(f.Facts.Run))]
	return x == nil || !x.spoken && !x.flushed.sequence.Valid && !b.flushed[x.id]
}

// take notes what a plain call adds.
func (b *together) take(i int, w wording) {
	switch {
	case w.flush != nil:
		f := w.flush
		x := b.about(f.Facts, false)
		x.flushed = placeOf(*f, x.runRow)
		x.flushes(f.Facts)
		x.flush, x.changed = f, true
		x.ends = x.facts.Status != "" && !x.ended
		if f.Facts.Status != "" && f.Facts.Status != scoring.RunContinuedAsNew {
			b.chains = append(b.chains, inGroup(f.Facts.Run, f.Facts.FirstRunID))
		}
	case w.assign != nil:
		x := b.about(assignedRun(*w.assign), true)
		b.assigned = append(b.assigned, newAssignment{i, x, inGroup(w.assign.Run, w.assign.FirstRunID), *w.assign})
	}
	for _, f := range w.facts {
		b.about(f, false)
	}
	for _, r := range w.all() {
		x := b.runs[string(runHash(r.Run))]
		if w.flush == nil {
			x = b.about(recordedRun(r), enrolls(r))
		}
		identity := scoreIdentity(r)
		b.known[string(identity)] = true
		b.scores = append(b.scores, newScore{x, identity, r})
	}
}

// about returns the run that facts are about, with them added.
func (b *together) about(known scoring.RunFacts, enroll bool) *spokenOf {
	hash := runHash(known.Run)
	x := b.runs[string(hash)]
	if x == nil {
		x = &spokenOf{hash: hash, fresh: true, runRow: runRow{facts: known, enrolled: enroll}}
		b.runs[string(hash)] = x
	}
	had, enrolled := x.facts, x.enrolled
	x.complete(known)
	x.enrolled = x.enrolled || enroll
	x.changed = x.changed || enrolled != x.enrolled || !sameKnown(had, x.facts)
	x.ends = x.facts.Status != "" && !x.ended
	if !x.spoken {
		x.spoken = true
		b.order = append(b.order, x)
	}
	b.claimed[string(inGroup(x.facts.Run, x.facts.OriginalRunID))] = string(hash)
	return x
}
