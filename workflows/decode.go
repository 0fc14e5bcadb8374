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

// undecodable fails the workflow task, which harms nothing for good: the server hands the task out again until a worker
// can decode its input. The SDK would fail the workflow, and lose its input.
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

// decode decodes by the data converter of the worker. The SDK does not hand that out, but a future decodes its value
// with it.
func decode(ctx workflow.Context, from *commonpb.Payloads, to any) error {
	if from == nil {
		return nil
	}
	future, set := workflow.NewFuture(ctx)
	set.SetValue(from)
	return future.Get(ctx, to)
}

// decoded decodes a payload whose codec the SDK has undone already.
func decoded[T any](ctx workflow.Context, what string, raw converter.RawValue) (value T) {
	if raw.Payload() == nil {
		return value
	}
	err := decode(ctx, &commonpb.Payloads{Payloads: []*commonpb.Payload{raw.Payload()}}, &value)
	if err == nil {
		return value
	}
	// Its codec may refuse a payload that it has decoded before.
	var plain T
	if converter.GetDefaultDataConverter().FromPayload(raw.Payload(), &plain) != nil {
		undecodable(ctx, what, err)
	}
	return plain
}

// answer is future.Get for the result of one of our activities. It returns the activity's error; a failure to decode
// the result is no such error.
func answer(ctx workflow.Context, future workflow.Future, to any) error {
	err := future.Get(ctx, to)
	if err != nil && !failed(err) {
		undecodable(ctx, "the answer of an activity", err)
	}
	return err
}

// failed tells whether an error is an activity's own failure.
func failed(err error) bool {
	var activity *temporal.ActivityError
	var application *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	return temporal.IsCanceledError(err) || errors.As(err, &activity) || errors.As(err, &application) || errors.As(err, &timeout)
}

// sealed fails the workflow task if this worker cannot decode a header of ours, for lack of a proxy's codec for
// example: with the header the run would have an assignment, and without it would not replay. A header that decodes but
// makes no sense is ignored.
func sealed(ctx workflow.Context, payload *commonpb.Payload, err error) {
	if encoding := string(payload.GetMetadata()[converter.MetadataEncoding]); encoding != converter.MetadataEncodingJSON {
		undecodable(ctx, "a header of the encoding "+encoding, err)
	}
}
