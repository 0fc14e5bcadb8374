package storeworker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/runs"
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
	// ended is what the history of a run says of its end; ok is false if it has not ended, or the server no longer has its history.
	ended(ctx context.Context, run scoring.Run) (f scoring.RunFacts, ok bool, err error)
}

// followed is the part of a store that a follower needs.
type followed interface {
	store.Follower
	Runs(ctx context.Context, f store.RunFilter) ([]scoring.RunFacts, error)
	RecordRuns(ctx context.Context, facts []scoring.RunFacts, records []scoring.Record) error
}

// follower begins the expectations of runs whose chains have closed, and notes how runs ended that did not say so themselves.
type follower struct {
	store     followed
	closes    closes
	namespace string

	since time.Time // from when on silent closes are not known
	next  time.Time // when to look for them
	began bool      // the runs that ended while no worker was there have been asked for
}

func newFollower(s followed, c closes, namespace string) *follower {
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
	waits, err := f.store.Followed(ctx, store.FollowFilter{Namespace: f.namespace, Limit: 1})
	if err != nil {
		return err
	}
	look := followBatch
	if f.began {
		look = 1 // whether there are any
	}
	unflushed, err := f.store.Runs(ctx, store.RunFilter{Unflushed: true, Newest: true, Limit: look})
	if err != nil {
		return err
	}
	if !f.began {
		if err := f.learn(ctx, unflushed); err != nil {
			return err
		}
		f.began = true
	}
	if len(waits)+len(unflushed) == 0 {
		f.since = began.Add(-listedLate)
		return nil
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
		unflushed, err := f.store.Runs(ctx, store.RunFilter{Unflushed: true, WorkflowIDs: some})
		if err == nil {
			err = f.learn(ctx, unflushed)
		}
		if err != nil {
			return err
		}
	}
	f.since = began.Add(-listedLate)
	return nil
}

// learn notes how runs ended that never flushed: histories expire.
func (f *follower) learn(ctx context.Context, runs []scoring.RunFacts) error {
	var learned []scoring.RunFacts
	for _, r := range runs {
		if r.Status != "" || r.Run.Namespace != f.namespace {
			continue
		}
		facts, ok, err := f.closes.ended(ctx, r.Run)
		if err != nil {
			return err
		}
		if ok {
			learned = append(learned, facts)
		}
	}
	return f.store.RecordRuns(ctx, learned, nil)
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

func (s atServer) ended(ctx context.Context, run scoring.Run) (f scoring.RunFacts, ok bool, err error) {
	status, known, err := runs.Status(ctx, s.client, run)
	if err != nil || !known || status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING || status == enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED {
		return f, false, err
	}
	r, err := history.Fetch(ctx, history.Server(s.client), run, history.Options{MaxValues: 1})
	if history.Missing(err) {
		return f, false, nil
	}
	if err != nil || r.Open() {
		return f, false, err
	}
	return r.Facts(), true, nil
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
