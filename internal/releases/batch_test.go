package releases

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/internal/releases/user"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// batch are runs that are begun under one pair of releases, with all that is said about them.
type batch struct {
	*besides
	name string
	pair
	want     map[string][]string
	replies  map[string]user.Reply
	outcomes map[string]store.OutcomeState
}

func (b *besides) batch(name string, p pair) *batch {
	n := &batch{besides: b, name: name, pair: p, want: map[string][]string{}, replies: map[string]user.Reply{}, outcomes: map[string]store.OutcomeState{}}
	b.batches = append(b.batches, n)
	return n
}

// id is the workflow id of a run, and its key.
func (b *batch) id(run string) string { return b.name + "-" + run }

// run begins a run, and keeps what it will have said of itself.
func (b *batch) run(name string, c user.Case, also ...string) {
	id := b.id(name)
	b.scene.begin(id, c)
	found, attempt := 3+len(id)%4, 1
	if c.Retry {
		attempt = 2
	}
	b.want[id] = append([]string{
		fmt.Sprint("found=", found), fmt.Sprint("short|length=", found < 5), fmt.Sprint("tokens=", 100*attempt),
		fmt.Sprint("precision@Look=", number(0.5+float64(len(id)%4)/10+float64(attempt)/100)),
	}, also...)
}

func number(v float64) string {
	return scoring.Number("n", v).Value.String()
}

// says adds what is said about a run.
func (b *batch) says(run, what string) { b.want[b.id(run)] = append(b.want[b.id(run)], what) }

// outcome delivers an outcome twice through today's client.
func (b *batch) outcome(state store.OutcomeState, name, run string, value any) {
	b.outcomeBy(func(o verdict.Outcome) error { return b.Verdict.Deliver(b.T.Context(), o) }, state, name, run, value)
}

// oldOutcome delivers an outcome through the older release's command line, and again through today's client.
func (b *batch) oldOutcome(state store.OutcomeState, name, run string, value any) {
	b.outcomeBy(func(o verdict.Outcome) error {
		args := []string{"outcome", "--id", o.ID, "--name", o.Name, "--key", o.Key}
		if value != nil {
			args = append(args, "--value", o.Value.String())
		}
		b.starter(args...)
		return nil
	}, state, name, run, value)
}

func (b *batch) outcomeBy(deliver func(verdict.Outcome) error, state store.OutcomeState, name, run string, value any) {
	b.T.Helper()
	o := verdict.Outcome{ID: fmt.Sprint(name, "/", b.id(run), "/", len(b.outcomes)), Name: name, Key: b.id(run)}
	if value != nil {
		var err error
		o.Value, err = scoring.ValueOf(value)
		require.NoError(b.T, err)
	}
	require.NoError(b.T, deliver(o))
	o.Value = scoring.Value{}
	require.NoError(b.T, b.Verdict.Deliver(b.T.Context(), o), "again, and it says something else: that changes nothing")
	b.outcomes[o.ID] = state
}

// hold says something about a run that has not begun.
func (b *besides) hold(id, reader string) {
	impatient := verdict.NewClient(b.Client, verdict.ClientOptions{Patience: 100 * time.Millisecond})
	err := impatient.Score(b.T.Context(), verdict.Key("message-"+id), "thumbs_up", true, verdict.Keyed(reader))
	require.NoError(b.T, err)
}

