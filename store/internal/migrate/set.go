package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

// Set are the migrations of a schema.
type Set struct {
	Files fs.FS
	// Base are the files that run whole, in their order. The version in the table verdict_schema counts the files that
	// have run; releases that knew no steps recognize their schema by it.
	Base []string
	// Steps are the names of the files that are made of steps, sorted.
	Steps []string
	// Fills are the functions of fills: they bring the rows with from < id <= to up to date.
	Fills map[string]Fill
}

// Fill brings the rows of a table with from < id <= to up to date, in one transaction with others.
type Fill func(ctx context.Context, tx Tx, from, to int64) error

// Tx is a running transaction; *sql.Tx is one.
type Tx interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Kind is the kind of a step.
type Kind string

// The kinds of steps.
const (
	Base   Kind = "base" // the files from before there were steps
	Change Kind = "change"
	Index  Kind = "index"
	Filled Kind = "fill"
)

// step is one step of a file.
type step struct {
	name  string // file and number, which identify it in the store: never changes
	kind  Kind
	table string
	index string // its name
	in    string // the name of the one engine that it is for; empty: all
	what  string
	sql   string
	fill  Fill
}

// isFor tells whether the step has something to do in an engine.
func (s step) isFor(e Engine) bool { return s.in == "" || s.in == e.Name() }

var (
	begins      = regexp.MustCompile(`^-- (change|index|fill) (?:(\w+) on )?(\w+)(?: by (\w+))?(?: in (postgres|sqlite))?: (.+)$`)
	createIndex = regexp.MustCompile(`(?i)^CREATE (UNIQUE )?INDEX (\w+) ON (\w+)\b`)
)

// steps returns the steps of all files.
func (s Set) steps() ([]step, error) {
	var all []step
	for _, file := range s.Steps {
		text, err := fs.ReadFile(s.Files, file)
		if err != nil {
			return nil, err
		}
		of, err := s.parse(file, string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, of...)
	}
	return all, nil
}

func (s Set) parse(file, text string) ([]step, error) {
	var steps []step
	var body strings.Builder
	end := func() error {
		statements := strings.TrimSpace(body.String())
		body.Reset()
		if len(steps) == 0 {
			if statements != "" {
				return fmt.Errorf("a statement before the first step, which begins with a line such as `-- change TABLE: its effect`: %.40q", statements)
			}
			return nil
		}
		last := &steps[len(steps)-1]
		last.sql = statements
		return last.check()
	}
	for line := range strings.Lines(text) {
		m := begins.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			if !strings.HasPrefix(strings.TrimSpace(line), "--") {
				body.WriteString(line)
			}
			continue
		}
		if err := end(); err != nil {
			return nil, err
		}
		next := step{name: fmt.Sprintf("%s/%d", baseName(file), len(steps)+1), kind: Kind(m[1]), index: m[2], table: m[3], in: m[5], what: m[6]}
		if m[4] != "" {
			if next.fill = s.Fills[m[4]]; next.fill == nil {
				return nil, fmt.Errorf("%s: no function %q", next.name, m[4])
			}
		}
		steps = append(steps, next)
	}
	return steps, end()
}

// check refuses a step that differs from its line.
func (s step) check() error {
	index := createIndex.FindStringSubmatch(s.sql)
	switch {
	case s.kind == Index && (index == nil || index[2] != s.index || index[3] != s.table || strings.Count(s.sql, ";") > 1):
		return fmt.Errorf("%s: must be one CREATE INDEX %s ON %s", s.name, s.index, s.table)
	case s.kind != Index && s.index != "", s.kind != Filled && s.fill != nil, s.kind != Change && s.in != "":
		return fmt.Errorf("%s: the statements do not fit the step's line", s.name)
	case s.kind == Filled && (s.sql == "") == (s.fill == nil):
		return fmt.Errorf("%s: give statements or a function", s.name)
	case s.kind == Change && s.sql == "":
		return fmt.Errorf("%s: no statement", s.name)
	}
	return nil
}

// concurrently returns the statement that builds a step's index without blocking writes, on Postgres.
func (s step) concurrently() string {
	return createIndex.ReplaceAllString(s.sql, "CREATE ${1}INDEX CONCURRENTLY $2 ON $3")
}

// baseName is a file's name without folder and ending.
func baseName(file string) string {
	return strings.TrimSuffix(file[strings.LastIndexByte(file, '/')+1:], ".sql")
}
