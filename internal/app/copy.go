package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/store/copier"
)

// copyResult is what `starter copy` copied.
type copyResult struct {
	From   string          `json:"from"`
	To     string          `json:"to"`
	Tables []copier.Copied `json:"tables"`
}

// copyCommand is `starter copy`.
func (s *starter) copyCommand() *cobra.Command {
	var from, to string
	return s.command(&cobra.Command{
		Use:   "copy --from verdict.db --to postgres://…",
		Short: "Copy a store into an empty database",
		Long: `Copy a store into an empty database, of the same kind or the other one, and print the number of rows of each table.
Rows keep their order and their ids. Either all rows arrive or none.

First stop every worker that has the store open; afterwards let them open the copy. Scorers that wait continue as before,
and writes that Temporal holds meanwhile are recorded then. If anything writes to the store during the copy, the copy
fails and the target stays empty.

The source must have this release's schema; starter migrate brings it up to date. An empty target gets the schema.`,
	}, settings{
		{flag: "from", kind: "string", mask: maskDatabase, usage: "the store: " + databaseForms, read: databaseOf(&from)},
		{flag: "to", kind: "string", mask: maskDatabase, usage: "an empty database, or the path of a new file", read: databaseOf(&to)},
	}, func(ctx context.Context, _ []string) error {
		switch {
		case from == "":
			return usage("--from must name the store to copy")
		case to == "":
			return usage("--to must name the database to copy to")
		}
		r := copyResult{From: maskDatabase(from), To: maskDatabase(to), Tables: []copier.Copied{}}
		err := copier.Copy(ctx, from, to, func(c copier.Copied) {
			r.Tables = append(r.Tables, c)
			fmt.Fprintf(s.Stderr, "%s: %d rows\n", c.Table, c.Rows)
		})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return usage("no database at %s", r.From)
		case errors.Is(err, copier.ErrNotEmpty):
			return fmt.Errorf("%s is not empty: %w", r.To, err)
		case errors.Is(err, copier.ErrChanged):
			return fmt.Errorf("nothing is copied: stop the workers that write to %s, and copy again: %w", r.From, err)
		case err != nil:
			return fmt.Errorf("copy %s to %s: %w", r.From, r.To, err)
		}
		return s.print(r, r.write)
	})
}

func (r copyResult) write(w io.Writer) (err error) {
	all := int64(0)
	line := func(rows int64, what string) {
		if err == nil {
			_, err = fmt.Fprintf(w, "%12d  %s\n", rows, what)
		}
	}
	for _, c := range r.Tables {
		all += c.Rows
		line(c.Rows, c.Table)
	}
	line(all, "in all")
	return err
}
