// Package sqlstore is the store over a SQL database: one implementation of store.Store, written in the SQL that SQLite
// and Postgres share, and a [Dialect] for where they part. The drivers' packages open the database and choose the
// dialect.
//
// Every write is one transaction that first takes the locks of everything that it will read, in one global order
// ([locks]). Rows that it reads after that cannot change before it commits: whichever of two writes comes second sees
// the first.
package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/internal/grouped"
)

// Dialect is where the databases part.
type Dialect struct {
	// Lock takes exclusive locks until the end of the transaction, in the order given. Nil where the database has one
	// writer at a time anyway.
	Lock func(ctx context.Context, tx Tx, keys []int64) error
	// Write runs one transaction. It may run op again if the database resolves a conflict against this transaction.
	Write func(ctx context.Context, op Op) error
	// Lists is how it takes many values at once.
	Lists Lists
	// Now is the database's clock, as an expression, in microseconds since 1970.
	Now string
	// ForUpdate ends a query that locks the rows that it returns. Empty where there is one writer.
	ForUpdate string
	// Snapshot are the options of a transaction that reads all as of one moment.
	Snapshot *sql.TxOptions
	// AwaitWrites waits until all transactions are over that write now. Nil where there is one writer.
	AwaitWrites func(ctx context.Context, read *sql.DB) error
	// Group lets one transaction receive several outcomes. A database whose Write does that by itself needs it not.
	Group bool
	// Single lets an INSERT or UPDATE of many rows be a statement for each: where a statement takes no round trip, a list of rows takes
	// longer to read than to send.
	Single bool
	// Close releases the database.
	Close func() error
	// Numbered goes before VALUES in an INSERT that gives rows their ids, and Renumber makes new ids follow the ids in a
	// table. Empty and nil: the database needs neither.
	Numbered string
	Renumber func(ctx context.Context, tx Tx, table string) error
}

// Op is the body of one transaction. When it fails, nothing of it is kept.
type Op func(ctx context.Context, tx Tx) error

// Tx is a running transaction; *sql.Tx is one.
type Tx interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Store implements store.Store. It is safe for concurrent use.
type Store struct {
	values  sync.Map // attributes whose value is known to be admitted
	read    *sql.DB
	q       querier // read, or one moment of it
	dialect Dialect
	arrived *grouped.Calls[incoming, store.Receipt] // nil unless the dialect groups
	said    *grouped.Calls[wording, kept]
}

var _ store.Store = (*Store)(nil)

// New returns the store whose reads go to read and whose writes go through the dialect. The schema must be there.
func New(read *sql.DB, d Dialect) *Store {
	s := &Store{read: read, q: read, dialect: d}
	s.said = &grouped.Calls[wording, kept]{Do: s.sayAll, Size: wording.size, Most: mostSaid}
	if d.Group {
		s.arrived = &grouped.Calls[incoming, store.Receipt]{Do: s.receiveAll, Size: incoming.size}
	}
	return s
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.read.PingContext(ctx); err != nil {
		return fmt.Errorf("verdict: the store does not answer: %w", err)
	}
	return Migrations.Check(ctx, s.read)
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.said.Close()
	if s.arrived != nil {
		s.arrived.Close()
	}
	return s.dialect.Close()
}

// txn is one running write.
type txn struct {
	tx      Tx
	dialect *Dialect
	touched *touched
}

// write runs fn in one transaction and returns its result. A caller that gives up waiting gets no result, though the
// transaction may still commit: every write may be repeated.
func write[T any](ctx context.Context, s *Store, what string, fn func(context.Context, txn) (T, error)) (T, error) {
	// The result has a place of its own, read only when the transaction is over: a caller that has given up shares
	// nothing with one that is still running.
	result := new(T)
	err := s.dialect.Write(ctx, func(ctx context.Context, tx Tx) error {
		v, err := fn(ctx, txn{tx, &s.dialect, &touched{}})
		*result = v
		return err
	})
	if err != nil {
		var zero T
		return zero, fmt.Errorf("verdict: %s: %w", what, err)
	}
	return *result, nil
}

// nothing is the result of a write that has none.
type nothing struct{}

// hold takes locks for the rest of the transaction. A transaction calls it once, before it reads the rows that it
// decides on.
func (t txn) hold(ctx context.Context, l locks) error {
	if t.dialect.Lock == nil || len(l) == 0 {
		return nil
	}
	return t.dialect.Lock(ctx, t.tx, l.sorted())
}

func (t txn) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.tx.ExecContext(ctx, query, args...)
	return err
}

// insert runs an INSERT that returns the id of its row.
func (t txn) insert(ctx context.Context, query string, args ...any) (int64, error) {
	id, _, err := one(ctx, t.tx, scanID, query, args...)
	return id, err
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect runs a query and returns what scan makes of each row.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// one is collect for a query of at most one row.
func one[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) (v T, found bool, err error) {
	all, err := collect(ctx, q, scan, query, args...)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// scanID scans a row of one id.
func scanID(rows *sql.Rows) (id int64, err error) {
	err = rows.Scan(&id)
	return id, err
}
