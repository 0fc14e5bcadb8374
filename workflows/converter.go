package workflows

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"

	"github.com/verdict-dev/verdict/scoring"
)

// probes are values as we put them into histories: a change id, a version, and something of the domain.
func probes() []any {
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	return []any{endChange, workflow.Version(1), Envelope{
		Scorer: "probe", Version: "1", Run: scoring.Run{Namespace: "n", WorkflowID: "w", RunID: "r"}, RunStartedAt: at,
		Assigned: []scoring.Ref{{Experiment: "e", Version: "1", Variant: "a", Probability: 0.5}},
	}, Result{Scores: []scoring.Score{{Name: "s", State: scoring.Scored, Value: scoring.BoolValue(true), ObservedAt: at}}}}
}

// checkConverter fails if a client's data converter does not take the values that we put into histories: runs would
// hang at the first of them. It checks the clients that the plugin is on; if it is on none, it checks check, which may
// be nil.
func (c *Config) checkConverter(ctx context.Context, check client.Client, on []*client.Options) error {
	for _, o := range on {
		if o.DataConverter != nil {
			if err := roundTrip(o.DataConverter); err != nil {
				return unfit(err)
			}
		}
	}
	if len(on) > 0 {
		c.fit.Store(true)
		return nil
	}
	if check == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// There is no such run. The point is whether the client gets as far as asking the server.
	_, err := check.QueryWorkflow(ctx, "verdict/probe", "", "verdict.probe", probes()...)
	var answer serviceerror.ServiceError
	if err == nil || errors.As(err, &answer) || ctx.Err() != nil {
		return nil
	}
	return unfit(err)
}

func roundTrip(c converter.DataConverter) error {
	for _, value := range probes() {
		payload, err := c.ToPayload(value)
		if err != nil {
			return err
		}
		got := reflect.New(reflect.TypeOf(value))
		if err := c.FromPayload(payload, got.Interface()); err != nil {
			return err
		}
		if !reflect.DeepEqual(got.Elem().Interface(), value) {
			return fmt.Errorf("a %T comes back as another one", value)
		}
	}
	return nil
}

func unfit(err error) error {
	return fmt.Errorf("verdict: the client's data converter does not take Verdict's records, which are JSON (see converter.NewJSONPayloadConverter): %w", err)
}

// queueOf names the task queue that a run is on: one has one data converter.
func queueOf(ctx workflow.Context) string {
	info := workflow.GetInfo(ctx)
	return info.Namespace + "/" + info.TaskQueueName
}

// encodes tells whether the data converter of the worker's client takes the values that we put into histories. A plugin
// that is only on a worker cannot know before the first run: then the run continues without us. It is checked once a
// task queue.
func (c *Config) encodes(ctx workflow.Context) bool {
	if c.fit.Load() {
		return true
	}
	queue := queueOf(ctx)
	if _, ok := c.encoded.Load(queue); ok {
		return true
	}
	if err := tryConverter(ctx); err != nil {
		workflow.GetLogger(ctx).Error("Verdict: nothing is recorded", "Error", unfit(err))
		return false
	}
	c.encoded.Store(queue, true)
	return true
}

// tryConverter encodes our values as a command would.
func tryConverter(ctx workflow.Context) error {
	_, err := encode(ctx, probes()...)
	return err
}

// growthOf returns how many bytes the data converter makes of a byte of our JSON: a codec may encrypt, and encode that as text. It
// is measured once a task queue, with a text that is hard to make smaller.
func (c *Config) growthOf(ctx workflow.Context) float64 {
	queue := queueOf(ctx)
	if known, ok := c.growth.Load(queue); ok {
		return known.(float64)
	}
	text := sample()
	growth := 1.0
	if payloads, err := encode(ctx, text); err == nil {
		growth = float64(proto.Size(payloads)) / float64(len(text))
	}
	c.growth.Store(queue, growth)
	return growth
}

// sample is a text of 32 kB that is the same each time.
func sample() string {
	var raw [24 << 10]byte
	_, _ = rand.NewChaCha8([32]byte{}).Read(raw[:])
	return base64.StdEncoding.EncodeToString(raw[:])
}

// encode encodes values as a command would. Making the error that continues a run as new does that and, unless it is returned,
// has no other effect; it panics on a value that it cannot encode.
func encode(ctx workflow.Context, values ...any) (payloads *commonpb.Payloads, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	var next *workflow.ContinueAsNewError
	if errors.As(workflow.NewContinueAsNewError(ctx, "verdict.probe", values...), &next) {
		payloads = next.Input
	}
	return payloads, nil
}
