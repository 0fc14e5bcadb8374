package releases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/internal/releases/user"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// month is the window of the scorers that wait in a recording.
const month = 30 * 24 * time.Hour

// held are the keys about which a service says something that no run declares.
var held = []string{"held-1", "held-2"}

// scene is where a recording is made: a namespace and a store of its own, and the workers of the code under test.
type scene struct {
	*harness.Bench
	address, namespace string
	stop               []func()
	runs               map[string]client.WorkflowRun
}

// facts are what a recording has handed out.
type facts struct {
	RecordedAt time.Time         `json:"recorded_at"`
	Namespace  string            `json:"namespace"`
	Runs       map[string]string `json:"runs"`   // name → run id; the workflow id is the name
	Tokens     map[string]string `json:"tokens"` // name of the run → token
	Held       []string          `json:"held"`   // keys that no run has declared
}

// newScene returns a scene without workers.
func newScene(t *testing.T, db store.Store) *scene {
	server := devservertest.ForTest(t)
	s := &scene{address: server.Address, namespace: server.NewNamespace(t), runs: map[string]client.WorkflowRun{}}
	s.Bench = &harness.Bench{T: t, Store: db, Log: &harness.Log{}, Queue: "users", VerdictQueue: "verdict"}
	s.Client = server.Dial(t, client.Options{Namespace: s.namespace, Logger: s.Logger()})
	s.Verdict = verdict.NewClient(s.Client, verdict.ClientOptions{TokenKeys: [][]byte{[]byte(user.TokenKey)}, Patience: time.Minute})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", s.Log)
		}
	})
	return s
}

// work starts the workers of the code under test. direct says whether the user's worker has the store too, and puts scores
// into visibility; otherwise it hands over, as it does by default.
func (s *scene) work(direct bool) {
	s.stop = append(s.stop, s.PlainStoreWorker()) // every release knows these workflows, whose histories are kept
	s.startExperiments()
	cfg := user.Config()
	cfg.Client = s.Client
	if direct {
		cfg.Store, cfg.SearchAttributes = s.Store, true
	}
	s.stop = append(s.stop, s.UserWorker(cfg, user.Register))
}

func (s *scene) startExperiments() {
	for _, e := range user.Experiments {
		_, err := s.Verdict.StartExperiment(s.T.Context(), e.Definition(),
			rollout.Policy{Every: 24 * time.Hour}, rollout.Change{ID: "start", Who: "ada", Reason: "to see"})
		require.NoError(s.T, err)
	}
}

// begin starts a run.
func (s *scene) begin(id string, c user.Case) client.WorkflowRun {
	s.T.Helper()
	if c.Key == "" {
		c.Key = id
	}
	if c.Customer == "" {
		c.Customer = "customer-of-" + id
	}
	if c.Window == 0 {
		c.Window = month
	}
	s.runs[id] = s.StartWith(client.StartWorkflowOptions{ID: id}, "Answer", c)
	return s.runs[id]
}

// end waits for a run, which may fail.
func (s *scene) end(run client.WorkflowRun) user.Reply {
	s.T.Helper()
	var reply user.Reply
	err := run.Get(s.T.Context(), &reply)
	require.NoError(s.T, s.T.Context().Err(), err)
	return reply
}

// deliver hands an outcome over and waits until the store has it and all who wait have been told.
func (s *scene) deliver(name, key string, value any) verdict.Outcome {
	s.T.Helper()
	o := verdict.Outcome{ID: name + "/" + key + "/" + uuid.NewString()[:8], Name: name, Key: key, Source: "test"}
	if value != nil {
		var err error
		o.Value, err = scoring.ValueOf(value)
		require.NoError(s.T, err)
	}
	require.NoError(s.T, s.Verdict.Deliver(s.T.Context(), o))
	require.NoError(s.T, s.Carried(s.T.Context(), o.ID))
	return o
}

