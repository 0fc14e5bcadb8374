package stage

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/demo"
	"github.com/verdict-dev/verdict/internal/demo/stdlibqa"
	"github.com/verdict-dev/verdict/internal/devserver"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/workflows"
)

// Options configure a demo.
type Options struct {
	Runs int   // questions to ask
	Seed int64 // which questions, and who answers when
	// Null puts the same retriever on both sides. Keep stays up at the end, until the context is done.
	Null, Keep bool
	// DB is the SQLite file of the scores. Empty: one that is removed at the end.
	DB string
	// JudgeURL is the URL of a language model that judges each answer too. Empty: none does.
	JudgeURL, JudgeModel, JudgeKey string
	// Address and Namespace say which Temporal to use. Empty: as devserver.Options has it.
	Address, Namespace string
	// Connection has the flags for the connection of the demo's processes, in addition to address, namespace and
	// environment.
	Connection []string
	// Dial connects to the Temporal at an address.
	Dial func(ctx context.Context, address, namespace string) (client.Client, error)
	// Getenv returns a variable of the environment.
	Getenv func(name string) string
	// Print writes the report at the end, and Stderr takes the progress.
	Print  func(report.Report) error
	Stderr io.Writer
}

// Run runs a demo. The program must have the commands "demo-worker" and "demo-user", which call [Worker] and [User].
func Run(ctx context.Context, o Options) error { return (&play{Options: o}).run(ctx) }

// play is one demo.
type play struct {
	Options
	experiment string
	nonce      string // message ids of two demos on one file differ
	answered   atomic.Int64
	began      time.Time
}

// inFlight is how many questions are being answered at a time.
const inFlight = 16

// patience is how long after the last answer the demo waits for the scores, beyond the units' seals.
const patience = demo.Maturity + demo.Grace + 40*time.Second

func (d *play) run(ctx context.Context) (err error) {
	d.experiment = "retriever"
	if d.Null {
		d.experiment = "retriever_null"
	}
	d.nonce = random(4)
	corpus, err := stdlibqa.Load(ctx, stdlibqa.Options{})
	if err != nil {
		return err
	}
	server, c, err := d.temporal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	defer c.Close()
	d.began = time.Now()
	if d.DB == "" {
		dir, err := os.MkdirTemp("", "verdict-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		d.DB = filepath.Join(dir, "verdict.db")
	}
	in, err := d.input(server)
	if err != nil {
		return err
	}
	users, err := startProcess(ctx, "demo-user", in, d.Stderr, &in.Users)
	if err != nil {
		return err
	}
	defer users.stop()
	worker, err := supervised(ctx, func(ctx context.Context) (*process, error) {
		return startProcess(ctx, "demo-worker", in, d.Stderr, &struct{}{})
	}, func(err error) { d.say("the worker was lost (%v); starting it again", err) })
	if err != nil {
		return err
	}
	defer worker.stop()
	d.say("worker %d is up; page http://%s/, Temporal UI %s", worker.pid(), in.Listen, in.UI)

	db, err := sqlite.Open(ctx, d.DB)
	if err != nil {
		return err
	}
	defer db.Close()
	progress, stop := context.WithCancel(ctx)
	defer stop()
	go d.progress(progress, db)
	if err := d.ask(ctx, c, corpus); err != nil {
		return err
	}
	if err := d.settle(ctx, db); err != nil {
		return err
	}
	stop()
	return d.finish(ctx, db, c, in)
}

// temporal finds or starts a server that has the search attributes.
func (d *play) temporal(ctx context.Context) (*devserver.Server, client.Client, error) {
	attributes := map[string]string{}
	for name, kind := range workflows.SearchAttributes(nil) {
		attributes[name] = kind.String()
	}
	server, err := devserver.Start(ctx, devserver.Options{
		Address: d.Address, Namespace: d.Namespace, SearchAttributes: attributes, Log: d.Stderr, Getenv: d.Getenv,
	})
	if err != nil {
		return nil, nil, err
	}
	c, err := d.Dial(ctx, server.Address, server.Namespace)
	if err == nil {
		if err = devserver.AddSearchAttributes(ctx, c, server.Namespace, attributes); err != nil {
			c.Close()
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, server.Stop())
	}
	d.say("Temporal: %s at %s", server.From, server.Address)
	return server, c, nil
}

// input returns the input of the processes.
func (d *play) input(server *devserver.Server) (input, error) {
	// The worker keeps its address when it is started again, so the users find it.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return input{}, err
	}
	listen := ln.Addr().String()
	if err := ln.Close(); err != nil {
		return input{}, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	ui := server.UIURL
	if ui == "" {
		ui = "http://localhost:8233"
	}
	return input{
		Address: server.Address, Namespace: server.Namespace, Connection: d.Connection, UI: ui, DB: d.DB, Listen: listen,
		Secret: "whsec_" + base64.StdEncoding.EncodeToString(key), Receiver: "http://" + listen + "/webhooks/standard",
		Experiment: d.experiment, Null: d.Null, Seed: d.Seed,
		JudgeURL: d.JudgeURL, JudgeModel: d.JudgeModel, JudgeKey: d.JudgeKey,
	}, nil
}

// ask starts a workflow for each question, as a service would, and waits for the answers.
func (d *play) ask(ctx context.Context, c client.Client, corpus *stdlibqa.Corpus) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	questions := corpus.Sample(d.Runs, d.Seed)
	if len(questions) < d.Runs {
		d.say("there are %d questions", len(questions))
		d.Runs = len(questions)
	}
	for i, q := range questions {
		ask := demo.Ask{
			User:      fmt.Sprintf("user-%d-%d", d.Seed, i),
			MessageID: fmt.Sprintf("m-%s-%d", d.nonce, i), Question: q.ID,
		}
		group.Go(func() error {
			run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
				ID: d.workflowID() + strconv.Itoa(i), TaskQueue: demo.TaskQueue,
			}, demo.WorkflowType, ask)
			if err != nil {
				return err
			}
			if err := run.Get(ctx, nil); err != nil {
				return err
			}
			d.answered.Add(1)
			return nil
		})
	}
	return group.Wait()
}

