package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// scoresCommand is `starter scores`.
func (s *starter) scoresCommand() *cobra.Command {
	parent := parentOf("scores", "Look at scores: list")
	var f store.Filter
	var limit int
	list := s.command(&cobra.Command{
		Use: "list", Short: "List scores, newest first", Args: noArgs,
		Example: "  starter scores list --name quality --limit 20\n  starter scores list --workflow-id order-7 --history",
	}, settings{
		s.database(),
		{flag: "name", kind: "SCORE", usage: "only scores of this name", read: textOf(&f.Name)},
		{flag: "workflow-id", kind: "string", usage: "only scores of runs with this workflow id", read: textOf(&f.Run.WorkflowID)},
		{flag: "run-id", kind: "string", usage: "only scores of this run", read: textOf(&f.Run.RunID)},
		{flag: "session", kind: "KEY=ID", usage: "only scores of a session and its runs", read: sessionOf(&f.Session)},
		{flag: "experiment", kind: "NAME", usage: "only scores of runs in this experiment, by run; with --version", read: textOf(&f.Experiment)},
		{flag: "version", kind: "string", usage: "only of this version of the experiment", read: textOf(&f.Version)},
		{flag: "state", kind: "state", usage: "only scored, pending, expired, not_applicable or error; several with commas", read: statesOf(&f.States)},
		{flag: "since", kind: "DAY|duration", usage: "only what the store has learned of since a day (2026-03-01) or some time ago (24h)", read: dayOf(&f.Since)},
		{flag: "until", kind: "DAY|duration", usage: "only what it has learned of before a day, or up to some time ago", read: dayOf(&f.Until)},
		{flag: "history", kind: "bool", fallback: "false", usage: "every revision, the retracted ones included; with --workflow-id or --session", read: boolOf(&f.History)},
		{flag: "limit", kind: "n", fallback: "100", usage: "at most this many; 0: all", read: countOf(&limit, 0)},
	}, func(ctx context.Context, _ []string) error {
		if f.History && f.Run.WorkflowID == "" && f.Session.Key == "" {
			return usage("--history needs --workflow-id or --session")
		}
		f.Retracted, f.Superseded = f.History, f.History
		return s.withStore(ctx, func(db store.Store) error {
			scores, err := pages(limit, func(p store.Page) ([]scoring.Record, store.Cursor, error) { return db.ScorePage(ctx, f, p) })
			if err != nil {
				return err
			}
			return s.print(scores, func(w io.Writer) error { return writeOr(w, scores, "no scores", writeScores) })
		})
	})
	parent.AddCommand(list)
	return parent
}

func statesOf(to *[]scoring.State) func(string) error {
	return func(text string) error {
		for name := range strings.SplitSeq(text, ",") {
			state := scoring.State(name)
			if name == "" {
				continue
			}
			if !state.Valid() {
				return fmt.Errorf("%q is no state of a score", name)
			}
			*to = append(*to, state)
		}
		return nil
	}
}

// writeScores writes a line for each revision, with its run unless all are of one.
func writeScores(w io.Writer, scores []scoring.Record) error {
	one := !slices.ContainsFunc(scores, func(r scoring.Record) bool { return r.Run != scores[0].Run || r.OfSession() })
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "score\tvalue\tstep\tsource\tobserved\trevision\t"+when(!one, "workflow id\trun id\t")+"reason")
	for _, r := range scores {
		value := r.ValueText()
		if r.State != scoring.Scored {
			value = string(r.State)
		}
		value += when(r.Retracted, " (retracted)") + when(r.Superseded, " (reset away)")
		step, workflowID := cmp.Or(r.Step.Type, r.Step.ID), r.Run.WorkflowID
		if r.OfSession() {
			step, workflowID = scoring.SessionStep(r.Session.Key), r.Session.String()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s%s\n", r.Name, value, step, r.Source, shortTime(r.ObservedAt), r.Revision,
			when(!one, workflowID+"\t"+cmp.Or(r.Run.RunID, "-")+"\t"), strings.Join(strings.Fields(r.Reason), " "))
	}
	return t.Flush()
}
