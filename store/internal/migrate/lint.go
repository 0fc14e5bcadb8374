package migrate

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	createTable = regexp.MustCompile(`(?is)^CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(`)
	addColumn   = regexp.MustCompile(`(?i)^ALTER TABLE (\w+) ADD COLUMN (\w+) (TEXT|BIGINT|BOOLEAN|BYTEA|DOUBLE PRECISION)( NOT NULL)?( DEFAULT (-?\d+|'[^']*'|true|false))?$`)
	comment     = regexp.MustCompile(`--[^\n]*`)
	// body is what a function or a trigger does, later.
	body   = regexp.MustCompile(`(?s)\$\$.*?\$\$|\bBEGIN\n.*?\nEND\b`)
	coded  = regexp.MustCompile(`(?i)^CREATE (VIEW|FUNCTION|TRIGGER) `)
	newest = regexp.MustCompile(`(?i)^INSERT INTO \w+ \([\w, ]+\) SELECT '\w+', COALESCE\(MAX\(id\), 0\), 0 FROM \w+$`)
)

// Lint refuses a file that is not made of steps, and a change whose time may depend on the rows, that checks the
// contents of rows, or that removes something that the previous release uses.
func (s Set) Lint() error {
	steps, err := s.steps()
	if err != nil {
		return err
	}
	for _, x := range steps {
		if x.kind != Change {
			continue
		}
		made := map[string]bool{}
		for _, statement := range strings.Split(body.ReplaceAllString(comment.ReplaceAllString(x.sql, ""), ""), ";") {
			statement = strings.Join(strings.Fields(statement), " ")
			table, index, column := createTable.FindStringSubmatch(statement), createIndex.FindStringSubmatch(statement), addColumn.FindStringSubmatch(statement)
			switch {
			case statement == "", index != nil && made[index[3]]:
			case x.in != "" && (coded.MatchString(statement) || newest.MatchString(statement)):
			case table != nil:
				made[table[1]] = true
			case column != nil && (column[4] == "" || column[5] != ""):
			default:
				return fmt.Errorf("%s: may take long, or removes something: %s", x.name, statement)
			}
		}
	}
	return nil
}
