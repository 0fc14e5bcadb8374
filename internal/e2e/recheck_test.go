package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/storeworker"
)

// Three nights: the truth about some runs comes late, and one truth is corrected. Each night changes what it must, and nothing counts twice.
func TestRunsAreRecheckedAgainstTheTruth(t *testing.T) {
	t.Parallel()
	const runs = 20
	b := past(t, runs)
	nextSecond(b)
	server := devservertest.ForTest(t)
	file := filepath.Join(t.TempDir(), "truth.csv")
	know := func(rows ...string) {
		require.NoError(t, os.WriteFile(file, []byte("order,result\n"+strings.Join(rows, "\n")+"\n"), 0o600))
	}
	id := func(n int) string { return fmt.Sprintf("%s-%d", b.Queue, n) }
	know(id(1)+",1", id(2)+",7")

	truth := history.CSV(func() (io.ReadCloser, error) { return os.Open(file) }, "order", "result")
	nightly := storeworker.Recheck{
		Name: "orders" + b.Queue, Query: ofQueue(b) + " AND ExecutionStatus = 'Completed'", Hour: 3, Back: time.Hour,
		Scorers: []history.Scorer{history.Against("right", "1", truth, history.WorkflowID, history.RunResult(""), nil)},
	}
	serve := func() {
		w, err := storeworker.Start(t.Context(), storeworker.Options{
			Client: client.Options{HostPort: server.Address, Namespace: server.Namespace, Logger: b.Logger()},
			Store:  keptOpen{b.Store}, TaskQueue: b.VerdictQueue, Rechecks: []storeworker.Recheck{nightly}, Logger: harnessLog(b),
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, w.Stop()) })
	}
	serve()

	schedule := b.Client.ScheduleClient().GetHandle(t.Context(), nightly.ScheduleID())
	nights := 0
	night := func() {
		t.Helper()
		b.Eventually(func() error { return schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}) }) // once it is made
		nights++
		b.Eventually(func() error {
			d, err := schedule.Describe(t.Context())
			if err != nil {
				return err
			}
			if len(d.Info.RecentActions) < nights || len(d.Info.RunningWorkflows) > 0 {
				return fmt.Errorf("%d nights have begun, %d are under way", len(d.Info.RecentActions), len(d.Info.RunningWorkflows))
			}
			last := d.Info.RecentActions[nights-1].StartWorkflowResult
			return b.Client.GetWorkflow(t.Context(), last.WorkflowID, last.FirstExecutionRunID).Get(t.Context(), nil)
		})
	}
	said := func() map[string][]string { return saidRight(t, b) }
	night()
	require.Equal(t, map[string][]string{id(1): {"true"}, id(2): {"false"}}, said())
	know(id(1)+",1", id(2)+",7", id(3)+",3", id(2)+",2") // the third comes late, the second is corrected
	night()
	require.Equal(t, map[string][]string{id(1): {"true"}, id(2): {"false", "true"}, id(3): {"true"}}, said())
	night()
	require.Equal(t, map[string][]string{id(1): {"true"}, id(2): {"false", "true"}, id(3): {"true"}}, said())
	current, err := b.Store.Scores(t.Context(), store.Filter{Name: "right"})
	require.NoError(t, err)
	for _, r := range current {
		require.Equal(t, "true", r.Value.String())
		require.True(t, r.ObservedAt.Before(r.RecordedAt))
	}
	d, err := schedule.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, d.Schedule.Spec.Calendars[0].Hour[0].Start)
	require.Equal(t, 7*24*time.Hour, d.Schedule.Policy.CatchupWindow)

	// A worker that has other settings changes the schedule, whichever they are.
	for _, change := range []func(){func() { nightly.Back = 2 * time.Hour }, func() { nightly.Hour = 4 }} {
		change()
		serve()
		b.Eventually(func() error {
			d, err := schedule.Describe(t.Context())
			if err != nil {
				return err
			}
			var input activities.Backfill
			args := d.Schedule.Action.(*client.ScheduleWorkflowAction).Args
			require.NoError(t, converter.GetDefaultDataConverter().FromPayload(args[0].(*commonpb.Payload), &input))
			if hour := d.Schedule.Spec.Calendars[0].Hour[0].Start; hour != nightly.Hour || input.Back != nightly.Back {
				return fmt.Errorf("it is at %d and looks back %s", hour, input.Back)
			}
			return nil
		})
	}
	require.NoError(t, schedule.Delete(t.Context()))
}

// saidRight has everything that was said of runs under the name right, in its order.
func saidRight(t *testing.T, b *harness.Bench) map[string][]string {
	t.Helper()
	all, err := b.Store.Scores(t.Context(), store.Filter{Name: "right", History: true})
	require.NoError(t, err)
	by := map[string][]string{}
	for _, r := range all {
		require.Equal(t, scoring.Scored, r.State, r.Reason)
		by[r.Run.WorkflowID] = append(by[r.Run.WorkflowID], r.Value.String())
	}
	return by
}

// nextSecond waits for a second: a schedule's times are whole seconds, and a night looks at the runs before its time.
func nextSecond(b *harness.Bench) {
	closed := time.Now()
	b.Eventually(func() error {
		if time.Since(closed) < time.Second {
			return errors.New("it is the same second")
		}
		return nil
	})
}

