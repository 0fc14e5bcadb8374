package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/demo"
	"github.com/verdict-dev/verdict/internal/demo/user"
	"github.com/verdict-dev/verdict/internal/stdlibqa"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/openai"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/storeworker"
)

// newDemoCommand is `starter demo`.
func newDemoCommand(s *starter) *cobra.Command {
	var d demoRun
	return s.command(&cobra.Command{
		Use:   "demo",
		Short: "Run an experiment from assignment to winner, on a Temporal server of its own if there is none",
		Long: `Asks questions about the Go standard library, answers each with one of two retrievers, and waits for what the users
think of the answers: some tell at once, some late, some twice, some never. Ends with what the scores say.

The embedded Temporal server is built once, which takes about 5 minutes on two cores.`,
	}, settings{
		{flag: "runs", fallback: "300", kind: "n", usage: "questions to ask", read: demoRuns(&d.Runs)},
		{flag: "seed", fallback: "1", kind: "n", usage: "which questions, and who answers when", read: wholeOf(&d.Seed)},
		{flag: "null", fallback: "false", kind: "bool", usage: "the same retriever on both sides: there is nothing to find", read: boolOf(&d.Null)},
		{flag: "db", fallback: "", kind: "file", usage: "keep the scores in this SQLite file; default: a file that is removed at the end", mask: maskDatabase, read: demoFile(&d.DB)},
		{flag: "keep", fallback: "false", kind: "bool", usage: "stay up at the end, to look around, until Ctrl-C", read: boolOf(&d.Keep)},
		{flag: "judge-url", fallback: "", kind: "URL", usage: "ask the language model at this OpenAI-compatible base URL about each answer too", mask: maskURL, read: func(t string) error {
			if t == "" {
				return nil // nobody is asked
			}
			return urlOf(&d.JudgeURL)(t)
		}},
		{flag: "judge-model", fallback: "gpt-4o-mini", kind: "name", usage: "the model's name; its key is read from OPENAI_API_KEY", read: nonEmpty(&d.JudgeModel)},
	}, func(ctx context.Context, _ []string) error {
		d.starter = s
		return d.run(ctx)
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

// demoProcesses are the processes of a demo. Each is told what it needs on its standard input, which also tells it when its
// parent is gone, and says READY on its standard output.
func (s *starter) demoProcesses() []*cobra.Command {
	process := func(name string, run func(ctx context.Context, in stageInput, ready func(any) error) error) *cobra.Command {
		return s.command(&cobra.Command{Use: name, Hidden: true}, nil, func(ctx context.Context, _ []string) error {
			in := bufio.NewReader(s.Stdin)
			line, err := in.ReadBytes('\n')
			if err != nil {
				return errors.New("this command is a part of `starter demo`")
			}
			var told stageInput
			if err := json.Unmarshal(line, &told); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(ctx)
			go func() {
				defer cancel()
				_, _ = io.Copy(io.Discard, in)
			}()
			return run(ctx, told, func(answer any) error {
				data, err := json.Marshal(answer)
				if err == nil {
					_, err = fmt.Fprintf(s.Stdout, "READY %s\n", data)
				}
				return err
			})
		})
	}
	return []*cobra.Command{process("demo-worker", s.demoWorker), process("demo-user", s.demoUser)}
}

// stageInput is what the processes of a demo are told.
type stageInput struct {
	Address, Namespace, UI string
	Connection             []string // flags that say how to connect, besides the environment
	DB, Listen, Secret     string
	Users, Receiver        string
	Experiment             string
	Null                   bool
	Seed                   int64
	JudgeURL, JudgeModel   string
	JudgeKey               string
}

// demoWorker is the process that opens the store, receives webhooks, and works for the demo's workflow.
func (s *starter) demoWorker(ctx context.Context, in stageInput, ready func(any) error) error {
	db, err := openStore(ctx, in.DB)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(s.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	exp, err := demo.Retrievers(in.Experiment)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	connection, err := s.conn.options(environ(s.Environ), logger)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	connection.HostPort, connection.Namespace = in.Address, in.Namespace
	svc, err := storeworker.Start(ctx, storeworker.Options{
		Client: connection,
		Store:  db, SearchAttributes: true, Listen: in.Listen, UI: in.UI,
		Webhooks: storeworker.Webhooks{Standard: []string{in.Secret}}, Logger: logger,
		Definitions: []*experiments.Experiment{exp},
	})
	if err != nil {
		return err
	}
	judge, err := answerJudge(in)
	if err != nil {
		return errors.Join(err, svc.Stop())
	}
	stop, err := demo.Start(ctx, demo.Deployment{
		Client: svc.Client(), Store: db, Users: in.Users, Experiment: in.Experiment, Null: in.Null,
		Judge: judge, SearchAttributes: true,
	})
	if err != nil {
		return errors.Join(err, svc.Stop())
	}
	defer func() { stop(); err = errors.Join(err, svc.Stop()) }()
	if err := ready(struct{}{}); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-svc.Failed():
		return err
	}
}

// answerJudge returns the language model that is asked about answers, or nil.
func answerJudge(in stageInput) (judges.Judge, error) {
	if in.JudgeURL == "" {
		return nil, nil
	}
	return openai.New(openai.Options{
		BaseURL: in.JudgeURL, APIKey: in.JudgeKey, Model: in.JudgeModel,
		Rubric: judges.Rubric{
			Name: demo.Judge,
			Instructions: "Does the Go symbol in the output do what the input describes? The expected symbol certainly does; " +
				"another one may do it as well.",
			Choices: map[string]float64{"yes": 1, "partly": 0.5, "no": 0}, MayAbstain: true,
		},
	})
}

// demoUser is the process that plays the users.
func (s *starter) demoUser(ctx context.Context, in stageInput, ready func(any) error) error {
	corpus, err := stdlibqa.Load(ctx, stdlibqa.Options{})
	if err != nil {
		return err
	}
	return user.Run(ctx, user.Options{
		Receiver: in.Receiver, Secret: in.Secret, Seed: in.Seed, Slowest: 6 * time.Second,
		Likes: func(shown user.Shown) bool {
			q, _ := corpus.Question(shown.Question)
			return stdlibqa.UserVerdict(q, shown.Hits, in.Seed)
		},
		Ready: func(address string) { _ = ready(address) },
	})
}
