package sqlstore

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Record implements store.Store.
func (s *Store) Record(ctx context.Context, records []scoring.Record) error {
	records, err := checkRecords(records)
	if err != nil || len(records) == 0 {
		return err
	}
	_, err = s.say(ctx, wording{records: records})
	return err
}

// RecordRuns implements store.Store.
func (s *Store) RecordRuns(ctx context.Context, facts []scoring.RunFacts, records []scoring.Record) error {
	records, err := checkRecords(records)
	if err != nil {
		return err
	}
	if facts, err = checkFacts(facts); err != nil || len(facts)+len(records) == 0 {
		return err
	}
	_, err = s.say(ctx, wording{facts: facts, records: records})
	return err
}

// record keeps one record.
func (t txn) record(ctx context.Context, r scoring.Record) error {
	run, err := t.run(ctx, recordedRun(r), enrolls(r))
	if err != nil {
		return err
	}
	if run, err = t.subject(ctx, run, &r); err != nil {
		return err
	}
	return t.say(ctx, run, r, whenever)
}
