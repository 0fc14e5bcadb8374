package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are run in order; the schema's version is how many of them have been. A released one never changes.
var migrations = []string{"migrations/0001_first.sql", "migrations/0002_requests.sql", "migrations/0003_said_at.sql"}

// SchemaError says that the database's schema is not the one that this code needs.
type SchemaError struct {
	// Have is the schema's version, 0 for an empty database; Want is the one that this code needs.
	Have, Want int
}

func (e *SchemaError) Error() string {
	if e.Have > e.Want {
		return fmt.Sprintf("verdict: the store's schema has version %d, made by a newer release; this one knows %d", e.Have, e.Want)
	}
	return fmt.Sprintf("verdict: the store's schema has version %d and this release needs %d: run `starter migrate`", e.Have, e.Want)
}

// NoSchema is the error for a database that has no schema at all.
func NoSchema() error { return &SchemaError{0, len(migrations)} }

// CheckSchema returns a *[SchemaError] unless the schema is the one that this code needs.
func CheckSchema(ctx context.Context, db *sql.DB) error {
	have, err := schemaVersion(ctx, db)
	if err != nil {
		return fmt.Errorf("verdict: read the schema's version: %w", err)
	}
	if have != len(migrations) {
		return &SchemaError{have, len(migrations)}
	}
	return nil
}

// Migrate brings the schema to the version that this code needs, inside tx, which must have the schema to itself. serial
// is the type of a table's growing row id.
func Migrate(ctx context.Context, tx Tx, serial string) error {
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS verdict_schema (version BIGINT NOT NULL)`); err != nil {
		return fmt.Errorf("verdict: migrate: %w", err)
	}
	have, err := schemaVersion(ctx, tx)
	if err != nil {
		return fmt.Errorf("verdict: migrate: %w", err)
	}
	if have > len(migrations) {
		return &SchemaError{have, len(migrations)}
	}
	for i, name := range migrations[have:] {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, strings.ReplaceAll(string(text), "{{serial}}", serial)); err != nil {
			return fmt.Errorf("verdict: migrate: %s: %w", name, err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO verdict_schema (version) VALUES ($1)`, have+i+1); err != nil {
			return fmt.Errorf("verdict: migrate: %s: %w", name, err)
		}
	}
	return nil
}

func schemaVersion(ctx context.Context, q querier) (int, error) {
	version, _, err := one(ctx, q, scanID, `SELECT COALESCE(MAX(version), 0) FROM verdict_schema`)
	return int(version), err
}
