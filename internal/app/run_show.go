package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// runShow is `starter run show`.
func (s *starter) runShow() *cobra.Command {
	var namespace string
	const use = "show WORKFLOW-ID [RUN-ID]"
	return s.command(&cobra.Command{
		Use:     use,
		Short:   "Show everything that the store knows of a run: scores with their reasons, assignments, what waits until when",
		Example: "  starter run show order-7\n  starter run show order-7 4c1f3c3e-8e0b-4a9b-8c55-7c1d1f0f5f60 -o json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage("%s: %d arguments; without a run id it is the newest run of the workflow id", use, len(args))
			}
			return nil
		},
	}, settings{
		s.database(),
		{flag: "run-namespace", kind: "string", usage: "namespace of the run, where several have it", read: textOf(&namespace)},
	}, func(ctx context.Context, args []string) error {
		run := scoring.Run{Namespace: namespace, WorkflowID: args[0]}
		if len(args) == 2 {
			run.RunID = args[1]
		}
		return s.withStore(ctx, func(db store.Store) error {
			if run.RunID == "" {
				newest, err := db.Runs(ctx, store.RunFilter{Run: run, Newest: true, Limit: 1})
				if err != nil {
					return err
				}
				if len(newest) > 0 {
					run = newest[0].Run
				}
			}
			v, err := db.RunView(ctx, run)
			switch {
			case errors.Is(err, store.ErrNotFound):
				return fmt.Errorf("the store knows no run %s of %s", cmp.Or(run.RunID, "at all"), run.WorkflowID)
			case errors.Is(err, store.ErrAmbiguous):
				return fmt.Errorf("several namespaces have this run: name one with --run-namespace")
			case err != nil:
				return err
			}
			return s.print(v, func(w io.Writer) error { return writeRun(w, v) })
		})
	})
}

func writeRun(w io.Writer, v store.RunView) error {
	f := v.Facts
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "run\t%s\n", f.Run)
	for _, line := range [][2]string{
		{"type", f.WorkflowType}, {"started", shortTime(f.StartedAt)}, {"closed", strings.TrimSpace(shortTime(f.ClosedAt) + " " + string(f.Status))},
		{"failed with", strings.TrimSpace(f.FailureType + " " + f.FailingStep)}, {"build", f.BuildID}, {"keys", strings.Join(f.Keys, ", ")}, {"attributes", attributesText(f.Attributes)},
	} {
		if line[1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
		}
	}
	for _, session := range f.Sessions {
		fmt.Fprintf(t, "session\t%s=%s\n", session.Key, session.ID)
	}
	for _, a := range v.Assignments {
		fmt.Fprintf(t, "assigned\t%s@%s: %s (%s", a.Experiment, a.Version, a.Variant, a.By)
		if p, ok := a.Probabilities[a.Variant]; ok {
			fmt.Fprintf(t, ", probability %.3g", p)
		}
		fmt.Fprintln(t, ")"+when(a.Superseded, ", reset away")+when(a.Unserved, ", not served"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(v.Scores) > 0 {
		fmt.Fprintln(w)
		if err := writeScores(w, v.Scores); err != nil {
			return err
		}
	}
	if len(v.Waiting) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nwaits for")
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, e := range v.Waiting {
		var events []string
		for _, event := range e.Events {
			events = append(events, event.Name+" "+event.Key)
		}
		fmt.Fprintf(t, "  %s\t%s\tuntil %s\n", e.Scorer, strings.Join(events, ", "), cmp.Or(shortTime(e.Window.Until), "it comes"))
	}
	return t.Flush()
}

func attributesText(all []scoring.Attribute) string {
	texts := make([]string, len(all))
	for i, a := range all {
		if texts[i] = a.Key + "=" + a.Value; a.After {
			texts[i] += " (said after the assignment)"
		}
	}
	return strings.Join(texts, ", ")
}
