package sqlstore

import (
	"context"
	"slices"
	"strings"
)

// namespaces are the Temporal namespaces that have received an outcome, a line each; none: it counts in all of them.
type namespaces string

func (n namespaces) has(name string) bool {
	return n == "" || name == "" || slices.Contains(strings.Split(string(n), "\n"), name)
}

// admit returns the expectations of runs in these namespaces.
func (n namespaces) admit(waiters []waiter) []waiter {
	if n == "" {
		return waiters
	}
	return slices.DeleteFunc(slices.Clone(waiters), func(w waiter) bool { return !n.has(w.e.Run.Namespace) })
}

// nullable is n as a column has it.
func (n namespaces) nullable() any {
	if n == "" {
		return nil
	}
	return string(n)
}

// receivedElsewhere tells whether a duplicate is the first delivery of its outcome in its namespace, and then notes that. The
// event's locks are held.
func (t txn) receivedElsewhere(ctx context.Context, a *arrival) (bool, error) {
	row, found, err := one(ctx, t.tx, scanOutcome, selectOutcome+` WHERE o.outcome = $1`, a.ID)
	if err != nil || !found || a.in == "" || row.namespaces.has(string(a.in)) || row.Event() != a.Outcome.Event() {
		return false, err
	}
	a.id, a.receipt.Outcome = row.id, row.Outcome
	a.Outcome = row.Outcome
	return true, t.exec(ctx, `UPDATE outcomes SET namespaces = $2, deliveries = deliveries + 1 WHERE id = $1`, row.id, string(row.namespaces)+"\n"+string(a.in))
}
