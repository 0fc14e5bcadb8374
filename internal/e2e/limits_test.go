package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/devserver"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// Texts of what JSON escapes, to two bytes or to six, and of characters that have many.
var nasty = map[string]string{
	"html": `Q&A: answer <-> source %d`, "quotes": `"%d" said \"she\"`, "lines": "\u2028\u2029%d\u2028\u2029\u2028\u2029", "angles": strings.Repeat("<", 120) + "%d",
	"emoji": "👍🏽👩‍👩‍👧 %d", "rare": strings.Repeat("𝔮", 30) + "%d", "next to control": "\u00a0\u00ad\u200b%d\ufeff\ufffd", "words": "plain-name-%d",
}

// A run whose names JSON escapes ends as it would without us, and all of its scores are stored, with search attributes on.
// So does its scorer, which is told its workflow id.
func TestNamesThatJSONEscapes(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	deferred := verdict.NewScorer("escaped <&> "+strings.Repeat(`"`, 100), "1<2", func(ctx workflow.Context, _ string) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On("never", "comes"), verdict.Within(time.Millisecond), verdict.ExpiresTrue)
		return got.Score(), err
	})
	cfg := b.Config(deferred)
	cfg.SearchAttributes, cfg.Client = true, b.Client
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, name string, n int) error {
			for i := range n {
				verdict.Score(ctx, fmt.Sprintf(name, i), i, verdict.OnStep(fmt.Sprint(i%3), ""))
			}
			verdict.Flush(ctx, "middle")
			verdict.Defer(ctx, deferred, name)
			return nil
		}, workflow.RegisterOptions{Name: "escaped"})
	})
	type started struct {
		run client.WorkflowRun
		n   int
	}
	runs := map[string]started{}
	for kind, name := range nasty {
		numbers := []int{60}
		if kind == "html" {
			numbers = []int{40, 60, 300}
		}
		for _, n := range numbers {
			// The SDK sends no workflow id that is not ASCII.
			ascii := strings.Map(func(r rune) rune {
				if r > 126 || r == '%' || r == 'd' {
					return '<'
				}
				return r
			}, name)
			o := client.StartWorkflowOptions{ID: scoring.Clip(strings.Repeat(ascii, 900), 900) + uuid.NewString()[:8]}
			runs[fmt.Sprint(kind, " ", n)] = started{b.StartWith(o, "escaped", name, n), n}
		}
	}
	for kind, s := range runs {
		require.NoError(t, s.run.Get(t.Context(), nil), kind)
		require.Len(t, b.Scores(s.run, s.n+1), s.n+1, kind)
		for _, id := range []string{s.run.GetID(), scorersOf(b, s.run)[0]} {
			d, err := b.Client.DescribeWorkflowExecution(t.Context(), id, "")
			require.NoError(t, err)
			fields := d.WorkflowExecutionInfo.SearchAttributes.IndexedFields
			data := slices.Concat(fields["VerdictScores"].GetData(), fields["VerdictScorer"].GetData())
			require.LessOrEqual(t, len(data), 1800, kind)
			require.Greater(t, len(data), 250, "%s: as much as fits is there: %s", kind, data)
		}
		require.Empty(t, failedTasks(b, s.run), kind)
	}
}

// scorersOf returns the workflow ids of the scorers that a run has started, and holds their summaries to the limit.
func scorersOf(b *harness.Bench, run client.WorkflowRun) (ids []string) {
	for _, e := range b.History(run).Events {
		if a := e.GetStartChildWorkflowExecutionInitiatedEventAttributes(); a != nil {
			ids = append(ids, a.WorkflowId)
			require.LessOrEqual(b.T, e.GetUserMetadata().GetSummary().Size(), 400)
		}
	}
	return ids
}

// failedTasks returns why workflow tasks of a run have failed, but for those that only met an event of a child.
func failedTasks(b *harness.Bench, run client.WorkflowRun) (causes []string) {
	for _, e := range b.History(run).Events {
		if a := e.GetWorkflowTaskFailedEventAttributes(); a != nil && a.Cause != enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND {
			causes = append(causes, a.Cause.String())
		}
	}
	return causes
}

