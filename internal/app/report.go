package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/internal/display/plot"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// csvOutput is a form that only a report has.
const csvOutput = "csv"

// connectLimit is how long a report waits for the server, which it can do without.
const connectLimit = 3 * time.Second

// reportCommand is `starter report`.
func (s *starter) reportCommand() *cobra.Command {
	var o report.Options
	var plots string
	return s.command(&cobra.Command{
		Use:   "report [experiment]",
		Short: "Show the results: by variant, by step, and the decision",
		Long: "Show the results: by variant, by step, and the decision.\n\n" +
			"With --output csv there is a line for each experiment, version, score, step and variant, at full precision. A cell is\n" +
			"empty where there is no value. The columns are, in this order:\n  " + strings.Join(display.Columns, ", ") + "\n\n" +
			"With --by day, build or attribute, and with --since or --until, it counts scores and runs, and decides nothing: no experiment\n" +
			"was planned for a part of its days, and neither builds nor attributes are randomised. Days are whole, and in UTC.\n\n" +
			"With --build and --against it compares two builds of a worker on every score, over the hours in which both ran: of the last\n" +
			"seven days, or from --since to --until, and of 200,000 runs at most. Nothing was randomised, so it decides nothing. Its columns are, with --output csv:\n  " +
			strings.Join(display.BuildColumns, ", ") + "\n\n" +
			"With --plot it writes sequence and forest, each as .svg and .png, to DIR/<experiment>/<version>: how the variants\n" +
			"differed from the control as units matured, and how they differ now in every metric.",
		Example: `  starter report
  starter report retriever --by step --output json
  starter report --by day --since 168h
  starter report --by attribute=prompt
  starter report --build 2.4.0 --against 2.3.1 --since 48h
  starter report retriever --output csv > retriever.csv
  starter report retriever --plot plots
  starter report --session customer=42`,
		Args: atMostOne,
	}, settings{
		{flag: "output", short: "o", fallback: "text", kind: "text|json|csv", usage: "form of the results", read: oneOf(&s.output, "text", "json", csvOutput)},
		s.database(),
		{flag: "by", kind: "variant|step|day|build|attribute=KEY", usage: "only scores of runs, or of steps; or counts by day, build or an attribute of runs", read: byOf(&o.By)},
		{flag: "since", kind: "DAY|duration", usage: "only counts, or runs of builds, since a day (2026-03-01), or of the last days (168h)", read: dayOf(&o.Since)},
		{flag: "until", kind: "DAY|duration", usage: "only counts, or runs of builds, before a day, or up to some time ago", read: dayOf(&o.Until)},
		{flag: "build", kind: "BUILD", usage: "compare this build of a worker, on every score", read: textOf(&o.Build)},
		{flag: "against", kind: "BUILD", usage: "the build that it is compared with", read: textOf(&o.Against)},
		{flag: "metric", kind: "SCORE", usage: "the score that a decision is about, where the report would have to guess", read: textOf(&o.Metric)},
		{flag: "control", kind: "VARIANT", usage: "the variant that the others are compared with (default the one with the lowest mean)", read: textOf(&o.Control)},
		{flag: "plot", kind: "DIR", usage: "directory to write plots to", read: textOf(&plots)},
		{flag: "session", kind: "KEY=ID", usage: "only runs and scores of a session", read: sessionOf(&o.Session)},
	}, func(ctx context.Context, args []string) error {
		o.Now, o.Sequences = time.Now(), plots != ""
		if len(args) == 1 {
			o.Experiment = args[0]
		}
		return s.withStore(ctx, func(db store.Store) error { return s.report(ctx, db, o, plots) })
	})
}

func (s *starter) report(ctx context.Context, db store.Store, o report.Options, plots string) error {
	connect, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	builds := o.Build != "" || o.Against != ""
	if builds {
		cancel() // the server has nothing to say of them
	} else if c, connection, err := s.dial(connect); err == nil {
		defer c.Close()
		o = o.WithTemporal(c, connection.Namespace)
	}
	// Where no worker keeps the store nobody adds counts up. It changes no figure, so a database that takes no writes is no obstacle.
	_, _ = db.FoldCounts(ctx)
	r, err := report.Build(ctx, db, o)
	if errors.Is(err, store.ErrNotFound) {
		return s.noExperiment(ctx, db, o.Experiment)
	}
	if invalid := new(scoring.InvalidError); builds && errors.As(err, &invalid) {
		return usage("--%s: %s", invalid.Field, invalid.Reason)
	}
	if err != nil {
		return err
	}
	if o.Ask == nil && len(r.Unflushed) > 0 {
		fmt.Fprintln(s.Stderr, "the Temporal server does not answer: whether runs are still open is not known")
	}
	if plots != "" {
		if err := s.plot(r, plots); err != nil {
			return err
		}
	}
	if s.output == csvOutput {
		return display.CSV(s.Stdout, r)
	}
	return s.print(r, func(w io.Writer) error { return display.Text(w, r) })
}

// plot writes the figures of each experiment, and says where.
func (s *starter) plot(r report.Report, dir string) error {
	for _, e := range r.Experiments {
		to := filepath.Join(dir, fileName(e.Name), fileName(e.Version))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		for _, figure := range []struct {
			name string
			plot.Figure
		}{{"sequence", plot.Sequence(e, r.AsOf)}, {"forest", plot.Forest(e, r.AsOf)}} {
			for kind, write := range map[string]func() ([]byte, error){"svg": figure.SVG, "png": figure.PNG} {
				data, err := write()
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(to, figure.name+"."+kind), data, 0o644); err != nil {
					return err
				}
			}
		}
		fmt.Fprintf(s.Stderr, "plots: %s\n", to)
	}
	return nil
}

// fileName turns a name into one that every file system takes: it leads to no other directory, and stays unique.
func fileName(name string) string {
	name = strings.NewReplacer("%", "%25", "/", "%2F", `\`, "%5C", ":", "%3A", "*", "%2A", "?", "%3F", `"`, "%22", "<", "%3C", ">", "%3E", "|", "%7C").Replace(name)
	if rest, ok := strings.CutPrefix(name, "."); ok {
		return "%2E" + rest
	}
	return name
}

// noExperiment names the experiments that exist.
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
	return usage("no experiment %q; the store has %s", name, strings.Join(names, ", "))
}

// byOf takes the tables to show.
func byOf(to *report.By) func(string) error {
	return func(t string) error {
		if *to = report.By(t); !to.Valid() {
			return errors.New("must be one of variant, step, day, build, attribute=KEY")
		}
		return nil
	}
}

// dayOf takes a day, how long ago it was, or nothing.
func dayOf(to *time.Time) func(string) error {
	return func(t string) (err error) {
		if *to = (time.Time{}); t == "" {
			return nil
		}
		if ago, err := time.ParseDuration(t); err == nil && ago > 0 {
			*to = time.Now().Add(-ago)
			return nil
		}
		if *to, err = time.Parse(time.DateOnly, t); err != nil {
			return errors.New("must be a day, such as 2026-03-01, or how long ago, such as 168h")
		}
		return nil
	}
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