// counts of the scores that the users' ratings become.
type counts struct{ done, pending int }

func (d *play) counts(ctx context.Context, db store.Store) (counts, error) {
	var n counts
	names := []string{"thumbs_up"}
	if d.JudgeURL != "" {
		names = append(names, "answer_quality")
	}
	for _, name := range names {
		scores, err := db.Scores(ctx, store.Filter{Name: name, Experiment: d.experiment})
		if err != nil {
			return n, err
		}
		for _, s := range scores {
			switch {
			case !strings.HasPrefix(s.Run.WorkflowID, d.workflowID()): // of an earlier demo, on a file that was kept
			case s.State == scoring.Pending:
				n.pending++
			default:
				n.done++
			}
		}
	}
	n.done /= len(names)
	return n, nil
}

// settle waits until every run has its scores and every unit is sealed.
func (d *play) settle(ctx context.Context, db store.Store) error {
	answered := time.Now() // the last unit was assigned before
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := d.counts(ctx, db)
		if err != nil {
			return err
		}
		if n.done >= d.Runs && n.pending == 0 && time.Since(answered) > demo.Maturity+demo.Grace {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			d.say("some scores are still missing; the report shows which are pending")
			return nil
		case <-tick.C:
		}
	}
}

// workflowID is the prefix of the ids of this demo's workflows.
func (d *play) workflowID() string { return "answer-" + d.nonce + "-" }

// progress says how far the demo is.
func (d *play) progress(ctx context.Context, db store.Store) {
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if n, err := d.counts(ctx, db); err == nil {
				d.say("%d of %d answered, %d rated or expired, %d pending", d.answered.Load(), d.Runs, n.done, n.pending)
			}
		}
	}
}

// finish prints the report and where to look.
func (d *play) finish(ctx context.Context, db store.Store, c client.Client, in input) error {
	exp, err := demo.Retrievers(d.experiment)
	if err != nil {
		return err
	}
	r, err := report.Build(ctx, db, report.Options{
		Experiment: d.experiment, Definitions: []*experiments.Experiment{exp}, Ask: report.AskTemporal(c), Now: time.Now(),
	})
	if err != nil {
		return err
	}
	if err := d.Print(r); err != nil {
		return err
	}
	if d.Keep {
		d.say("done; staying up until Ctrl-C, so that you can look around:")
	} else {
		d.say("done; with --keep this stays up at the end, so that you can look around:")
	}
	d.say("page:          http://%s/", in.Listen)
	d.say("a run:         %s/namespaces/%s/workflows/%s0", in.UI, in.Namespace, d.workflowID())
	find := func(what, query string) {
		d.say("%s temporal workflow list --address %s --namespace %s -q '%s'", what, in.Address, in.Namespace, query)
	}
	find("find runs:    ", fmt.Sprintf(`VerdictScores="right=false" AND VerdictScores="%s=bm25"`, d.experiment))
	if !d.Keep {
		return nil
	}
	<-ctx.Done()
	return nil
}

// say writes a line of progress, with the time since the beginning.
func (d *play) say(format string, args ...any) {
	since := time.Duration(0)
	if !d.began.IsZero() {
		since = time.Since(d.began)
	}
	fmt.Fprintf(d.Stderr, "%5.1fs  %s\n", since.Seconds(), fmt.Sprintf(format, args...))
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
