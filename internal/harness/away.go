package harness

import (
	"context"
	"errors"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Gone is a store that refuses every write of a worker.
type Gone struct{ store.Store }

var errGone = errors.New("the store is away")

// Record implements store.Recorder.
func (Gone) Record(context.Context, []scoring.Record) error { return errGone }

// RecordRuns implements store.Recorder.
func (Gone) RecordRuns(context.Context, []scoring.RunFacts, []scoring.Record) error { return errGone }

// Flush implements store.Recorder.
func (Gone) Flush(context.Context, scoring.Flush) error { return errGone }

// Assign implements store.Recorder.
func (Gone) Assign(context.Context, scoring.Assignment) (scoring.Assignment, error) {
	return scoring.Assignment{}, errGone
}

// Expect implements store.Correlator.
func (Gone) Expect(context.Context, scoring.Expectation) ([]scoring.Outcome, error) {
	return nil, errGone
}

// StartsNothing makes a client for which the server starts nothing. Its workers poll and complete tasks.
func StartsNothing(o *client.Options) {
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if name := method[strings.LastIndex(method, "/")+1:]; strings.HasPrefix(name, "Start") || name == "ExecuteMultiOperation" {
				return serviceerror.NewPermissionDenied("nothing may be started", "")
			}
			return invoke(ctx, method, req, reply, cc, opts...)
		}))
}
