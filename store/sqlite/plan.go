package sqlite

import (
	"context"
	"database/sql"
)

// plans keeps the statements of the writing connection compiled: SQLite spends half of a small write on compiling it.
// Writes are a fixed set of texts, so it does not grow without end. One transaction uses it at a time.
type plans struct {
	prepared map[string]*sql.Stmt
	missing  []string
}

// prepare compiles the statements that the last transaction had to do without. It needs the connection, and so is
// called between transactions. A text that does not compile fails where it is used.
func (p *plans) prepare(ctx context.Context, db *sql.DB) {
	for _, query := range p.missing {
		if p.prepared[query] != nil {
			continue
		}
		if stmt, err := db.PrepareContext(ctx, query); err == nil {
			p.prepared[query] = stmt
		}
	}
	p.missing = nil
}

// planned is a transaction that uses plans.
type planned struct {
	tx *sql.Tx
	*plans
}

func (t planned) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := t.prepared[query]; stmt != nil {
		return t.tx.StmtContext(ctx, stmt).QueryContext(ctx, args...)
	}
	t.missing = append(t.missing, query)
	return t.tx.QueryContext(ctx, query, args...)
}

func (t planned) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := t.prepared[query]; stmt != nil {
		return t.tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
	}
	t.missing = append(t.missing, query)
	return t.tx.ExecContext(ctx, query, args...)
}
