package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/internal/demo/stage"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// newDemoCommand is `starter demo`.
func newDemoCommand(s *starter) *cobra.Command {
	var d stage.Options
	return s.command(&cobra.Command{
		Use:   "demo",
		Short: "Run an experiment from assignment to winner, on a Temporal server of its own if there is none",
		Long: `Asks questions about the Go standard library, answers each with one of two retrievers, and waits for the users'
opinions of the answers: some answer at once, some late, some twice, some never. It ends with the report.

The embedded Temporal server is built once, which takes about 5 minutes on two cores.`,
	}, settings{
		{flag: "runs", fallback: "300", kind: "n", usage: "questions to ask", read: demoRuns(&d.Runs)},
		{flag: "seed", fallback: "1", kind: "n", usage: "which questions, and who answers when", read: wholeOf(&d.Seed)},
		{flag: "null", fallback: "false", kind: "bool", usage: "the same retriever on both sides: there is nothing to find", read: boolOf(&d.Null)},
		{flag: "db", fallback: "", kind: "file", usage: "keep the scores in this SQLite file; default: a file that is removed at the end", mask: maskDatabase, read: demoFile(&d.DB)},
		{flag: "keep", fallback: "false", kind: "bool", usage: "stay up at the end, to look around, until Ctrl-C", read: boolOf(&d.Keep)},
		{flag: "judge-url", fallback: "", kind: "URL", usage: "ask the language model at this OpenAI-compatible base URL about each answer too", mask: maskURL, read: func(t string) error {
			if t == "" {
				return nil // no judge
			}
			return urlOf(&d.JudgeURL)(t)
		}},
		{flag: "judge-model", fallback: "gpt-5.4-mini", kind: "name", usage: "the model's name; its key is read from OPENAI_API_KEY", read: nonEmpty(&d.JudgeModel)},
	}, func(ctx context.Context, _ []string) error {
		if err := s.connectDemo(&d); err != nil {
			return err
		}
		return stage.Run(ctx, d)
	})
}

// demoRuns reads how many questions to ask.
func demoRuns(to *int) func(string) error {
	return func(t string) error {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 {
			return errors.New("must be a whole number from 1")
		}
		*to = n
		return nil
	}
}

// demoFile reads where the scores are kept: in a file, which the demo's processes share.
func demoFile(to *string) func(string) error {
	return func(t string) error {
		if t == "" {
			return nil // a file that is removed at the end
		}
		if path, err := sqlite.Path(t); isPostgres(t) || (err == nil && path == "") {
			return errors.New("must be the path of a SQLite file: the demo's processes share it")
		}
		return databaseOf(to)(t)
	}
}

// connectDemo sets how a demo reaches Temporal and where its results go.
func (s *starter) connectDemo(d *stage.Options) error {
	env := environ(s.Environ)
	o, err := s.conn.options(env, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	d.Address, d.Namespace, d.Connection = s.conn.address, s.conn.namespace, s.conn.given()
	if s.conn.inFile["address"] && d.Address == "" {
		d.Address, d.Namespace = o.HostPort, o.Namespace
	}
	d.Dial = func(ctx context.Context, address, namespace string) (client.Client, error) {
		_ = s.conn.flags.Set("address", address)
		_ = s.conn.flags.Set("namespace", namespace)
		c, _, err := s.dial(ctx)
		return c, err
	}
	d.Getenv = func(name string) string { v, _ := env.LookupEnv(name); return v }
	d.JudgeKey = d.Getenv("OPENAI_API_KEY")
	d.Print = func(r report.Report) error {
		return s.print(r, func(w io.Writer) error { return display.Text(w, r) })
	}
	d.Stderr = s.Stderr
	return nil
}

// demoProcesses are the commands that a demo starts for itself.
func (s *starter) demoProcesses() []*cobra.Command {
	p := stage.Process{Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr}
	process := func(name string, run func(context.Context) error) *cobra.Command {
		return s.command(&cobra.Command{Use: name, Hidden: true}, nil, func(ctx context.Context, _ []string) error { return run(ctx) })
	}
	return []*cobra.Command{
		process("demo-worker", func(ctx context.Context) error {
			return stage.Worker(ctx, p, func(l *slog.Logger) (client.Options, error) { return s.conn.options(environ(s.Environ), l) })
		}),
		process("demo-user", func(ctx context.Context) error { return stage.User(ctx, p) }),
	}
}