// A run whose own search attributes leave no room has none of ours: that is logged, and the run ends as it would without us.
func TestNoRoomForSearchAttributes(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	b := harness.New(t, nil)
	namespace := server.NewNamespace(t)
	own := map[string]string{}
	for i := range 10 {
		own[fmt.Sprint("Word", i)] = "Keyword"
	}
	for i := range 3 {
		own[fmt.Sprint("Text", i)] = "Text"
	}
	own["List"], own["Quality"] = "KeywordList", "Double"
	cfg := b.Config()
	cfg.SearchAttributes, cfg.Doubles = true, map[string]string{"quality": "Quality"}
	c, err := client.Dial(client.Options{
		HostPort: server.Address, Namespace: namespace, Logger: b.Logger(), Plugins: []client.Plugin{verdict.NewPlugin(cfg)},
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, devserver.AddSearchAttributes(t.Context(), c, namespace, own))
	b.Client = c
	b.StoreWorker()
	b.Worker(b.Queue, worker.Options{}, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, bytes int) error {
			var updates []temporal.SearchAttributeUpdate
			for name, kind := range own { //workflowcheck:ignore one command
				switch kind {
				case "Keyword":
					updates = append(updates, temporal.NewSearchAttributeKeyKeyword(name).ValueSet(strings.Repeat("k", bytes)))
				case "KeywordList":
					updates = append(updates, temporal.NewSearchAttributeKeyKeywordList(name).ValueSet([]string{strings.Repeat("l", bytes-2)}))
				case "Text":
					updates = append(updates, temporal.NewSearchAttributeKeyString(name).ValueSet(strings.Repeat("t", bytes)))
				}
			}
			if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
				return err
			}
			for i := range 40 { // the SDK's own attribute
				workflow.GetVersion(ctx, fmt.Sprint(i, strings.Repeat("v", 36)), workflow.DefaultVersion, 1)
			}
			for i := range 60 {
				verdict.Score(ctx, fmt.Sprintf(nasty["html"], i), true)
			}
			verdict.Score(ctx, "quality", 0.5)
			return nil
		}, workflow.RegisterOptions{Name: "full"})
	})
	for bytes, want := range map[int]bool{200: true, 2040: false} {
		run := b.Start("full", bytes)
		require.NoError(t, run.Get(t.Context(), nil))
		require.Len(t, b.Scores(run, 61), 61)
		d, err := c.DescribeWorkflowExecution(t.Context(), run.GetID(), run.GetRunID())
		require.NoError(t, err)
		fields := d.WorkflowExecutionInfo.SearchAttributes.IndexedFields
		require.Len(t, fields["Word3"].GetData(), bytes+2)
		require.Equal(t, want, len(fields[workflows.RunAttribute].GetData()) > 0, "%d bytes", bytes)
		require.Equal(t, want, len(fields["Quality"].GetData()) > 0, "%d bytes", bytes)
		require.Contains(t, harness.Shape(b.History(run)), "UpsertWorkflowSearchAttributes")
		said := slices.ContainsFunc(strings.Split(b.Log.String(), "\n"), func(line string) bool {
			return strings.Contains(line, "the run's own leave no room") && strings.Contains(line, run.GetID())
		})
		require.Equal(t, !want, said, "%d bytes", bytes)
	}
}

// reasons are as long as a reason may be. What is no UTF-8 does not travel as it is, so a run is told the kind.
var reasons = map[string]string{
	"angles": strings.Repeat("<", scoring.MaxReason), "quotes": strings.Repeat(`"`, scoring.MaxReason), "control": strings.Repeat("\x01", scoring.MaxReason),
	"lines": strings.Repeat("\u2028", scoring.MaxReason/3), "words": strings.Repeat("a", scoring.MaxReason),
	"no text": strings.Repeat("\xff", scoring.MaxReason), "hardly text": strings.Repeat("\xffa", scoring.MaxReason/2),
}

