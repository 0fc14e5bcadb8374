package api

import (
	"context"
	"errors"
	"net/http"

	"go.temporal.io/sdk/log"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/endpoint"
	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// atOnce is how many items of a request are written at a time: stores let concurrent writes share a transaction.
const atOnce = 16

// bundles takes what a service's client hands over. An item that the store does not take in time is answered as such: the client has
// another way.
func (a *api) bundles(r *http.Request, body []byte) (int, any, error) {
	var in endpoint.Request
	if err := decode(body, &in); err != nil { // also a member of a later release, which this worker would lose
		return 0, nil, err
	}
	switch {
	case in.Namespace != "" && in.Namespace != a.Namespace:
		return 0, nil, problem(http.StatusUnprocessableEntity, invalid, "namespace", "this worker is of another namespace")
	case len(in.Batches)+len(in.Outcomes) > activities.MaxBundle:
		return 0, nil, problem(http.StatusRequestEntityTooLarge, tooLarge, "", "more than 100 items")
	}
	for _, b := range in.Batches {
		if err := checkBatch(b); err != nil {
			return 0, nil, err
		}
	}
	out := endpoint.Response{Batches: make([]endpoint.Answer, len(in.Batches)), Outcomes: make([]endpoint.Answer, len(in.Outcomes))}
	ctx, cancel := context.WithTimeout(r.Context(), onceLimit)
	defer cancel()
	w := activities.Writer{Store: a.Store, Namespace: a.Namespace, Known: a.known, Log: log.NewStructuredLogger(a.Logger)}
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, b := range in.Batches {
		all.Go(func() error {
			reply, err := w.Take(ctx, b)
			out.Batches[i] = a.answer(reply, err)
			return nil
		})
	}
	for i, o := range in.Outcomes {
		all.Go(func() error {
			repeated, err := a.Deliver(ctx, o)
			reply := activities.Reply{Refused: activities.RefusedFor(err)}
			if reply.Refused != nil {
				err = nil
			}
			out.Outcomes[i] = a.answer(reply, err)
			out.Outcomes[i].Repeated = repeated
			return nil
		})
	}
	_ = all.Wait()
	return http.StatusOK, out, nil
}

func (a *api) answer(r activities.Reply, err error) endpoint.Answer {
	if err != nil {
		a.Logger.Warn("an item is not held; its client tries another way", "error", err)
	}
	return endpoint.Answer{Reply: r, Away: err != nil}
}

// checkBatch refuses what a service does not say: runs flush through Temporal.
func checkBatch(b activities.Batch) error {
	if len(b.Records) == 0 || b.Flush != nil || b.Assignment != nil || b.Part != nil || b.Registration != nil || len(b.Waits) > 0 {
		return problem(http.StatusUnprocessableEntity, invalid, "batches", "a batch has scores and nothing else")
	}
	for _, r := range b.Records {
		if r.Source != scoring.FromClient {
			return problem(http.StatusUnprocessableEntity, invalid, "source", "it is a client's")
		}
	}
	return nil
}

// known fails for good for a run that neither the server nor the store knows.
func (a *api) known(ctx context.Context, run scoring.Run) error {
	_, err := runs.Find(ctx, a.Temporal, a.Store, run)
	if errors.Is(err, store.ErrNotFound) {
		return activities.Unknown(run)
	}
	return err
}
