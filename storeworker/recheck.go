package storeworker

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/verdict-dev/verdict/activities"
)

// Recheck has runs of the last days scored again every night, against what has become known since.
type Recheck = activities.Recheck

// How a recheck is scheduled. A night that the server or the workers missed is made up for within catchUp, and no night is left out while an
// earlier one still runs: each looks at its own days, by its scheduled time.
const (
	scheduleEvery = time.Hour
	catchUp       = 7 * 24 * time.Hour
)

// schedule makes the schedules of rechecks, and changes one whose time, or whose number of days, has changed.
func (s *Worker) schedule(cfg Options) task {
	return task{what: "schedule the rechecks", every: scheduleEvery, do: func(ctx context.Context) error {
		var errs []error
		for _, r := range cfg.Rechecks {
			if err := s.scheduleOne(ctx, cfg, r); err != nil {
				errs = append(errs, fmt.Errorf("recheck %s: %w", r.Name, err))
			}
		}
		return errors.Join(errs...)
	}}
}

func (s *Worker) scheduleOne(ctx context.Context, cfg Options, r Recheck) error {
	spec := client.ScheduleSpec{Calendars: []client.ScheduleCalendarSpec{{
		Hour: []client.ScheduleRange{{Start: r.Hour}}, Minute: []client.ScheduleRange{{Start: r.Minute}},
	}}}
	action := &client.ScheduleWorkflowAction{ID: r.ScheduleID(), Workflow: activities.BackfillWorkflow, Args: []any{r.Input()}, TaskQueue: cfg.TaskQueue}
	_, err := s.temporal.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: r.ScheduleID(), Spec: spec, Action: action, CatchupWindow: catchUp, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	})
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return s.temporal.ScheduleClient().GetHandle(ctx, r.ScheduleID()).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			was := in.Description.Schedule
			if is, ok := was.Action.(*client.ScheduleWorkflowAction); ok && is.TaskQueue == cfg.TaskQueue && atSameTime(was.Spec, spec) && looksBack(is, cfg.Client.DataConverter, r) {
				return nil, temporal.ErrSkipScheduleUpdate
			}
			was.Spec, was.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &was}, nil
		},
	})
}

// atSameTime tells whether a schedule has the time of another one.
func atSameTime(is *client.ScheduleSpec, want client.ScheduleSpec) bool {
	if is == nil || len(is.Calendars) != 1 || len(is.Calendars[0].Hour) != 1 || len(is.Calendars[0].Minute) != 1 {
		return false
	}
	a, b := is.Calendars[0], want.Calendars[0]
	return a.Hour[0].Start == b.Hour[0].Start && a.Minute[0].Start == b.Minute[0].Start
}

// looksBack tells whether the runs of a schedule look back as far as the recheck says. An input that cannot be read does not.
func looksBack(is *client.ScheduleWorkflowAction, dc converter.DataConverter, r Recheck) bool {
	if len(is.Args) != 1 {
		return false
	}
	input, ok := is.Args[0].(*commonpb.Payload) // as the server describes it
	if !ok {
		return false
	}
	if dc == nil {
		dc = converter.GetDefaultDataConverter()
	}
	var b activities.Backfill
	return dc.FromPayload(input, &b) == nil && b.Back == r.Input().Back
}
