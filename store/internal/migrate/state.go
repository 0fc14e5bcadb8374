package migrate

import (
	"context"
	"fmt"
	"path"
)

// SchemaError reports that the database has another schema than this code needs.
type SchemaError struct {
	// Have is how many of the migrations that this code needs the schema has, 0 for an empty database; Want is how many
	// there are. A schema of an incompatible newer release has more than Want.
	Have, Want int
}

func (e *SchemaError) Error() string {
	if e.Have > e.Want {
		return fmt.Sprintf("verdict: the store's schema has version %d, made by a newer release; this one knows %d", e.Have, e.Want)
	}
	return fmt.Sprintf("verdict: the store's schema has version %d and this release needs %d: run `starter migrate`", e.Have, e.Want)
}

// Empty is the error for a database that has no schema at all.
func (s Set) Empty() error { return &SchemaError{0, len(s.Base) + len(s.Steps)} }

// Check returns a *[SchemaError] unless the schema has everything that this code needs. Additions of a newer release do
// no harm, and neither do rows that are not filled yet.
func (s Set) Check(ctx context.Context, db Tx) error {
	st, err := s.read(ctx, db)
	if err != nil {
		return err
	}
	steps, err := s.steps()
	if err != nil {
		return err
	}
	have := st.version
	if have == len(s.Base) {
		lacking := map[string]bool{}
		for _, x := range steps {
			if _, done := st.done[x.name]; !done && x.kind != Filled {
				lacking[path.Dir(x.name)] = true
			}
		}
		have += len(s.Steps) - len(lacking)
	} else if have > len(s.Base) {
		have += len(s.Steps)
	}
	if want := len(s.Base) + len(s.Steps); have != want {
		return &SchemaError{have, want}
	}
	return nil
}

// Exactly is [Set.Check], but also refuses additions of a newer release.
func (s Set) Exactly(ctx context.Context, db Tx) error {
	if err := s.Check(ctx, db); err != nil {
		return err
	}
	st, err := s.read(ctx, db)
	if err != nil {
		return err
	}
	steps, err := s.steps()
	if err != nil {
		return err
	}
	for _, x := range steps {
		delete(st.done, x.name)
	}
	if want := len(s.Base) + len(s.Steps); len(st.done) > 0 {
		return &SchemaError{want + len(st.done), want}
	}
	return nil
}

// state is how far a schema is.
type state struct {
	version int              // how many files of the base have run
	done    map[string]int64 // steps that have run; of a fill the last id that is filled
}

// read returns how far the schema is.
func (s Set) read(ctx context.Context, db Tx) (state, error) {
	st := state{done: map[string]int64{}}
	version, err := number(ctx, db, `SELECT COALESCE(MAX(version), 0) FROM verdict_schema`)
	if err != nil {
		return st, fmt.Errorf("verdict: read the schema's version: %w", err)
	}
	if st.version = int(version); len(s.Steps) == 0 {
		return st, nil
	}
	// A row with version 0 marks that the table of steps exists; code that looks for the highest version ignores it.
	there, err := number(ctx, db, `SELECT COUNT(*) FROM verdict_schema WHERE version = 0`)
	if err != nil || there == 0 {
		return st, err
	}
	rows, err := db.QueryContext(ctx, `SELECT name, position FROM verdict_steps`)
	if err != nil {
		return st, fmt.Errorf("verdict: read the schema's steps: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var position int64
		if err := rows.Scan(&name, &position); err != nil {
			return st, err
		}
		st.done[name] = position
	}
	return st, rows.Err()
}

// number runs a query for one number.
func number(ctx context.Context, db Tx, query string, args ...any) (n int64, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}
