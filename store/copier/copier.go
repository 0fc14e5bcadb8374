// Package copier copies a store into an empty database, of the same kind or another one.
package copier

import (
	"context"
	"errors"

	"github.com/verdict-dev/verdict/store/internal/sqlstore"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// Copied is what was copied of one table.
type Copied = sqlstore.Copied

// Errors of [Copy], to be tested with errors.Is.
var (
	// ErrNotEmpty: what is to be copied to has rows.
	ErrNotEmpty = sqlstore.ErrNotEmpty
	// ErrChanged: what was copied was written to meanwhile.
	ErrChanged = sqlstore.ErrChanged
)

// Copy copies the store in one database to another, each named as its driver's Open takes it. The source's schema must be
// the one of this release, and is not changed. The target's is made or brought up to date; it must have no rows. Nothing
// may write to either meanwhile: what does is found out, and then nothing is copied. tell, if not nil, is told of each table.
//
// Rows keep their ids, so that the order is the same in which things became known.
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
