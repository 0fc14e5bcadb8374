package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/internal/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// connectLimit is how long a report waits for the server, which it can do without.
const connectLimit = 3 * time.Second

// reportCommand is `starter report`.
func (s *starter) reportCommand() *cobra.Command {
	var o report.Options
	var by string
	return s.command(&cobra.Command{
		Use:   "report [experiment]",
		Short: "Show what the scores say: by variant, by step, and what is decided",
		Example: `  starter report
  starter report retriever --by step --output json
  starter report --session customer=42`,
		Args: atMostOne,
	}, settings{
		s.database(),
		{flag: "by", kind: "variant|step", usage: "only scores of runs, or only scores of steps", read: oneOf(&by, "", string(report.ByVariant), string(report.ByStep))},
		{flag: "metric", kind: "SCORE", usage: "the score that a decision is about, where the report would have to guess", read: textOf(&o.Metric)},
		{flag: "control", kind: "VARIANT", usage: "the variant that the others are compared with (default the first by name)", read: textOf(&o.Control)},
		{flag: "session", kind: "KEY=ID", usage: "only runs and scores of a session", read: sessionOf(&o.Session)},
	}, func(ctx context.Context, args []string) error {
		o.By, o.Now = report.By(by), time.Now()
		if len(args) == 1 {
			o.Experiment = args[0]
		}
		return s.withStore(ctx, func(db store.Store) error { return s.report(ctx, db, o) })
	})
}

func (s *starter) report(ctx context.Context, db store.Store, o report.Options) error {
	connect, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if c, _, err := s.dial(connect); err == nil {
		defer c.Close()
		o.Ask = report.AskTemporal(c)
	}
	r, err := report.Build(ctx, db, o)
	if errors.Is(err, store.ErrNotFound) {
		return s.noExperiment(ctx, db, o.Experiment)
	}
	if err != nil {
		return err
	}
	if o.Ask == nil && len(r.Unflushed) > 0 {
		fmt.Fprintln(s.Stderr, "the Temporal server does not answer: whether runs are still open is not known")
	}
	return s.print(r, func(w io.Writer) error { return r.WriteText(w) })
}

// noExperiment names those that there are.
func (s *starter) noExperiment(ctx context.Context, db store.Store, name string) error {
	keys, err := db.Experiments(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, k := range keys {
		names = append(names, k.Experiment)
	}
	if len(names) == 0 {
		return usage("no experiment %q: nothing has been assigned yet", name)
	}
	return usage("no experiment %q: there is %s", name, strings.Join(names, ", "))
}

// sessionOf takes KEY=ID, or nothing.
func sessionOf(to *scoring.Session) func(string) error {
	return func(t string) error {
		*to = scoring.Session{}
		if t == "" {
			return nil
		}
		key, id, ok := strings.Cut(t, "=")
		if !ok || key == "" || id == "" {
			return errors.New("must be KEY=ID, such as customer=42")
		}
		*to = scoring.Session{Key: key, ID: id}
		return nil
	}
}