// The schedule is paused for some nights, a night crashes, and a night's worker dies under way: the next night makes up for all of them, playing the
// paused nights as well changes nothing, and nothing counts twice.
func TestAMissedNightIsMadeUpFor(t *testing.T) {
	t.Parallel()
	const runs = 12
	b := past(t, runs)
	nextSecond(b)
	server := devservertest.ForTest(t)
	var mu sync.Mutex
	known := map[string]string{}
	truth := func(_ context.Context, key string) (string, bool, error) {
		mu.Lock()
		defer mu.Unlock()
		value, ok := known[key]
		return value, ok, nil
	}
	id := func(n int) string { return fmt.Sprintf("%s-%d", b.Queue, n) }
	know := func(n int, value string) {
		mu.Lock()
		defer mu.Unlock()
		known[id(n)] = value
	}
	nightly := storeworker.Recheck{
		Name: "missed" + b.Queue, Query: ofQueue(b) + " AND ExecutionStatus = 'Completed'", Hour: 3, Back: 2 * time.Hour,
		Scorers: []history.Scorer{history.Against("right", "1", truth, history.WorkflowID, history.RunResult(""), nil)},
	}
	serve := func() (stop func()) {
		w, err := storeworker.Start(t.Context(), storeworker.Options{
			Client: client.Options{HostPort: server.Address, Namespace: server.Namespace, Logger: b.Logger()},
			Store:  keptOpen{b.Store}, TaskQueue: b.VerdictQueue, Rechecks: []storeworker.Recheck{nightly}, Logger: harnessLog(b),
		})
		require.NoError(t, err)
		var once sync.Once
		stop = func() { once.Do(func() { require.NoError(t, w.Stop()) }) }
		t.Cleanup(stop)
		return stop
	}
	stop := serve()
	schedule := b.Client.ScheduleClient().GetHandle(t.Context(), nightly.ScheduleID())
	b.Eventually(func() error { _, err := schedule.Describe(t.Context()); return err })
	require.NoError(t, schedule.Pause(t.Context(), client.SchedulePauseOptions{}))
	today := time.Now().UTC().Truncate(24 * time.Hour).Add(3 * time.Hour)
	// seen are the nights that have begun, by run.
	seen := map[string]bool{}
	// begun waits for the next night, and returns its run.
	begun := func() client.WorkflowRun {
		t.Helper()
		var run client.WorkflowRun
		b.Eventually(func() error {
			r, err := b.Client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
				Namespace: server.Namespace, Query: fmt.Sprintf("TemporalScheduledById = '%s'", nightly.ScheduleID()),
			})
			if err != nil {
				return err
			}
			for _, e := range r.Executions {
				if !seen[e.Execution.RunId] {
					seen[e.Execution.RunId] = true
					run = b.Client.GetWorkflow(t.Context(), e.Execution.WorkflowId, e.Execution.RunId)
					return nil
				}
			}
			return errors.New("the night has not begun")
		})
		return run
	}
	// played has the server play the nights of some days, as it does for nights that it was away for.
	played := func(from, to int) {
		t.Helper()
		require.NoError(t, schedule.Backfill(t.Context(), client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{
			Start: today.AddDate(0, 0, from).Add(-time.Minute), End: today.AddDate(0, 0, to).Add(time.Minute), Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
		}}}))
	}
	// from is the time from which a night has looked.
	from := func(run client.WorkflowRun) time.Time {
		t.Helper()
		read, err := history.Fetch(t.Context(), history.Server(b.Client), scoring.Run{Namespace: server.Namespace, WorkflowID: run.GetID(), RunID: run.GetRunID()}, history.Options{})
		require.NoError(t, err)
		for step := range read.Called(activities.ListRunsName) {
			input, err := history.Decode[activities.Backfill](step.Input)
			require.NoError(t, err)
			return input.Since.UTC()
		}
		t.Fatal("it has listed nothing")
		return time.Time{}
	}
	said := func() map[string][]string { return saidRight(t, b) }

	// Six nights ago it ran last.
	played(-6, -6)
	night := begun()
	require.NoError(t, night.Get(t.Context(), nil))
	require.Equal(t, today.AddDate(0, 0, -6).Add(-2*time.Hour), from(night))

	// A night crashes: nobody is there, and somebody ends it.
	know(1, "1")
	know(2, "7")
	stop()
	require.NoError(t, schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	crashed := begun()
	require.NoError(t, b.Client.TerminateWorkflow(t.Context(), crashed.GetID(), crashed.GetRunID(), "it crashes"))

	// The next night begins without a worker too, and goes on with one. It looks from where the first night that was missed would have looked.
	require.NoError(t, schedule.Unpause(t.Context(), client.ScheduleUnpauseOptions{}))
	require.NoError(t, schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	night = begun()
	stop = serve()
	require.NoError(t, night.Get(t.Context(), nil))
	require.Equal(t, today.AddDate(0, 0, -5).Add(-2*time.Hour), from(night))
	want := map[string][]string{id(1): {"true"}, id(2): {"false"}}
	require.Equal(t, want, said())

	// The server plays the nights that were paused, later and in order. They know what is known now, and say nothing twice.
	know(2, "2")
	played(-5, -2)
	for range 4 {
		require.NoError(t, begun().Get(t.Context(), nil))
	}
	require.Equal(t, want, said(), "these nights were before the runs")
	require.NoError(t, schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	require.NoError(t, begun().Get(t.Context(), nil))
	want[id(2)] = []string{"false", "true"}
	require.Equal(t, want, said())
	require.NoError(t, schedule.Delete(t.Context()))
	stop()
}
