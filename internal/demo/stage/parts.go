package stage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/demo"
	"github.com/verdict-dev/verdict/internal/demo/stdlibqa"
	"github.com/verdict-dev/verdict/internal/demo/user"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/openai"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/storeworker"
	"go.temporal.io/sdk/client"
)

// Process has the resources of a process of a demo: it gets its input on its standard input, which closes when its
// parent is gone, and prints READY on its standard output.
type Process struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// take reads the input of the process and runs it until its parent is gone.
func (p Process) take(ctx context.Context, run func(ctx context.Context, in input, ready func(any) error) error) error {
	from := bufio.NewReader(p.Stdin)
	line, err := from.ReadBytes('\n')
	if err != nil {
		return errors.New("this command is a part of a demo")
	}
	var told input
	if err := json.Unmarshal(line, &told); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, from)
	}()
	return run(ctx, told, func(answer any) error {
		data, err := json.Marshal(answer)
		if err == nil {
			_, err = fmt.Fprintf(p.Stdout, "READY %s\n", data)
		}
		return err
	})
}

// input is the input of the processes of a demo.
type input struct {
	Address, Namespace, UI string
	Connection             []string // flags that say how to connect, in addition to the environment
	DB, Listen, Secret     string
	Users, Receiver        string
	Experiment             string
	Null                   bool
	Seed                   int64
	JudgeURL, JudgeModel   string
	JudgeKey               string
}

// Worker is the process that opens the store, receives webhooks, and works for the demo's workflow.
func Worker(ctx context.Context, p Process, connect func(*slog.Logger) (client.Options, error)) error {
	return p.take(ctx, func(ctx context.Context, in input, ready func(any) error) error {
		return p.work(ctx, in, connect, ready)
	})
}

func (p Process) work(ctx context.Context, in input, connect func(*slog.Logger) (client.Options, error), ready func(any) error) (err error) {
	db, err := sqlite.Open(ctx, in.DB)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	exp, err := demo.Retrievers(in.Experiment)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	connection, err := connect(logger)
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
func answerJudge(in input) (judges.Judge, error) {
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

// User is the process that plays the users.
func User(ctx context.Context, p Process) error { return p.take(ctx, users) }

func users(ctx context.Context, in input, ready func(any) error) error {
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
