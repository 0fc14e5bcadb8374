package sqlstore

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Call is a call of Record, Flush or Assign.
type Call = wording

func Records(all ...scoring.Record) (Call, error) {
	all, err := checkRecords(all)
	return wording{records: all}, err
}

func Flush(f scoring.Flush) (Call, error) {
	f, err := checkFlush(f)
	return wording{flush: &f}, err
}

func Assign(a scoring.Assignment) (Call, error) {
	a, err := checkAssignment(a)
	return wording{assign: &a}, err
}

// Together makes calls in one transaction.
func (s *Store) Together(ctx context.Context, calls ...Call) error {
	_, err := s.sayAll(ctx, calls)
	return err
}