// What a run holds is stored, however much it becomes on its way, and what it has no room for costs nothing else: in the
// default configuration, where all of it is handed over through Temporal.
func TestReasonsThatJSONEscapes(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	score := func(ctx context.Context, name, kind string) error {
		verdict.Score(ctx, name, 1, verdict.Reason(reasons[kind]), verdict.OnRun())
		return nil
	}
	register := func(w worker.Worker) {
		w.RegisterActivityWithOptions(score, activity.RegisterOptions{Name: "score"})
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, n int, kind string) error {
			for i := range n {
				verdict.Score(ctx, fmt.Sprint("s", i), i, verdict.Reason(reasons[kind]))
			}
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
			for i := range 3 {
				if err := workflow.ExecuteActivity(ctx, "score", fmt.Sprint("a", i), kind).Get(ctx, nil); err != nil {
					return err
				}
			}
			return nil
		}, workflow.RegisterOptions{Name: "reasons"})
	}
	b.UserWorker(b.Config(), register)
	few := b.In(t) // its runs record by side effects
	few.Queue = "few-" + b.Queue
	few.Worker(few.Queue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(b.Config())}, MaxConcurrentLocalActivityExecutionSize: 5}, register)
	for _, c := range append([]string{"few slots"}, slices.Sorted(maps.Keys(reasons))...) {
		t.Run(c, func(t *testing.T) {
			t.Parallel()
			b, kind := b.In(t), c
			if c == "few slots" {
				b, kind = few.In(t), "angles"
			}
			reason := reasons[kind]
			run := b.Start("reasons", workflows.MaxScores, kind)
			require.NoError(t, run.Get(t.Context(), nil))
			for range 2 { // a busy machine may take longer than a run waits: then another one shows that these reasons can be flushed
				if !strings.Contains(flushErrors(b), run.GetRunID()) {
					break
				}
				run = b.Start("reasons", workflows.MaxScores, kind)
				require.NoError(t, run.Get(t.Context(), nil))
			}
			require.NotContains(t, flushErrors(b), run.GetRunID())
			var asked []scoring.Record // the buffer, in as many answers as it takes
			for {
				answer, err := b.Client.QueryWorkflow(t.Context(), run.GetID(), run.GetRunID(), workflows.ScoresQuery, len(asked))
				require.NoError(t, err)
				var next []scoring.Record
				require.NoError(t, answer.Get(&next))
				if len(next) == 0 {
					break
				}
				asked = append(asked, next...)
			}
			taken := len(asked)
			require.GreaterOrEqual(t, taken, 235)
			for i := range 3 {
				about := verdict.Run{WorkflowID: run.GetID(), RunID: run.GetRunID()}
				require.NoError(t, b.Verdict.Score(t.Context(), about, fmt.Sprint("c", i), 1, verdict.Reason(reason)))
			}
			b.Scores(run, taken+6)
			scores, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run)})
			require.NoError(t, err)
			require.NotEmpty(t, scores)
			for _, s := range scores {
				require.Equal(t, scoring.Score{Reason: reason}.Tidy().Reason, s.Reason)
				source := map[byte]scoring.Source{'s': scoring.FromWorkflow, 'a': scoring.FromActivity, 'c': scoring.FromClient}[s.Name[0]]
				require.Equal(t, source, s.Source, s.Name)
			}
			facts, err := b.Store.Runs(t.Context(), store.RunFilter{Run: of(run)})
			require.NoError(t, err)
			require.Equal(t, scoring.RunCompleted, facts[0].Status)

			answer, err := b.Client.QueryWorkflow(t.Context(), run.GetID(), run.GetRunID(), workflows.ScoresQuery)
			require.NoError(t, err)
			var first []scoring.Record
			require.NoError(t, answer.Get(&first))
			require.NotEmpty(t, first)
		})
	}
	t.Cleanup(func() { // the subtests are over
		for line := range strings.Lines(b.Log.String()) { // what is past the limit of a run's buffer is refused
			late := strings.Contains(line, "Verdict could not flush") && strings.Contains(line, "deadline exceeded (type: ScheduleToClose)")
			require.False(t, strings.Contains(line, "level=ERROR") && !late && !strings.Contains(line, "a run holds at most 1000 scores"), line)
		}
	})
}

