// Package copier copies a store into an empty database, of the same kind or another one.
package copier

import (
	"context"
	"errors"

	"github.com/verdict-dev/verdict/store/internal/sqlstore"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// Copied describes the copy of one table.
type Copied = sqlstore.Copied

// Errors of [Copy], to be tested with errors.Is.
var (
	// ErrNotEmpty: the target has rows.
	ErrNotEmpty = sqlstore.ErrNotEmpty
	// ErrChanged: something wrote to the source during the copy.
	ErrChanged = sqlstore.ErrChanged
)

// Copy copies the store in one database to another, each named as its driver's Open takes it. The source must have this
// release's schema, and stays unchanged. Copy creates or migrates the target's schema; the target must have no rows.
// Nothing may write to either meanwhile: Copy detects writes, and then copies nothing. tell, if not nil, is called for
// each table.
//
// Rows keep their ids, and so the order in which they arrived.
func Copy(ctx context.Context, from, to string, tell func(Copied)) (err error) {
	source, err := openSource(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := openTarget(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	return source.CopyTo(ctx, target, tell)
}

func openSource(ctx context.Context, dsn string) (*sqlstore.Store, error) {
	if postgres.IsDSN(dsn) {
		s, err := postgres.Open(ctx, dsn)
		if err != nil {
			return nil, err
		}
		return s.Store, nil
	}
	s, err := sqlite.OpenUnchanged(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return s.Store, nil
}

func openTarget(ctx context.Context, dsn string) (*sqlstore.Store, error) {
	if postgres.IsDSN(dsn) {
		if err := postgres.Migrate(ctx, dsn); err != nil {
			return nil, err
		}
		s, err := postgres.Open(ctx, dsn)
		if err != nil {
			return nil, err
		}
		return s.Store, nil
	}
	s, err := sqlite.Open(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return s.Store, nil
}
