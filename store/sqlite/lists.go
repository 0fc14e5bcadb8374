package sqlite

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/verdict-dev/verdict/store/internal/sqlstore"
)

// SQLite takes a list as JSON, with bytes in hexadecimal.

// isOneOf implements sqlstore.Lists.In.
func isOneOf(n int, kind sqlstore.Kind, values []any) (condition string, arg any) {
	value := "value"
	if kind == sqlstore.Blobs {
		value = "unhex(value)"
	}
	return fmt.Sprintf("IN (SELECT %s FROM json_each($%d))", value, n), text(column(kind, values))
}

// unnested implements sqlstore.Lists.Rows.
func unnested(n int, kinds []sqlstore.Kind, rows [][]any) (table string, args []any) {
	columns := make([]string, len(kinds))
	for i, kind := range kinds {
		columns[i] = fmt.Sprintf("value ->> %d AS c%d", i, i+1)
		if kind == sqlstore.Blobs {
			columns[i] = fmt.Sprintf("unhex(value ->> %d) AS c%d", i, i+1)
		}
	}
	encoded := make([][]any, len(rows))
	for i, row := range rows {
		encoded[i] = make([]any, len(row))
		for j, v := range row {
			encoded[i][j] = element(kinds[j], v)
		}
	}
	return fmt.Sprintf("(SELECT %s FROM json_each($%d)) AS x", strings.Join(columns, ", "), n), []any{text(encoded)}
}

func column(kind sqlstore.Kind, values []any) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = element(kind, v)
	}
	return all
}

func element(kind sqlstore.Kind, v any) any {
	if b, ok := v.([]byte); ok && kind == sqlstore.Blobs {
		return hex.EncodeToString(b)
	}
	return v
}

// text is JSON: only texts, finite numbers and booleans are in it.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("verdict: a list is not JSON: %v", err))
	}
	return string(data)
}
