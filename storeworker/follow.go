package storeworker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Declared scorers may begin when the chain of their run has closed. A run that ends by itself says so in its flush; one that is
// terminated or timed out says nothing, so one poller asks for all of them.

// How often the poller works, and how much at once.
const (
	followEvery = time.Second
	silentEvery = 20 * time.Second
	followBatch = 200
)

// listedLate is how much later than its close a run may be listed: visibility is eventually consistent.
const listedLate = 2 * time.Minute

// closes is where the poller learns how runs closed.
type closes interface {
	// silent returns the workflow ids of runs that closed since then and may not have said so.
	silent(ctx context.Context, since time.Time) (workflowIDs []string, err error)
	// closed tells how the chain of a run closed.
	closed(ctx context.Context, run scoring.Run) (c scoring.Closed, open bool, err error)
}

// follower begins the expectations of runs whose chains have closed.
type follower struct {
	store     store.Follower
	closes    closes
	namespace string

	since time.Time // from when on silent closes are not known
	next  time.Time // when to look for them
}

func newFollower(s store.Follower, c closes, namespace string) *follower {
	return &follower{store: s, closes: c, namespace: namespace, since: time.Now().Add(-10 * time.Minute)}
}

// work is done once in a while, by one goroutine.
func (f *follower) work(ctx context.Context) error {
	err := f.due(ctx)
	if now := time.Now(); !now.Before(f.next) {
		f.next = now.Add(silentEvery)
		err = errors.Join(err, f.silent(ctx))
	}
	return err
}

// due asks for the chains whose time has come.
func (f *follower) due(ctx context.Context) error {
	runs, err := f.store.Followed(ctx, store.FollowFilter{Namespace: f.namespace, Due: true, Limit: followBatch})
	if err != nil {
		return err
	}
	return f.ask(ctx, runs)
}

// silent asks for the chains of runs that closed and may not have said so.
func (f *follower) silent(ctx context.Context) error {
	began := time.Now()
	if waits, err := f.store.Followed(ctx, store.FollowFilter{Namespace: f.namespace, Limit: 1}); err != nil || len(waits) == 0 {
		if err == nil {
			f.since = began.Add(-listedLate)
		}
		return err
	}
	ids, err := f.closes.silent(ctx, f.since)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(ids, followBatch) {
		runs, err := f.store.Followed(ctx, store.FollowFilter{Namespace: f.namespace, WorkflowIDs: some})
		if err == nil {
			err = f.ask(ctx, runs)
		}
		if err != nil {
			return err
		}
	}
	f.since = began.Add(-listedLate)
	return nil
}

func (f *follower) ask(ctx context.Context, runs []scoring.Run) error {
	var errs []error
	for _, run := range runs {
		c, open, err := f.closes.closed(ctx, run)
		switch {
		case err == nil && !open:
			_, err = f.store.ChainClosed(ctx, run, c)
		case ctx.Err() == nil: // the others are asked for meanwhile
			err = errors.Join(err, f.store.FollowLater(ctx, run))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// atServer is what the server says.
type atServer struct {
	client    client.Client
	namespace string
}

func (s atServer) closed(ctx context.Context, run scoring.Run) (scoring.Closed, bool, error) {
	return activities.ChainClosed(ctx, s.client, run)
}

func (s atServer) silent(ctx context.Context, since time.Time) (workflowIDs []string, err error) {
	query := fmt.Sprintf(`ExecutionStatus IN ("Terminated", "TimedOut", "Failed", "Canceled") AND CloseTime >= %q`, since.UTC().Format(time.RFC3339))
	var page []byte
	for {
		r, err := s.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Namespace: s.namespace, PageSize: 1000, NextPageToken: page, Query: query,
		})
		if err != nil {
			return nil, err
		}
		for _, e := range r.Executions {
			workflowIDs = append(workflowIDs, e.GetExecution().GetWorkflowId())
		}
		if page = r.NextPageToken; len(page) == 0 {
			slices.Sort(workflowIDs)
			return slices.Compact(workflowIDs), nil
		}
	}
}
