package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// sessionShown is a session with its runs and scores.
type sessionShown struct {
	Session scoring.Session    `json:"session"`
	Runs    []scoring.RunFacts `json:"runs"`
	Scores  []scoring.Record   `json:"scores"`
}

// sessionsCommand is `starter sessions`.
func (s *starter) sessionsCommand() *cobra.Command {
	parent := parentOf("sessions", "Look at sessions: show")
	const use = "show KEY=ID"
	var limit int
	parent.AddCommand(s.command(&cobra.Command{
		Use: use, Short: "Show the runs and the scores of a session, newest first", Args: argumentsOf(use),
		Example: "  starter sessions show customer=42",
	}, settings{
		s.database(),
		{flag: "limit", kind: "n", fallback: "100", usage: "at most this many runs and scores; 0: all", read: countOf(&limit, 0)},
	}, func(ctx context.Context, args []string) error {
		var shown sessionShown
		if err := sessionOf(&shown.Session)(args[0]); err != nil {
			return usageError{err}
		}
		return s.withStore(ctx, func(db store.Store) (err error) {
			if shown.Runs, err = db.Runs(ctx, store.RunFilter{Session: shown.Session, Newest: true, Limit: limit}); err != nil {
				return err
			}
			shown.Scores, err = pages(limit, func(p store.Page) ([]scoring.Record, store.Cursor, error) {
				return db.ScorePage(ctx, store.Filter{Session: shown.Session}, p)
			})
			if err != nil {
				return err
			}
			return s.print(shown, func(w io.Writer) error { return writeSession(w, shown) })
		})
	}))
	return parent
}

func writeSession(w io.Writer, shown sessionShown) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "type\tstarted\tended\tworkflow id\trun id")
	for _, f := range shown.Runs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", f.WorkflowType, shortTime(f.StartedAt), cmp.Or(string(f.Status), "-"), f.Run.WorkflowID, f.Run.RunID)
	}
	write := func(io.Writer, []scoring.RunFacts) error { return t.Flush() }
	if err := writeOr(w, shown.Runs, "no runs", write); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return writeOr(w, shown.Scores, "no scores", writeScores)
}
