package sqlstore

import "fmt"

// Kind is the type of the elements of a list.
type Kind int

// The kinds. An element of any of them may be nil, for NULL.
const (
	Ints Kind = iota
	Texts
	Blobs
	Reals
	Flags
)

// Lists is how a database takes many values in one statement, whose text does not depend on how many they are.
type Lists struct {
	// In returns what follows an expression to ask whether it is in a list, and the list as argument number n.
	In func(n int, kind Kind, values []any) (condition string, arg any)
	// Rows returns a table for FROM, whose alias is x and whose columns are c1, c2 and so on, and its arguments, from
	// number n on.
	Rows func(n int, kinds []Kind, rows [][]any) (table string, args []any)
}

// in is Lists.In for a list of one type.
func in[T any](d Dialect, n int, kind Kind, values []T) (condition string, arg any) {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = v
	}
	return d.Lists.In(n, kind, all)
}

// rows is Lists.Rows from the first argument on.
func (t txn) rows(kinds []Kind, rows [][]any) (table string, args []any) {
	return t.dialect.Lists.Rows(1, kinds, rows)
}

// Columns returns "c1, c2, …", the names of n columns.
func Columns(n int) string {
	text := "c1"
	for i := 2; i <= n; i++ {
		text += fmt.Sprint(", c", i)
	}
	return text
}

// bound is a table of one row, whose columns are arguments.
func bound(n int) string {
	text := "(SELECT $1 AS c1"
	for i := 2; i <= n; i++ {
		text += fmt.Sprintf(", $%d AS c%d", i, i)
	}
	return text + ") AS x"
}
