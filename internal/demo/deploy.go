package demo

import (
	"context"
	"errors"
	"io"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/demo/stdlibqa"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/store"
)

// WorkflowType is the name of the workflow.
const WorkflowType = "Answer"

// Deployment is how a worker of the demo is deployed.
type Deployment struct {
	Client client.Client
	Store  store.Store
	// Users is the address at which answers are shown.
	Users string
	// Experiment is the experiment's name; Null puts the same retriever on both sides.
	Experiment string
	Null       bool
	// Judge, if not nil, judges every answer.
	Judge judges.Judge
	// SearchAttributes is the plugin's.
	SearchAttributes bool
}

// Start starts the worker. Stop it before the client and the store that it uses.
func Start(ctx context.Context, d Deployment) (stop func(), err error) {
	corpus, err := stdlibqa.Load(ctx, stdlibqa.Options{})
	if err != nil {
		return nil, err
	}
	ranked, err := stdlibqa.NewBM25(ctx, corpus)
	if err != nil {
		return nil, err
	}
	exp, err := Retrievers(d.Experiment)
	if err != nil {
		return nil, errors.Join(err, ranked.Close())
	}
	cfg := verdict.Config{
		Scorers: []verdict.ScorerDefinition{Rated, Judged}, Store: d.Store,
		SearchAttributes: d.SearchAttributes, Client: d.Client,
	}
	if d.Judge != nil {
		cfg.Judges = []judges.Judge{d.Judge}
	}
	w := worker.New(d.Client, TaskQueue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
	w.RegisterWorkflowWithOptions(Answering{Experiment: exp, Judging: d.Judge != nil, Null: d.Null}.Answer,
		workflow.RegisterOptions{Name: WorkflowType})
	w.RegisterActivity(&Activities{
		Corpus: corpus, Users: d.Users,
		Retrievers: map[string]stdlibqa.Retriever{substring: stdlibqa.NewSubstring(corpus), bm25: ranked},
	})
	if err := w.Start(); err != nil {
		return nil, errors.Join(err, ranked.Close())
	}
	return func() {
		w.Stop()
		_ = io.Closer(ranked).Close()
	}, nil
}
