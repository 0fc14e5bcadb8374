package app

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// defaultDatabase is a file in the current directory: SQLite needs no set-up.
const defaultDatabase = "verdict.db"

// memory is the path of a database that ends with its process.
const memory = ":memory:"

// databaseOf takes a path of a SQLite file, ":memory:", or a postgres:// URL.
func databaseOf(to *string) func(string) error {
	return func(t string) error {
		scheme, _, isURL := strings.Cut(t, "://")
		switch {
		case strings.TrimSpace(t) == "":
			return fmt.Errorf("must be the path of a SQLite file, %s, or a postgres:// URL", memory)
		case isURL && !isPostgres(t) && scheme != "file":
			return fmt.Errorf("%s:// is no database that is known: a path of a SQLite file, %s, or a postgres:// URL", scheme, memory)
		case isPostgres(t):
			if _, err := url.Parse(t); err != nil {
				return fmt.Errorf("not a URL") // url.Error shows the password
			}
		}
		*to = t
		return nil
	}
}

func isPostgres(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// maskDatabase returns a database's name without a password, for logs and errors.
func maskDatabase(db string) string {
	scheme, _, isURL := strings.Cut(db, "://")
	if !isURL {
		return db
	}
	u, err := url.Parse(db)
	if err != nil {
		return scheme + "://" + masked
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}

// openStore opens a database; a SQLite file is made if there is none.
func openStore(ctx context.Context, db string) (store.Store, error) {
	var s store.Store
	var err error
	if isPostgres(db) {
		s, err = postgres.Open(ctx, db)
	} else {
		s, err = sqlite.Open(ctx, db)
	}
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", maskDatabase(db), err)
	}
	return s, nil
}

// openExisting opens a database to read it. A misspelled path is a mistake, not a new and empty database.
func openExisting(ctx context.Context, db string) (store.Store, error) {
	path, _, _ := strings.Cut(strings.TrimPrefix(db, "file:"), "?")
	if _, err := os.Stat(path); err != nil && !isPostgres(db) && db != memory {
		return nil, usage("no database at %s: --db or VERDICT_DB says where the worker keeps it", db)
	}
	return openStore(ctx, db)
}
