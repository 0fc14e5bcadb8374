package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// defaultDatabase is a file in the current directory: SQLite needs no set-up.
const defaultDatabase = "verdict.db"

// databaseForms lists the ways to name a database.
const databaseForms = "the path of a SQLite file, a file: URI, " + sqlite.Memory + ", a postgres:// URL, or keywords and values such as \"host=db dbname=scores\""

// databaseOf takes the name of a database in any of databaseForms.
func databaseOf(to *string) func(string) error {
	return func(t string) error {
		if isPostgres(t) {
			t = strings.TrimSpace(t) // a secret that is mounted as a file ends with a line break
		}
		if _, err := shownDatabase(t); err != nil {
			return err
		}
		*to = t
		return nil
	}
}

func isPostgres(db string) bool { return postgres.IsDSN(strings.TrimSpace(db)) }

var (
	// explicitPath matches the path of a file. What begins like one on a drive of Windows may be a user of one letter with a
	// password.
	explicitPath = regexp.MustCompile(`(?s)^(?:\.{0,2}[/\\]|file:)|^[A-Za-z]:[/\\][^@]*$`)
	// likeConnection matches text that a connection string often has, and the name of a file in the current directory
	// seldom: key=value, or user:password@host.
	likeConnection = regexp.MustCompile(`(?is)\w\s*=|:.*@|^\s*postgres(?:ql)?:`)
	noScheme       = regexp.MustCompile(`(?s)^//[^/]*:.*@`) // a URL that has lost its scheme
	urlScheme      = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9+.-]*)://`)
)

// shownDatabase returns a database's name as people may see it. It refuses a name that could be read in two ways,
// because the name of a file is shown in full.
func shownDatabase(db string) (string, error) {
	switch {
	case strings.TrimSpace(db) == "":
		return "", errors.New("must be " + databaseForms)
	case isPostgres(db):
		shown, err := postgres.Redacted(strings.TrimSpace(db))
		return shown, reasonOf(err)
	case explicitPath.MatchString(db) && !noScheme.MatchString(db), db == sqlite.Memory:
	case strings.Contains(db, "://"):
		scheme := "that"
		if named := urlScheme.FindStringSubmatch(db); named != nil {
			scheme = named[1] + "://"
		}
		return "", fmt.Errorf("%s is not a known kind of database: it must be %s", scheme, databaseForms)
	case likeConnection.MatchString(db): // noScheme as well
		return "", errors.New("is it a file, or a connection? A file is ./NAME; a connection is a postgres:// URL, or keywords and values with host, dbname or service among them")
	}
	_, err := sqlite.Path(db)
	return db, reasonOf(err)
}

// reasonOf leaves out of an error the parts that repeat the settings.
func reasonOf(err error) error {
	var invalid *scoring.InvalidError
	if errors.As(err, &invalid) {
		return errors.New(invalid.Reason)
	}
	return err
}

// maskDatabase is shownDatabase for logs and errors. Of a refused name it shows the scheme at most.
func maskDatabase(db string) string {
	shown, err := shownDatabase(db)
	switch scheme := urlScheme.FindStringSubmatch(db); {
	case err == nil:
		return shown
	case strings.TrimSpace(db) == "":
		return ""
	case scheme != nil:
		return scheme[1] + "://" + masked
	default:
		return masked
	}
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
	if isPostgres(db) {
		return openStore(ctx, db)
	}
	s, err := sqlite.OpenExisting(ctx, db)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage("no database at %s; set --db or VERDICT_DB to the worker's database", db)
	case err != nil:
		return nil, fmt.Errorf("database %s: %w", db, err)
	}
	return s, nil
}

// warnExposed warns if others than the owner may read a SQLite file: it holds users' feedback and payloads of webhooks.
func warnExposed(l *slog.Logger, db string) {
	if isPostgres(db) {
		return
	}
	if files := sqlite.Exposed(db); len(files) > 0 {
		l.Warn("others on this host may read the database: chmod 600 keeps it to its owner", "files", strings.Join(files, " "))
	}
}