// begin begins the runs. Something is said about one of them, and happens to another, before it begins.
func (b *batch) begin() {
	all := []string{"accepted", "stayed_closed", "bought", "finished", "declined", "broken"}
	scored := []string{"declined|declined@1:not_applicable", "broken|broken@1:error"}
	b.oldOutcome(store.Matched, "answer.accepted", "early", nil)
	b.hold(b.id("late"), "reader/ann")
	b.run("closed", user.Case{Scorers: all}, scored...)
	b.run("open", user.Case{Scorers: all, Wait: true, Shadow: true}, scored...)
	b.run("early", user.Case{Scorers: []string{"accepted"}}, "accepted|accepted@1=true")
	b.run("failed", user.Case{Scorers: []string{"accepted", "finished"}, Fail: true}, "finished|finished@1=false")
	// What a run hands over more than once came in any order from the release before.
	ordered := b.pair == pair{}
	b.run("retried", user.Case{Scorers: all[4:5], Retry: ordered}, scored[0])
	if ordered {
		b.run("again", user.Case{Scorers: all[4:5], Again: 1}, scored[0])
		id := b.id("again")
		b.want[id] = append(b.want[id], b.want[id][:4]...) // the run that goes on says the same of itself
		b.end(b.runs[id])
	}
	b.run("short", user.Case{Scorers: all[:3], Window: 2 * time.Second}, "stayed_closed|stayed_closed@1=true", "bought|bought@2=0")
	b.run("late", user.Case{Scorers: all[4:5]}, scored[0], "thumbs_up|reader/ann=true")
	for _, run := range []string{"closed", "early", "retried", "short", "late"} {
		b.replies[b.id(run)] = b.end(b.runs[b.id(run)])
	}
	b.end(b.runs[b.id("failed")])
	b.Waiting(b.id("closed"), 3)
	b.Waiting(b.id("open"), 3)
	b.Waiting(b.id("failed"), 1)
}

// events happen to the runs of this pair while it works, and services speak of them.
func (b *batch) events() {
	ctx := b.T.Context()
	b.outcome(store.Matched, "answer.accepted", "closed", nil)
	b.says("closed", "accepted|accepted@1=true")
	b.outcome(store.Matched, "ticket.reopened", "closed", nil)
	b.says("closed", "stayed_closed|stayed_closed@1=false")
	b.says("closed", "finished|finished@1=true")
	b.oldOutcome(store.Matched, "bought", "closed", 5)
	b.scene.settled(b.id("short"), "stayed_closed")
	b.outcome(store.Late, "ticket.reopened", "short", nil)
	b.outcome(store.Matched, "answer.accepted", "short", nil)
	b.says("short", "accepted|accepted@1=true")
	b.outcome(store.Unclaimed, "nobody.waits", "closed", true)

	key := "message-" + b.id("closed")
	require.NoError(b.T, b.Verdict.Score(ctx, verdict.Key(key), "thumbs_up", true, verdict.Keyed("reader/ann")))
	b.starter("score", "--key", key, "--name", "thumbs_up", "--value", "false", "--score-key", "reader/ann")
	b.says("closed", "thumbs_up|reader/ann=false")
	require.NoError(b.T, b.Verdict.Score(ctx, verdict.Run{WorkflowID: b.id("open")}, "grade", 2))
	b.starter("score", "--workflow-id", b.id("open"), "--name", "grade", "--value", "3")
	b.says("open", "grade=3")
	token := verdict.Token(b.replies[b.id("early")].Token)
	require.NoError(b.T, b.Verdict.Score(ctx, token, "thumbs_up", true, verdict.Keyed("reader/bob")))
	b.says("early", "thumbs_up|reader/bob=true")
}

// finish lets what is open go on to its end.
func (b *batch) finish() {
	require.NoError(b.T, b.Client.SignalWorkflow(b.T.Context(), b.id("open"), "", user.GoOn, nil))
	b.replies[b.id("open")] = b.end(b.runs[b.id("open")])
	b.outcome(store.Matched, "bought", "closed", 12.5)
	b.says("closed", "bought|bought@2=12.5")
	b.outcome(store.Matched, "bought", "open", 3)
	b.outcome(store.Matched, "bought", "open", 4)
	b.outcome(store.Matched, "answer.accepted", "open", nil)
	b.outcome(store.Matched, "ticket.reopened", "open", nil)
	for _, what := range []string{"bought|bought@2=4", "accepted|accepted@1=true", "stayed_closed|stayed_closed@1=false", "finished|finished@1=true"} {
		b.says("open", what)
	}
	b.outcome(store.Matched, "answer.rejected", "failed", nil)
	b.says("failed", "accepted|accepted@1=false")
}

