package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// ErrNotEmpty: the target has rows.
var ErrNotEmpty = errors.New("verdict: the target is not empty")

// ErrChanged: something wrote to the source during the copy.
var ErrChanged = errors.New("verdict: the source was written to while it was copied")

// Copied describes the copy of one table.
type Copied struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// CopyTo copies all rows of s to an empty store of either kind, in one transaction: all of them or none. Rows keep
// their ids, and so their order. Nothing may write to either meanwhile: CopyTo reads s again afterwards and returns
// ErrChanged if it has changed; it reads the target as well, which must have the same rows. tell, if not nil, is called
// for each table.
func (s *Store) CopyTo(ctx context.Context, to *Store, tell func(Copied)) error {
	for _, each := range []struct {
		what string
		s    *Store
	}{{"from", s}, {"to", to}} {
		if err := Migrations.Exactly(ctx, each.s.read); err != nil {
			return scoring.Invalid(each.what, "%v", err)
		}
	}
	tables, err := tablesOf()
	if err != nil {
		return err
	}
	err = to.dialect.Write(ctx, func(writing context.Context, tx Tx) error {
		// The copy is a snapshot. A read outside this transaction finds out whether the source changes.
		moment, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return err
		}
		defer moment.Rollback() // it has only read
		c := copier{from: moment, to: tx, dialect: to.dialect, caller: ctx}
		for _, table := range tables {
			if err := c.empty(writing, table); err != nil {
				return err
			}
		}
		sums := make([]tableSum, len(tables))
		for i, table := range tables {
			if sums[i], err = c.copy(writing, table); err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
			if tell != nil {
				tell(Copied{table, sums[i].rows})
			}
		}
		if err := c.progress(writing); err != nil {
			return err
		}
		c.from = s.read
		for i, table := range tables {
			if err := c.compare(writing, table, sums[i]); err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("verdict: copy: %w", err)
	}
	return nil
}

var createTable = regexp.MustCompile(`(?m)^CREATE TABLE (\w+) \(`)

// tablesOf returns the tables that migrations make, each after the tables that it refers to.
func tablesOf() (tables []string, err error) {
	for _, name := range append(append([]string{}, Migrations.Base...), Migrations.Steps...) {
		text, err := fs.ReadFile(Migrations.Files, name)
		if err != nil {
			return nil, err
		}
		for _, m := range createTable.FindAllStringSubmatch(string(text), -1) {
			tables = append(tables, m[1])
		}
	}
	return tables, nil
}

// copier copies tables.
type copier struct {
	from    querier
	to      Tx
	dialect Dialect
	caller  context.Context // who may give up, which a transaction does not notice by itself
}

// maxArgs is how many arguments an INSERT has: SQLite takes 32,766.
const maxArgs = 10_000

// byTrigger tells whether triggers keep a table: they have, in the target, while the others were copied.
func (c copier) byTrigger(table string) bool {
	return table == "touches" || table == "counts" || table == "count_deltas" || table == "count_fills"
}

func (c copier) empty(ctx context.Context, table string) error {
	if table == "count_fills" {
		return nil // a new store has rows in it
	}
	_, there, err := one(ctx, c.to, scanID, `SELECT 1 FROM `+table+` LIMIT 1`)
	if err == nil && there {
		err = fmt.Errorf("%w: it has rows in %s", ErrNotEmpty, table)
	}
	return err
}

// copy copies a table and returns the sum of the rows that it read.
func (c copier) copy(ctx context.Context, table string) (sum tableSum, err error) {
	if c.byTrigger(table) { // these come after all others
		if _, err := c.to.ExecContext(ctx, `DELETE FROM `+table); err != nil {
			return sum, err
		}
	}
	columns, booleans, err := c.columns(ctx, table)
	if err != nil {
		return sum, err
	}
	numbered := isNumbered(columns)
	insert := `INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `)`
	if numbered {
		insert += c.dialect.Numbered
	}
	var args []any
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		_, err := c.to.ExecContext(ctx, insert+` VALUES `+places(len(args)/len(columns), len(columns)), args...)
		args = args[:0]
		return err
	}
	sum, err = sumOf(c.caller, c.from, table, columns, func(row []any) error {
		for i, v := range row {
			if n, ok := v.(int64); ok && booleans[i] {
				v = n != 0
			}
			args = append(args, v)
		}
		if len(args)+len(columns) > maxArgs {
			return flush()
		}
		return nil
	})
	if err != nil {
		return sum, err
	}
	if err := flush(); err != nil {
		return sum, err
	}
	if numbered && c.dialect.Renumber != nil {
		err = c.dialect.Renumber(ctx, c.to, table)
	}
	return sum, err
}

// isNumbered tells whether a table has a growing row id.
func isNumbered(columns []string) bool { return columns[0] == "id" }

// columns returns the columns of a table of the target, and which of them are booleans.
func (c copier) columns(ctx context.Context, table string) (names []string, booleans []bool, err error) {
	rows, err := c.to.QueryContext(ctx, `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, nil, err
	}
	for _, t := range types {
		names = append(names, t.Name())
		booleans = append(booleans, strings.HasPrefix(strings.ToUpper(t.DatabaseTypeName()), "BOOL"))
	}
	return names, booleans, rows.Err()
}

