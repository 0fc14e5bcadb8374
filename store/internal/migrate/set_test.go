package migrate_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/store/internal/migrate"
)

// A file that is not made of steps, or has one that is not what it says, is refused before anything is done.
func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, why := range map[string]string{
		"CREATE TABLE x (id BIGINT);":                                    "before the first step",
		"-- index a on x: why\nCREATE INDEX b ON x (id);":                "must be one CREATE INDEX a ON x",
		"-- index a on x: why\nCREATE INDEX a ON y (id);":                "must be one CREATE INDEX a ON x",
		"-- index a on x: why\nCREATE INDEX a ON x (id);\nDROP TABLE y;": "must be one CREATE INDEX a ON x",
		"-- change a on x: why\nALTER TABLE x ADD COLUMN y BIGINT;":      "do not fit the step's line",
		"-- change x by size: why\nALTER TABLE x ADD COLUMN y BIGINT;":   "do not fit the step's line",
		"-- change x: why": "no statement",
		"-- fill x: why":   "statements or a function",
		"-- fill x by size: why\nUPDATE x SET y = 1;":                       "statements or a function",
		"-- fill x by nobody: why":                                          `no function "nobody"`,
		"-- change x: why\nALTER TABLE x ALTER COLUMN y TYPE TEXT;":         "may take long, or removes something",
		"-- change x: why\nALTER TABLE x DROP COLUMN y;":                    "may take long, or removes something",
		"-- change x: why\nDROP TABLE x;":                                   "may take long, or removes something",
		"-- change x: why\nUPDATE x SET y = 1;":                             "may take long, or removes something",
		"-- change x: why\nCREATE INDEX a ON x (id);":                       "may take long, or removes something",
		"-- change x: why\nALTER TABLE x ADD COLUMN y BIGINT NOT NULL;":     "may take long, or removes something",
		"-- change x: why\nALTER TABLE x ADD COLUMN y BIGINT REFERENCES z;": "may take long, or removes something",
		"-- change x: why\nALTER TABLE x ADD COLUMN y BIGINT UNIQUE;":       "may take long, or removes something",
		"-- change x: why\nALTER TABLE x ADD COLUMN y BIGINT DEFAULT f();":  "may take long, or removes something",
	} {
		set := migrate.Set{Files: fstest.MapFS{"0002_x.sql": {Data: []byte(text)}}, Steps: []string{"0002_x.sql"}, Fills: map[string]migrate.Fill{"size": size}}
		require.ErrorContains(t, set.Lint(), why, text)
	}
	require.NoError(t, after(size).Lint())
}
