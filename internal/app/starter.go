package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/store"
)

// starter has the parts that all commands of the command line share.
type starter struct {
	Options
	program string // its name: starter, or verdict
	conn    connection
	output  string
	timeout time.Duration
	queue   string // where the worker polls that opens the store
	db      string
	shared  settings
}

// RunStarter is the command line.
func RunStarter(ctx context.Context, o Options) error {
	s := &starter{Options: o, program: "starter"}
	return execute(ctx, s.commands(), o)
}

// RunVerdict is both programs in one: the commands of starter, and the worker as one more.
func RunVerdict(ctx context.Context, o Options) error {
	s := &starter{Options: o, program: "verdict"}
	root := s.commands()
	root.AddCommand(s.workerCommand())
	return execute(ctx, root, o)
}

// commands makes the command line.
func (s *starter) commands() *cobra.Command {
	s.shared = settings{
		{flag: "output", short: "o", fallback: "text", kind: "text|json", usage: "form of the results", read: oneOf(&s.output, "text", "json")},
		{flag: "command-timeout", fallback: "0", kind: "duration", usage: "limit for the whole command; 0: none", read: durationOf(&s.timeout)},
		{flag: "verdict-task-queue", env: "VERDICT_TASK_QUEUE", fallback: "verdict", kind: "string", usage: "task queue of the worker that records", read: nonEmpty(&s.queue)},
	}
	root := &cobra.Command{
		Use:   s.program,
		Short: "Score runs, deliver outcomes and read reports",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q for %q: `%s --help` lists the commands", maskArgument(args[0]), cmd.Name(), cmd.Name())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	s.conn.declare(root.PersistentFlags())
	s.shared.declare(root.PersistentFlags())
	root.AddCommand(s.demoProcesses()...)
	root.AddCommand(
		newDemoCommand(s), s.setupCommand(), s.runCommand(), s.outcomeCommand(), s.scoreCommand(),
		s.experimentCommand(), s.reportCommand(), s.ledgerCommand(), s.scoresCommand(), s.sessionsCommand(), s.reconcileCommand(), s.backfillCommand(), s.pruneCommand(), s.migrateCommand(), s.copyCommand(),
	)
	s.name(root)
	return root
}

// name puts the program's name into the texts of a command and its own.
func (s *starter) name(c *cobra.Command) {
	c.Long = strings.ReplaceAll(c.Long, "starter ", s.program+" ")
	c.Example = strings.ReplaceAll(c.Example, "starter ", s.program+" ")
	for _, own := range c.Commands() {
		s.name(own)
	}
}

// workerCommand runs the worker, which reads its own flags.
func (s *starter) workerCommand() *cobra.Command {
	run := func(ctx context.Context, args []string) error {
		o := s.Options
		o.Args = args
		return runWorkerProgram(ctx, o, s.program+" worker")
	}
	c := &cobra.Command{
		Use: "worker", Short: workerIs, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) },
	}
	c.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = run(context.Background(), []string{"--help"}) })
	return c
}

// command makes a command that runs do once the settings are read, within the command's timeout.
func (s *starter) command(c *cobra.Command, own settings, do func(ctx context.Context, args []string) error) *cobra.Command {
	own.declare(c.Flags())
	c.RunE = func(cmd *cobra.Command, args []string) error {
		all := append(append(settings{}, s.shared...), own...)
		if err := all.resolve(environ(s.Environ)); err != nil {
			return usageError{err}
		}
		ctx := cmd.Context()
		if s.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("not done within the --command-timeout of %s", s.timeout))
			defer cancel()
		}
		err := do(ctx, args)
		switch cause := context.Cause(ctx); {
		case err == nil || cause == nil:
			return err
		case errors.Is(cause, context.Canceled):
			return errors.New("interrupted")
		default:
			return cause
		}
	}
	if c.Args == nil {
		c.Args = noArgs
	}
	return c
}

// dial connects to Temporal. The caller closes the client.
func (s *starter) dial(ctx context.Context) (client.Client, client.Options, error) {
	o, err := s.conn.options(environ(s.Environ), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, o, err
	}
	c, err := dial(ctx, o)
	return c, o, err
}

// verdict connects to Temporal and returns the client of a service.
func (s *starter) verdict(ctx context.Context, tokenKeys []string) (*verdict.Client, func(), error) {
	c, _, err := s.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	return s.client(c, tokenKeys...), c.Close, nil
}

// client returns what a service has that is connected to Temporal.
func (s *starter) client(c client.Client, tokenKeys ...string) *verdict.Client {
	return verdict.NewClient(c, verdict.ClientOptions{StoreTaskQueue: s.queue, TokenKeys: bytesOf(tokenKeys)})
}

// database is the setting of the commands that read the store.
func (s *starter) database() *setting {
	return &setting{
		flag: "db", env: "VERDICT_DB", fallback: defaultDatabase, kind: "string", mask: maskDatabase,
		usage: "the worker's database: SQLite file, postgres:// URL, or keywords and values", read: databaseOf(&s.db),
	}
}

// withStore opens the database for the time of a reading.
func (s *starter) withStore(ctx context.Context, read func(store.Store) error) error {
	db, err := openExisting(ctx, s.db)
	if err != nil {
		return err
	}
	defer db.Close()
	return read(db)
}

// print writes a result in the form that was asked for.
func (s *starter) print(result any, text func(io.Writer) error) error {
	if s.output == "json" {
		e := json.NewEncoder(s.Stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(result)
	}
	return text(s.Stdout)
}

// printLine is print for a result that is one line of text.
func (s *starter) printLine(result any, format string, args ...any) error {
	return s.print(result, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	})
}
