package workflows

import (
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
)

// undecodable fails the workflow task, and with it nothing for good: the server gives the task out again until a worker can
// decode what it has to. The SDK would fail the workflow, and what it holds would be gone.
func undecodable(ctx workflow.Context, what string, err error) {
	workflow.GetMetricsHandler(ctx).Counter(activities.MetricUndecodable).Inc(1)
	workflow.GetLogger(ctx).Error("Verdict cannot decode "+what+"; it waits for a worker that has the payload codec or the key", "Error", err)
	panic(fmt.Errorf("verdict: %s cannot be decoded on this worker: %w", what, err))
}

// argument returns the first argument of a workflow that was registered as a dynamic one.
func argument[T any](ctx workflow.Context, args converter.EncodedValues) (value T) {
	if args.HasValues() {
		if err := args.Get(&value); err != nil {
			undecodable(ctx, "the input of "+workflow.GetInfo(ctx).WorkflowType.Name, err)
		}
	}
	return value
}

// decode decodes by the data converter of the worker. Nothing hands that out, but a future decodes what it is given.
func decode(ctx workflow.Context, from *commonpb.Payloads, to any) error {
	if from == nil {
		return nil
	}
	future, set := workflow.NewFuture(ctx)
	set.SetValue(from)
	return future.Get(ctx, to)
}

// decoded decodes a payload of which the SDK has undone the codec already.
func decoded[T any](ctx workflow.Context, what string, raw converter.RawValue) (value T) {
	if raw.Payload() == nil {
		return value
	}
	err := decode(ctx, &commonpb.Payloads{Payloads: []*commonpb.Payload{raw.Payload()}}, &value)
	if err == nil {
		return value
	}
	// Its codec may refuse what it has decoded before.
	var plain T
	if converter.GetDefaultDataConverter().FromPayload(raw.Payload(), &plain) != nil {
		undecodable(ctx, what, err)
	}
	return plain
}

// answer is future.Get for what an activity of ours returns. It returns the activity's error; that an answer cannot be
// decoded is none.
func answer(ctx workflow.Context, future workflow.Future, to any) error {
	err := future.Get(ctx, to)
	if err != nil && !failed(err) {
		undecodable(ctx, "the answer of an activity", err)
	}
	return err
}

// failed tells whether an error is one with which an activity ends.
func failed(err error) bool {
	var activity *temporal.ActivityError
	var application *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	return temporal.IsCanceledError(err) || errors.As(err, &activity) || errors.As(err, &application) || errors.As(err, &timeout)
}

// sealed fails the workflow task if a header of ours is encoded by what this worker does not have, such as the codec of a
// proxy: with it the run would have had an assignment, and would not replay. What it can decode and not read stays unread.
func sealed(ctx workflow.Context, payload *commonpb.Payload, err error) {
	if encoding := string(payload.GetMetadata()[converter.MetadataEncoding]); encoding != converter.MetadataEncodingJSON {
		undecodable(ctx, "a header of the encoding "+encoding, err)
	}
}