// settled waits until every row is as it must be: nothing is lost, and nothing is duplicated.
func (b *besides) settled() {
	// What is held for a key is looked at more and more seldom.
	harness.Eventually(b.T, harness.Patience, func() error {
		for _, n := range b.batches {
			for id, want := range n.want {
				got, err := b.rows(id)
				slices.Sort(want)
				if err == nil && !slices.Equal(want, got) {
					err = fmt.Errorf("%s has\n%s\nand not\n%s", id, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	b.quiet()
}

// rows returns the current scores of a run.
func (b *besides) rows(id string) (all []string, err error) {
	scores, err := b.Store.Scores(b.T.Context(), store.Filter{Run: scoring.Run{WorkflowID: id}})
	for _, r := range scores {
		text := r.Name
		if r.Key != "" {
			text += "|" + r.Key
		}
		if !r.Step.IsZero() {
			text += "@" + r.Step.Type
		}
		if r.Value.IsSet() {
			text += "=" + r.Value.String()
		} else {
			text += ":" + string(r.State)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all, err
}

// check looks at what is left once all is over.
func (b *besides) check() {
	ctx := b.T.Context()
	entries, err := b.Store.Ledger(ctx, store.LedgerFilter{})
	require.NoError(b.T, err)
	ledger := map[string]store.OutcomeState{}
	for _, e := range entries {
		require.NotContains(b.T, ledger, e.Outcome.ID)
		ledger[e.Outcome.ID] = e.State
	}
	want := map[string]store.OutcomeState{}
	for _, n := range b.batches {
		for id, state := range n.outcomes {
			want[id] = state
		}
	}
	require.Equal(b.T, want, ledger)
	for _, n := range b.batches {
		n.assigned()
	}
	b.replays()
	said := b.starter("report", "--db", b.db, "--address", "127.0.0.1:1")
	require.Contains(b.T, said, fmt.Sprintf("outcomes: %d received", len(want)), "the release before reads what was written since")
}

// assigned holds the assignments to the runs: one each, of the variant that the run says that it was served.
func (b *batch) assigned() {
	for _, experiment := range []struct {
		name, version string
		served        func(user.Reply) string
	}{
		{"ranking", "1", func(r user.Reply) string { return r.Variant }}, {"tone", "2", func(r user.Reply) string { return r.Tone }},
	} {
		all, err := b.Store.Assignments(b.T.Context(), experiment.name, experiment.version)
		require.NoError(b.T, err)
		of := map[string][]string{}
		shadows := 0
		for _, a := range all {
			of[a.Run.WorkflowID] = append(of[a.Run.WorkflowID], a.Variant)
			if a.By == scoring.ByShadow && a.Unit == b.runs[b.id("open")].GetRunID() {
				shadows++
			}
		}
		for id := range b.want {
			require.Len(b.T, of[id], 1, id)
			// The release before could record another variant than it served, when its worker was slow.
			if reply, ok := b.replies[id]; ok && b.user == today {
				require.Equal(b.T, experiment.served(reply), of[id][0], id)
			}
		}
		if experiment.name == "ranking" {
			require.Equal(b.T, 1, shadows)
		}
	}
}

// replays holds every history to be one that today's code replays, without a task that failed.
func (b *besides) replays() {
	seen := map[string]int{}
	for _, r := range b.recorded() {
		seen[r.Type]++
		require.NoError(b.T, r.replay(b.T, user.Config(), user.Answer), "%s %s", r.Type, r.WorkflowID)
		events := r.events(b.T).Events
		for _, e := range events {
			if r.Type == activities.WaitWorkflow {
				break // a definition waits while the worker is of the release before, whose tasks fail
			}
			if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED {
				cause := e.GetWorkflowTaskFailedEventAttributes().Cause
				require.Equal(b.T, enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, cause, "%s %s: %v", r.Type, r.WorkflowID, e)
			}
		}
		last := events[len(events)-1].EventType
		if r.Type != "Answer" {
			require.NotEqual(b.T, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, last, "%s %s", r.Type, r.WorkflowID)
		}
	}
	for _, kind := range []string{"Answer", activities.DeliverWorkflow, activities.ExperimentWorkflow, "verdict.scorer.bought"} {
		require.NotZero(b.T, seen[kind], kind)
	}
}