// settled waits until a run has a score of a name in a final state.
func (s *scene) settled(id, name string) {
	s.T.Helper()
	s.Eventually(func() error {
		all, err := s.Store.Scores(s.T.Context(), store.Filter{Run: scoring.Run{WorkflowID: id}, Name: name})
		if err == nil && !slices.ContainsFunc(all, func(r scoring.Record) bool { return r.State != scoring.Pending }) {
			err = fmt.Errorf("%s of %s is not settled: %v", name, id, all)
		}
		return err
	})
}

// play does what a recording is of.
func (s *scene) play() facts {
	ctx := s.T.Context()
	all := []string{"accepted", "stayed_closed", "bought", "finished", "declined", "broken"}
	s.deliver("answer.accepted", "early", nil) // before its run
	for _, id := range []string{"closed-1", "closed-2", "closed-3", "closed-4", "early"} {
		s.begin(id, user.Case{Scorers: all})
	}
	s.begin("open-1", user.Case{Scorers: all, Wait: true, Shadow: true})
	s.begin("open-2", user.Case{Scorers: []string{"accepted"}, Wait: true, Again: 1})
	s.begin("again", user.Case{Scorers: []string{"accepted"}, Again: 2})
	s.begin("failed", user.Case{Scorers: []string{"accepted", "finished"}, Fail: true})
	s.begin("retried", user.Case{Retry: true})
	s.begin("short", user.Case{Scorers: []string{"accepted", "stayed_closed", "bought"}, Window: 2 * time.Second})
	s.begin("reset", user.Case{Scorers: []string{"accepted"}})
	s.begin("gone", user.Case{Scorers: []string{"finished"}, Wait: true})
	s.begin("shared-1", user.Case{Key: "shared", Customer: "ann", Scorers: []string{"bought", "accepted"}})
	s.end(s.runs["shared-1"])
	s.begin("shared-2", user.Case{Key: "shared", Customer: "ann", Scorers: []string{"bought", "accepted"}})
	f := facts{Namespace: s.namespace, Runs: map[string]string{}, Tokens: map[string]string{}, Held: held}
	for id, run := range s.runs {
		f.Runs[id] = run.GetRunID()
		if id != "open-1" && id != "open-2" && id != "gone" {
			f.Tokens[id] = s.end(run).Token
		}
	}
	for key, n := range map[string]int{"closed-4": 3, "open-1": 3, "shared": 4, "gone": 0} {
		s.Waiting(key, n)
	}
	s.reset("reset")
	require.NoError(s.T, s.Client.TerminateWorkflow(ctx, "gone", "", "by hand"))
	s.settled("gone", "finished")
	s.outcomes()
	s.services(f)
	s.control()
	s.rows()
	s.quiet()
	kept, err := s.Store.Ledger(ctx, store.LedgerFilter{State: store.Held})
	require.NoError(s.T, err)
	require.Len(s.T, kept, len(held))
	for _, stop := range slices.Backward(s.stop) {
		stop()
	}
	f.RecordedAt = time.Now().UTC().Truncate(time.Second).Add(time.Second)
	return f
}

// reset resets a closed run to its first workflow task.
func (s *scene) reset(id string) {
	run := s.runs[id]
	again, err := s.Client.ResetWorkflowExecution(s.T.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: s.namespace, Reason: "to see", WorkflowTaskFinishEventId: 4, RequestId: uuid.NewString(),
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id, RunId: run.GetRunID()},
	})
	require.NoError(s.T, err)
	s.end(s.Client.GetWorkflow(s.T.Context(), id, again.RunId))
	s.Eventually(func() error {
		kept, err := s.Store.Scores(s.T.Context(), store.Filter{Run: scoring.Run{WorkflowID: id, RunID: run.GetRunID()}, Superseded: true})
		if err == nil && !slices.ContainsFunc(kept, func(r scoring.Record) bool { return r.Superseded }) {
			err = errors.New("it is not superseded")
		}
		return err
	})
}

