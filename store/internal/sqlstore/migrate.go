package sqlstore

import (
	"embed"
	"io/fs"
	"slices"

	"github.com/verdict-dev/verdict/store/internal/migrate"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations are the migrations of the store's schema. A new one is a file in migrations/, made of steps: see package
// migrate.
var Migrations = func() migrate.Set {
	base := []string{"migrations/0001_first.sql", "migrations/0002_requests.sql", "migrations/0003_said_at.sql"}
	all, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is valid
	}
	return migrate.Set{
		Files: migrationFiles, Base: base, Fills: fills,
		Steps: slices.DeleteFunc(all, func(name string) bool { return slices.Contains(base, name) }),
	}
}()