// flushErrors are the lines of a log about flushes that failed.
func flushErrors(b *harness.Bench) (all string) {
	for line := range strings.Lines(b.Log.String()) {
		if strings.Contains(line, "Verdict could not flush") {
			all += line
		}
	}
	return all
}

// wasteful is a codec that makes so many times as many bytes of a payload.
type wasteful int

func (w wasteful) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		data, err := proto.Marshal(p)
		if err != nil {
			return nil, err
		}
		out[i] = &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("wasteful")}, Data: bytes.Repeat(data, int(w))}
	}
	return out, nil
}

func (w wasteful) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(p.Data[:len(p.Data)/int(w)], out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// What the server refuses for its size, though it should not be too large, is handed over in smaller parts.
func TestACodecThatMakesMore(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	server := devservertest.ForTest(t)
	c, err := client.Dial(client.Options{
		HostPort: server.Address, Namespace: server.Namespace, Logger: b.Logger(),
		DataConverter: converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), wasteful(4)),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	b.Client = c
	b.StoreWorker()
	b.UserWorker(b.Config(), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, n int) error {
			for i := range n {
				verdict.Score(ctx, fmt.Sprint(i), i, verdict.Reason(reasons["words"]))
			}
			return nil
		}, workflow.RegisterOptions{Name: "wasted"})
	})
	for _, n := range []int{150, 240} { // 2.5 MB of one payload, and more than gRPC takes
		run := b.Start("wasted", n)
		require.NoError(t, run.Get(t.Context(), nil))
		b.Scores(run, n)
		facts, err := b.Store.Runs(t.Context(), store.RunFilter{Run: of(run)})
		require.NoError(t, err)
		require.Equal(t, scoring.RunCompleted, facts[0].Status)
	}
	require.False(t, b.Log.Contains("the row is missing"))
}

// A scorer makes its scores however many outcomes have come before it, whatever their ids and payloads are, and however
// much it has to say.
func TestAScorerWithMoreThanFits(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	const early, made = 600, 400
	full := verdict.NewScorer("full", "1", func(ctx workflow.Context, key string) ([]scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.Times(early, verdict.On("came", key).Means(true)), verdict.Within(time.Hour), verdict.ExpiresFalse)
		scores := []scoring.Score{got.Score()}
		for i := range made {
			scores = append(scores, scoring.Number(fmt.Sprint("n", i), float64(i)).WithReason(reasons["angles"]))
		}
		return scores, err
	})
	b.UserWorker(b.Config(full), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) (verdict.Deferred, error) {
			return verdict.Defer(ctx, full, key), nil
		}, workflow.RegisterOptions{Name: "fuller"})
	})
	key := uuid.NewString()
	for i := range early {
		o := outcome("came", key)
		o.ID = fmt.Sprint(key, i, strings.Repeat("&", 460))
		o.Payload = []byte(`"` + strings.Repeat("<", 1000) + `"`)
		o.ReceivedAt = time.Now()
		_, err := b.Store.Receive(t.Context(), o)
		require.NoError(t, err)
	}
	run := b.Start("fuller", key)
	var deferred verdict.Deferred
	require.NoError(t, run.Get(t.Context(), &deferred))
	require.Contains(t, b.Scores(run, made+1), "full=true")
	scores, err := b.Verdict.ScorerResult(t.Context(), deferred)
	require.NoError(t, err)
	require.Equal(t, made+1, len(scores))
	kept, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run), Name: fmt.Sprint("n", made-1)})
	require.NoError(t, err)
	require.Equal(t, scoring.FromScorer, kept[0].Source)
	require.Equal(t, scoring.MaxReason, len(kept[0].Reason))
}