// outcomes come: for scorers that wait, that have closed, for half of what is waited for, for nobody, twice.
func (s *scene) outcomes() {
	ctx := s.T.Context()
	s.deliver("answer.accepted", "closed-1", nil)
	s.settled("closed-1", "accepted")
	s.deliver("answer.rejected", "closed-1", nil) // a correction, in the window
	again := s.deliver("bought", "closed-1", 12.5)
	s.deliver("bought", "shared", 7)
	s.deliver("ticket.reopened", "closed-2", nil)
	s.settled("closed-2", "stayed_closed")
	s.settled("short", "stayed_closed")
	s.deliver("ticket.reopened", "short", nil) // late
	s.deliver("answer.accepted", "short", nil) // in the grace
	s.deliver("nobody.waits", "unclaimed", true)
	s.deliver("ticket.reopened", "a run of tomorrow", nil)
	again.ReceivedAt = time.Now()
	_, err := s.Store.Receive(ctx, again)
	require.NoError(s.T, err)
	require.NoError(s.T, s.Store.Reject(ctx, store.Rejection{Source: "github", DeliveryID: "d-1", Reason: "signature does not match", At: time.Now()}))
}

// services speak of runs: by id, by key, by token, twice, and by keys that no run or several have declared.
func (s *scene) services(f facts) {
	ctx, v := s.T.Context(), s.Verdict
	require.NoError(s.T, v.Score(ctx, verdict.Key("message-closed-1"), "thumbs_up", true, verdict.Keyed("reader/ann")))
	require.NoError(s.T, v.Score(ctx, verdict.Key("message-closed-1"), "thumbs_up", false, verdict.Keyed("reader/ann"), verdict.Reason("it was wrong")))
	require.NoError(s.T, v.Score(ctx, verdict.Token(f.Tokens["closed-2"]), "thumbs_up", true, verdict.Keyed("reader/bob")))
	require.NoError(s.T, v.Score(ctx, verdict.Run{WorkflowID: "open-1"}, "grade", 3, verdict.InSession("ticket", "7")))
	require.ErrorIs(s.T, v.Score(ctx, verdict.Key("message-shared"), "thumbs_up", true), verdict.ErrAmbiguous)
	impatient := verdict.NewClient(s.Client, verdict.ClientOptions{Patience: 100 * time.Millisecond})
	for _, key := range held {
		require.NoError(s.T, impatient.Score(ctx, verdict.Key(key), "thumbs_up", true, verdict.Keyed("reader/cid")))
	}
}

// control changes the experiments, under which further runs are assigned.
func (s *scene) control() {
	change := func(e *experiments.Experiment, action rollout.Action, c rollout.Change) {
		d := e.Definition()
		c.Who = "ada"
		_, err := s.Verdict.ChangeExperiment(s.T.Context(), d.Name, d.Version, action, c)
		require.NoError(s.T, err)
	}
	change(user.Ranking, rollout.Ramp, rollout.Change{Weights: map[string]float64{"plain": 1, "learned": 3}})
	change(user.Tone, rollout.Pause, rollout.Change{Reason: "a complaint"})
	n := 0
	s.Eventually(func() error {
		n++
		id := fmt.Sprintf("paused-%d", n)
		s.end(s.begin(id, user.Case{}))
		all, err := s.Store.Assignments(s.T.Context(), "tone", "2")
		if err == nil && !slices.ContainsFunc(all, func(a scoring.Assignment) bool { return a.By == scoring.ByPause }) {
			err = errors.New("the worker does not know yet that it is paused")
		}
		return err
	})
}

