package history

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// Truth looks up what has become known about something by its key. ok is false as long as nothing has. An error means that a further try
// may help.
type Truth func(ctx context.Context, key string) (value string, ok bool, err error)

// CSV is the [Truth] in a file of comma-separated values with a header. key and value name columns; of several rows with one key the last
// counts, so a correction may be appended. The file is opened for each look-up, so it may change.
func CSV(open func() (io.ReadCloser, error), key, value string) Truth {
	return func(_ context.Context, want string) (found string, ok bool, err error) {
		file, err := open()
		if err != nil {
			return "", false, err
		}
		defer file.Close()
		rows := csv.NewReader(file)
		header, err := rows.Read()
		if err != nil {
			return "", false, fmt.Errorf("verdict: the header of the truth: %w", err)
		}
		k, v := slices.Index(header, key), slices.Index(header, value)
		if k < 0 || v < 0 {
			return "", false, scoring.Invalid("truth", "the columns are %s, not %s and %s", strings.Join(header, ", "), key, value)
		}
		for {
			row, err := rows.Read()
			if errors.Is(err, io.EOF) {
				return found, ok, nil
			}
			if err != nil {
				return "", false, fmt.Errorf("verdict: the truth: %w", err)
			}
			if row[k] == want {
				found, ok = row[v], true
			}
		}
	}
}

// SQL is the [Truth] in a database. The query has one parameter, the key, and one column, the value; its first row counts, and a NULL is not
// known yet.
func SQL(db *sql.DB, query string) Truth {
	return func(ctx context.Context, key string) (string, bool, error) {
		var value sql.NullString
		err := db.QueryRowContext(ctx, query, key).Scan(&value)
		if errors.Is(err, sql.ErrNoRows) {
			return "", false, nil
		}
		return value.String, value.Valid, err
	}
}

// WorkflowID is the run's workflow id, for a [Truth] that has it as its key.
func WorkflowID(r *Run) (string, error) { return r.ID.WorkflowID, nil }

// Against scores whether the run said what turned out to be true: said is what it said, key what the truth is looked up by. Nil same
// compares the texts. As long as nothing is known there is no score; a truth that comes late, or is corrected, becomes one when the run is
// looked at again.
func Against(name, version string, truth Truth, key, said Text, same func(said, truth string) bool) Scorer {
	if same == nil {
		same = func(a, b string) bool { return a == b }
	}
	return Scorer{Name: name, Version: version, Score: func(ctx context.Context, r *Run) ([]Scored, error) {
		k, err := key(r)
		if err != nil {
			return nil, err
		}
		is, ok, err := truth(ctx, k)
		if err != nil || !ok {
			return nil, err
		}
		was, err := said(r)
		if err != nil {
			return nil, err
		}
		return []Scored{{Score: scoring.Bool(name, same(was, is)).WithReason(scoring.Clip("it said "+was+", true is "+is, scoring.MaxReason))}}, nil
	}}
}
