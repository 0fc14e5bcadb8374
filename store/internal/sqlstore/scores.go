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
	_, err = write(ctx, s, "record", func(ctx context.Context, t txn) (nothing, error) {
		var l locks
		for _, r := range records {
			l.workflow(r.Run)
		}
		if err := t.hold(ctx, l); err != nil {
			return nothing{}, err
		}
		for _, r := range records {
			if err := t.record(ctx, r); err != nil {
				return nothing{}, err
			}
		}
		return nothing{}, nil
	})
	return err
}

// record keeps one record.
func (t txn) record(ctx context.Context, r scoring.Record) error {
	run, err := t.run(ctx, scoring.RunFacts{Run: r.Run, OriginalRunID: r.OriginalRunID}, !r.Step.IsZero())
	if err != nil {
		return err
	}
	if run, err = t.subject(ctx, run, &r); err != nil {
		return err
	}
	return t.say(ctx, run, r, whenever)
}
