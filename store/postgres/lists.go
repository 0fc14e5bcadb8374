package postgres

import (
	"fmt"
	"strings"

	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// Postgres takes a list as an array, and a table of rows as an array a column.

// isOneOf implements sqlstore.Lists.In.
func isOneOf(n int, kind sqlstore.Kind, values []any) (condition string, arg any) {
	return fmt.Sprintf("= ANY($%d::%s)", n, arrayType(kind)), array(kind, values)
}

// unnested implements sqlstore.Lists.Rows.
func unnested(n int, kinds []sqlstore.Kind, rows [][]any) (table string, args []any) {
	arrays := make([]string, len(kinds))
	for i, kind := range kinds {
		column := make([]any, len(rows))
		for j, row := range rows {
			column[j] = row[i]
		}
		arrays[i] = fmt.Sprintf("$%d::%s", n+i, arrayType(kind))
		args = append(args, array(kind, column))
	}
	return "unnest(" + strings.Join(arrays, ", ") + ") AS x(" + sqlstore.Columns(len(kinds)) + ")", args
}

func arrayType(kind sqlstore.Kind) string {
	return [...]string{sqlstore.Ints: "bigint[]", sqlstore.Texts: "text[]", sqlstore.Blobs: "bytea[]", sqlstore.Reals: "float8[]", sqlstore.Flags: "boolean[]"}[kind]
}

// array returns values as a slice that pgx knows.
func array(kind sqlstore.Kind, values []any) any {
	switch kind {
	case sqlstore.Texts:
		return sliceOf[string](values)
	case sqlstore.Reals:
		return sliceOf[float64](values)
	case sqlstore.Flags:
		return sliceOf[bool](values)
	case sqlstore.Blobs:
		blobs := make([][]byte, len(values))
		for i, v := range values {
			blobs[i], _ = v.([]byte)
		}
		return blobs
	}
	ints := make([]*int64, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case int64:
			ints[i] = &v
		case int:
			n := int64(v)
			ints[i] = &n
		}
	}
	return ints
}

func sliceOf[T any](values []any) []*T {
	all := make([]*T, len(values))
	for i, v := range values {
		if v, ok := v.(T); ok {
			all[i] = &v
		}
	}
	return all
}