// places returns the VALUES of an INSERT of so many rows.
func places(rows, columns int) string {
	var b strings.Builder
	for r := range rows {
		for c := range columns {
			switch {
			case c > 0:
				b.WriteString(", ")
			case r > 0:
				b.WriteString("), (")
			default:
				b.WriteString("(")
			}
			fmt.Fprintf(&b, "$%d", r*columns+c+1)
		}
	}
	b.WriteString(")")
	return b.String()
}

// progress copies how far the fills of migrations are.
func (c copier) progress(ctx context.Context) error {
	type step struct {
		name     string
		position int64
	}
	steps, err := collect(ctx, c.from, func(rows *sql.Rows) (s step, err error) {
		err = rows.Scan(&s.name, &s.position)
		return s, err
	}, `SELECT name, position FROM verdict_steps`)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if _, err := c.to.ExecContext(ctx, `UPDATE verdict_steps SET position = $2 WHERE name = $1`, s.name, s.position); err != nil {
			return err
		}
	}
	return nil
}

// compare reads both sides of a table again.
func (c copier) compare(ctx context.Context, table string, want tableSum) error {
	columns, _, err := c.columns(ctx, table)
	if err != nil {
		return err
	}
	none := func([]any) error { return nil }
	source, err := sumOf(c.caller, c.from, table, columns, none)
	if err != nil {
		return err
	}
	if source != want {
		return ErrChanged
	}
	target, err := sumOf(ctx, c.to, table, columns, none)
	if err != nil {
		return err
	}
	if target != want {
		return fmt.Errorf("%d rows were read, and others arrived: %d", want.rows, target.rows)
	}
	return nil
}

// tableSum is the sum of the digests of all rows. Two tables with the same rows have the same sum, in any order of
// reading.
type tableSum struct {
	rows int64
	sum  [4]uint64
}

// sumOf reads a table.
func sumOf(ctx context.Context, q querier, table string, columns []string, each func(row []any) error) (sum tableSum, err error) {
	order := ""
	if isNumbered(columns) {
		order = ` ORDER BY id`
	}
	rows, err := q.QueryContext(ctx, `SELECT `+strings.Join(columns, ", ")+` FROM `+table+order)
	if err != nil {
		return sum, err
	}
	defer rows.Close()
	row, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return sum, err
		}
		if err := sum.add(row); err != nil {
			return sum, err
		}
		if err := each(row); err != nil {
			return sum, err
		}
	}
	return sum, rows.Err()
}

func (s *tableSum) add(row []any) error {
	h := sha256.New()
	put := func(kind byte, data []byte) {
		var n [9]byte
		n[0] = kind
		binary.BigEndian.PutUint64(n[1:], uint64(len(data)))
		h.Write(n[:])
		h.Write(data)
	}
	number := func(kind byte, v uint64) { put(kind, binary.BigEndian.AppendUint64(nil, v)) }
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			put(0, nil)
		case int64:
			number(1, uint64(v))
		case bool: // which one of the databases has as a number
			n := uint64(0)
			if v {
				n = 1
			}
			number(1, n)
		case float64:
			number(2, math.Float64bits(v))
		case string:
			put(3, []byte(v))
		case []byte:
			put(3, v)
		default:
			return fmt.Errorf("a column has a %T", v)
		}
	}
	s.rows++
	digest := h.Sum(nil)
	for i := range s.sum {
		s.sum[i] += binary.BigEndian.Uint64(digest[8*i:])
	}
	return nil
}
