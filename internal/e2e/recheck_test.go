package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/storeworker"
)

// Three nights: the truth about some runs comes late, and one truth is corrected. Each night changes what it must, and nothing counts twice.
func TestRunsAreRecheckedAgainstTheTruth(t *testing.T) {
	t.Parallel()
	const runs = 20
	b := past(t, runs)
	closed := time.Now()
	b.Eventually(func() error { // a schedule's times are whole seconds, and a night looks at the runs before its time
		if time.Since(closed) < time.Second {
			return errors.New("it is the same second")
		}
		return nil
	})
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
	said := func() map[string][]string {
		all, err := b.Store.Scores(t.Context(), store.Filter{Name: "right", History: true})
		require.NoError(t, err)
		by := map[string][]string{}
		for _, r := range all {
			require.Equal(t, scoring.Scored, r.State, r.Reason)
			by[r.Run.WorkflowID] = append(by[r.Run.WorkflowID], r.Value.String())
		}
		return by
	}
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
