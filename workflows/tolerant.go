package workflows

import (
	"context"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// tolerant is a data converter that hands the raw arguments and signals of a scorer over as they came, where the client's own
// cannot: its codec has failed, or it does not know raw values. The SDK would fail the scorer for good, or drop the signal, before
// any code of ours runs; [decoded] tries again and waits.
type tolerant struct {
	converter.DataConverter
	scorer bool // this is the workflow of one
}

// Tolerant returns a data converter that does what c does. Nil stays nil: the SDK's own knows raw values and has no codec.
func Tolerant(c converter.DataConverter) converter.DataConverter {
	if _, ok := c.(tolerant); ok || c == nil {
		return c
	}
	return tolerant{DataConverter: c}
}

// WithWorkflowContext implements workflow.ContextAware.
func (t tolerant) WithWorkflowContext(ctx workflow.Context) converter.DataConverter {
	if aware, ok := t.DataConverter.(workflow.ContextAware); ok {
		t.DataConverter = aware.WithWorkflowContext(ctx)
	}
	t.scorer = strings.HasPrefix(workflow.GetInfo(ctx).WorkflowType.Name, ScorerPrefix)
	return t
}

// WithContext implements workflow.ContextAware.
func (t tolerant) WithContext(ctx context.Context) converter.DataConverter {
	if aware, ok := t.DataConverter.(workflow.ContextAware); ok {
		t.DataConverter = aware.WithContext(ctx)
	}
	return t
}

// WithSerializationContext implements converter.DataConverterWithSerializationContext.
func (t tolerant) WithSerializationContext(ctx converter.SerializationContext) converter.DataConverter {
	t.DataConverter = converter.WithDataConverterSerializationContext(t.DataConverter, ctx)
	return t
}

// FromPayloads implements converter.DataConverter.
func (t tolerant) FromPayloads(payloads *commonpb.Payloads, to ...any) error {
	err := t.DataConverter.FromPayloads(payloads, to...)
	raws := rawValues(to)
	if !t.scorer || raws == nil {
		return err
	}
	for i, p := range payloads.GetPayloads() {
		if i < len(raws) && (err != nil || raws[i].Payload() == nil) {
			*raws[i] = converter.NewRawValue(p)
		}
	}
	return nil
}

// rawValues returns the targets of a decoding, if all of them are raw.
func rawValues(to []any) []*converter.RawValue {
	var raws []*converter.RawValue
	for _, x := range to {
		raw, ok := x.(*converter.RawValue)
		if !ok {
			return nil
		}
		raws = append(raws, raw)
	}
	return raws
}