// rows are written that take long to come about on a server: units whose windows have closed, scores that a run's last
// set no longer has, a request with an idempotency key.
func (s *scene) rows() {
	ctx, begin := s.T.Context(), time.Now().UTC().Add(-10*24*time.Hour).Truncate(time.Second)
	p := map[string]float64{"plain": 0.5, "learned": 0.5}
	for i := range 60 {
		id := fmt.Sprintf("unit-%02d", i)
		run := scoring.Run{Namespace: s.namespace, WorkflowID: id, RunID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i)}
		at := begin.Add(time.Duration(i) * time.Hour)
		a := scoring.Assignment{
			Experiment: "ranking", Version: "1", Variant: []string{"plain", "learned"}[i%2], By: scoring.ByWeight, Probabilities: p,
			Unit: run.RunID, Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "Answer", At: at,
		}
		_, err := s.Store.Assign(ctx, a)
		require.NoError(s.T, err)
		tokens := scoring.Number("tokens", float64(100+i))
		passages := scoring.Number("found", float64(i%5))
		facts := scoring.RunFacts{
			Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "Answer", TaskQueue: "users", Attempt: 1,
			StartedAt: at, Sessions: []scoring.Session{{Key: "customer", ID: fmt.Sprint("c-", i%7)}}, Keys: []string{"message-" + id},
			Assigned: []scoring.Ref{a.Ref()},
		}
		first := scoring.Flush{Facts: facts, Sequence: 10, At: at.Add(time.Second), Records: []scoring.Record{
			{Score: tokens, Run: run, Source: scoring.FromWorkflow}, {Score: passages, Run: run, Source: scoring.FromWorkflow},
		}}
		require.NoError(s.T, s.Store.Flush(ctx, first))
		last := first
		last.Sequence, last.At = 20, at.Add(2*time.Second)
		last.Facts.ClosedAt, last.Facts.Status = last.At, scoring.RunCompleted
		if i%10 == 3 {
			last.Facts.Status, last.Facts.FailureType, last.Facts.FailingStep = scoring.RunFailed, "NoAnswer", "Look"
		}
		if i%4 == 1 {
			last.Records = last.Records[:1] // the other one is retracted
		}
		if i%6 != 5 { // the others ended without saying so
			require.NoError(s.T, s.Store.Flush(ctx, last))
		}
		for revision := range 1 + i%3 {
			require.NoError(s.T, s.Store.Record(ctx, []scoring.Record{{
				Score: scoring.Number("precision", float64(revision+1)/4), Run: run, Source: scoring.FromActivity,
				Step: scoring.Step{ID: "5", Type: "Look", Attempt: int32(revision + 1)}, RecordedAt: at.Add(time.Duration(revision) * time.Millisecond),
			}}))
		}
		accepted := scoring.Bool("accepted", i%2 == 1 && i%10 != 9 || i%8 == 0)
		accepted.Key, accepted.ObservedAt = "accepted@1", at.Add(time.Hour)
		require.NoError(s.T, s.Store.Record(ctx, []scoring.Record{{
			Score: accepted, Run: run, Source: scoring.FromScorer, Scorer: "accepted", ScorerVersion: "1", RecordedAt: at.Add(time.Hour),
		}}))
	}
	once := s.Store.(interface {
		RecordOnce(ctx context.Context, key, digest string, records []scoring.Record) (bool, error)
	})
	first, err := once.RecordOnce(ctx, "request-1", "digest", []scoring.Record{{
		Score: scoring.Number("grade", 4), Run: scoring.Run{Namespace: s.namespace, WorkflowID: "unit-00", RunID: "00000000-0000-4000-8000-000000000000"},
		Source: scoring.FromClient, RecordedAt: begin.Add(time.Hour),
	}})
	require.NoError(s.T, err)
	require.True(s.T, first)
}

// quiet waits until nothing is under way but what waits for something.
func (s *scene) quiet() {
	s.Eventually(func() error {
		for kind, want := range map[string]int64{activities.RecordWorkflow: 0, activities.DeliverWorkflow: 0, activities.BundleWorkflow: 0} {
			got, err := s.Client.CountWorkflow(s.T.Context(), &workflowservice.CountWorkflowExecutionsRequest{
				Namespace: s.namespace, Query: fmt.Sprintf("ExecutionStatus = 'Running' AND WorkflowType = '%s'", kind),
			})
			if err == nil && got.Count != want {
				err = fmt.Errorf("%d of %s are under way, not %d", got.Count, kind, want)
			}
			if err != nil {
				return err
			}
		}
		open, err := s.Client.CountActivities(s.T.Context(), client.CountActivitiesOptions{Query: "ExecutionStatus = 'Running'"})
		if err == nil && open.Count != 0 {
			err = fmt.Errorf("%d standalone activities are under way", open.Count)
		}
		return err
	})
}
