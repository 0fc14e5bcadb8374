package migrate

import (
	"context"
	"database/sql"
	"fmt"
)

// SQLite changes a schema in SQLite. DB begins its transactions as the one writer.
type SQLite struct{ DB *sql.DB }

// Name implements [Engine].
func (SQLite) Name() string { return "sqlite" }

// Serial implements [Engine].
func (SQLite) Serial() string { return "INTEGER PRIMARY KEY AUTOINCREMENT" }

// Read implements [Engine].
func (s SQLite) Read() Tx { return s.DB }

// Online implements [Engine].
func (SQLite) Online() bool { return false }

// Index implements [Engine].
func (SQLite) Index(context.Context, string, string) error { panic("an index is a change in SQLite") }

// Change implements [Engine].
func (s SQLite) Change(ctx context.Context, op func(context.Context, Tx) error) error {
	return s.Write(ctx, op)
}

// Batch implements [Engine].
func (s SQLite) Batch(ctx context.Context, op func(context.Context, Tx) error) (gaveUp bool, err error) {
	return false, s.Write(ctx, op)
}

// Write implements [Engine].
func (s SQLite) Write(ctx context.Context, op func(context.Context, Tx) error) error {
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	if err := op(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Tables implements [Engine]. A table with an id of its own is taken to have as many rows as the highest of them: counting
// reads the whole file.
func (s SQLite) Tables(ctx context.Context) (map[string]int64, error) {
	tables := map[string]int64{}
	rows, err := s.DB.QueryContext(ctx, `SELECT name FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		tables[name] = 0
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for name := range tables {
		if tables[name], err = number(ctx, s.DB, fmt.Sprintf(`SELECT COALESCE(MAX(rowid), 0) FROM %q`, name)); err != nil {
			// Without a rowid it is small.
			tables[name] = 0
		}
	}
	return tables, nil
}