// What is too large for the server is an error at the call, where it would end the run.
func TestWhatIsTooLargeForTheServerIsRefused(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	exact, err := judges.Of(judges.ID{Name: "exact", Version: "1"}, judges.Exact)
	require.NoError(t, err)
	many := verdict.NewScorer("many", "1", func(ctx workflow.Context, n int) (scoring.Score, error) {
		var events []verdict.Event
		for i := range n {
			events = append(events, verdict.On("came", fmt.Sprint(i, strings.Repeat("<", 500))).Means(true))
		}
		got, err := verdict.Await(ctx, verdict.AnyOf(events...), verdict.Within(time.Millisecond), verdict.ExpiresFalse)
		return got.Score(), err
	})
	cfg := b.Config(many)
	cfg.Judges = []judges.Judge{exact}
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, bytes, events int) (cause judges.Cause, err error) {
			v := verdict.Judge(ctx, "exact", judges.Sample{Output: strings.Repeat("<", bytes), Expected: []string{"x"}})
			return v.Cause, verdict.Defer(ctx, many, events).Err()
		}, workflow.RegisterOptions{Name: "too large"})
	})
	for bytes, want := range map[int]string{300_000: "", 400_000: scoring.ErrorTypeInvalid} {
		var kind string
		run := b.Start("too large", bytes, bytes/500) // six times 500 bytes each
		require.NoError(t, run.Get(t.Context(), &kind))
		require.Equal(t, want, kind)
		score := "many=false"
		if want != "" {
			score = "many:error"
		}
		require.Equal(t, []string{score}, b.Scores(run, 1))
	}
}

// An outcome's payload reaches its scorer as it was sent, though JSON makes six times as many bytes of it on its way.
func TestPayloadsThatJSONEscapes(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	read := verdict.NewScorer("read", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
		got, err := verdict.Await(ctx, verdict.On("came", key).Means(true), verdict.Within(time.Hour), verdict.ExpiresFalse)
		if err != nil {
			return scoring.Score{}, err
		}
		var text string
		if err := got.Decode(&text); err != nil {
			return scoring.Score{}, err
		}
		return scoring.Number("read", float64(len(text))).WithReason(text[:30]), nil
	})
	b.UserWorker(b.Config(read), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			verdict.Defer(ctx, read, key)
			return nil
		}, workflow.RegisterOptions{Name: "reads"})
	})
	for kind, text := range map[string]string{
		"angles": strings.Repeat("<", 64<<10-2), "lines": strings.Repeat("\u2028", 21_000), "escaped quotes": strings.Repeat(`\"`, 32_000), "escaped already": strings.Repeat(`\u003c`, 10_000),
	} {
		for _, early := range []bool{true, false} {
			key := uuid.NewString()
			o := outcome("came", key)
			o.Payload = []byte(`"` + text + `"`)
			deliver := func() { require.NoError(t, b.Verdict.Deliver(t.Context(), o), kind) }
			if early {
				deliver()
				b.Eventually(func() error {
					entries, err := b.Store.Ledger(t.Context(), store.LedgerFilter{State: store.Unclaimed})
					if !slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Outcome.ID == o.ID }) {
						return errors.Join(err, errors.New("not there"))
					}
					return err
				})
			}
			run := b.Start("reads", key)
			require.NoError(t, run.Get(t.Context(), nil))
			if !early {
				b.Waiting(key, 1)
				deliver()
			}
			var want string
			require.NoError(t, json.Unmarshal(o.Payload, &want))
			require.Equal(t, []string{fmt.Sprintf("read=%d", len(want))}, b.Scores(run, 1), kind)
			kept, err := b.Store.Scores(t.Context(), store.Filter{Run: of(run)})
			require.NoError(t, err)
			require.Equal(t, want[:30], kept[0].Reason)
		}
	}
}
