package activities

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/verdict-dev/verdict/store"
)

// Registry is the part of a worker that judges need.
type Registry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// DynamicRegistry is the part of a worker that [Set.Register] needs.
type DynamicRegistry interface {
	RegisterDynamicActivity(a any, options activity.DynamicRegisterOptions)
}

// Register registers the activities under their names on the wire. They are the worker's one dynamic activity: so this
// code decodes the inputs, and reports inputs that it cannot decode.
func (s *Set) Register(r DynamicRegistry) {
	all := map[string]handler{
		RecordName:     handles(s.Record),
		WaitName:       handles(s.Record),
		BundleName:     handles(s.Bundle),
		RejectName:     handles(func(ctx context.Context, x store.Rejection) (any, error) { return nil, s.Reject(ctx, x) }),
		ExpectName:     handles(s.Expect),
		ExpectMoreName: handles(s.ExpectMore),
		SettleName:     handles(s.Settle),
		ReceiveName:    handles(s.Receive),
		RepeatName:     handles(s.Repeat),
		CountName:      handles(func(ctx context.Context, id string) (any, error) { return nil, s.CountDelivery(ctx, id) }),
		FollowRunName:  handles(s.FollowRun),
		AnalyzeName:    handles(s.Analyze),
		CountRunsName:  handles(s.CountRuns),
		ListRunsName:   handles(s.ListRuns),
		ScoreRunsName:  handles(s.ScoreRuns),
		MatchRunsName:  handles(s.MatchRuns),
	}
	r.RegisterDynamicActivity(func(ctx context.Context, args converter.EncodedValues) (any, error) {
		name := activity.GetInfo(ctx).ActivityType.Name
		handle, ok := all[name]
		if !ok {
			return nil, fmt.Errorf("verdict: this worker has no activity %q", name)
		}
		return handle(ctx, args)
	}, activity.DynamicRegisterOptions{})
}

// handler is an activity whose input is still encoded.
type handler func(context.Context, converter.EncodedValues) (any, error)

// handles returns the handler of an activity. An input that cannot be decoded is tried again until a worker can: nothing is
// lost by it, and everybody hears of it.
func handles[In, Out any](run func(context.Context, In) (Out, error)) handler {
	return func(ctx context.Context, args converter.EncodedValues) (any, error) {
		var in In
		if err := args.Get(&in); err != nil {
			activity.GetMetricsHandler(ctx).Counter(MetricUndecodable).Inc(1)
			activity.GetLogger(ctx).Error("Verdict cannot decode the input of an activity; it waits for a worker that has the payload codec or the key", "Error", err)
			return nil, fmt.Errorf("verdict: the input cannot be decoded on this worker: %w", err)
		}
		return run(ctx, in)
	}
}
