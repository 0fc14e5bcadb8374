package verdict

import (
	"context"
	"time"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/endpoint"
	"github.com/verdict-dev/verdict/internal/runs"
)

// A score or an outcome goes to the endpoint first, if there is one, and then to Temporal. Ids and times are made once, before the
// first way, so that what both ways took is one score.

// send hands over batches and says what became of each.
func (c *Client) send(ctx context.Context, batches []activities.Batch) []activities.Sent {
	if c.endpoint == nil {
		return c.carrier.HandOver(ctx, batches)
	}
	sent := make([]activities.Sent, len(batches))
	var left []int
	for _, group := range activities.Groups(batches) {
		answers := c.ask(ctx, endpoint.Request{Batches: these(batches, group)}).Batches
		for at, i := range group {
			if at < len(answers) && !answers[at].Away {
				sent[i] = activities.Answered(answers[at].Reply)
				continue
			}
			left = append(left, i)
		}
	}
	looked := make([]activities.Batch, len(left))
	each(len(left), func(n int) { looked[n], sent[left[n]].Err = c.looked(ctx, batches[left[n]]) })
	var others []activities.Batch
	var at []int
	for n, i := range left {
		if sent[i].Err == nil {
			others, at = append(others, looked[n]), append(at, i)
		}
	}
	if len(others) == 0 {
		return sent
	}
	for n, s := range c.carrier.HandOver(ctx, others) {
		sent[at[n]] = s
	}
	return sent
}

// ask posts a request to the endpoint. Nothing is the answer of one that does not take it.
func (c *Client) ask(ctx context.Context, r endpoint.Request) endpoint.Response {
	a, err := c.endpoint.Send(ctx, r)
	if err != nil {
		return endpoint.Response{}
	}
	return a
}

// looked asks the server for the run that b is about, which the endpoint was to do: a score of a run that it knows waits for nobody.
func (c *Client) looked(ctx context.Context, b activities.Batch) (activities.Batch, error) {
	if !b.MustKnow {
		return b, nil
	}
	_, known, err := runs.AtServer(ctx, c.temporal, b.Records[0].Run)
	b.MustKnow = !known
	return b, err
}

// deliver hands over outcomes of different IDs and says what became of each.
func (c *Client) deliver(ctx context.Context, all []Outcome) []Result {
	results := make([]Result, len(all))
	var valid []int
	for i := range all {
		if all[i].ReceivedAt.IsZero() {
			all[i].ReceivedAt = time.Now().UTC()
		}
		if results[i].Err = all[i].Validate(); results[i].Err == nil {
			valid = append(valid, i)
		}
	}
	left := valid
	if c.endpoint != nil {
		left = nil
		outcomes := these(all, valid)
		for _, group := range activities.Groups(outcomes) {
			answers := c.ask(ctx, endpoint.Request{Outcomes: these(outcomes, group)}).Outcomes
			for at, n := range group {
				i := valid[n]
				if at < len(answers) && !answers[at].Away {
					results[i] = Result{Receipt{Repeated: answers[at].Repeated}, answers[at].Refused.Err()}
					continue
				}
				all[i].Retried = true // it may have been taken without an answer
				left = append(left, i)
			}
		}
	}
	each(len(left), func(n int) {
		i := left[n]
		results[i].Repeated, results[i].Err = c.carrier.Deliver(ctx, all[i])
	})
	return results
}

// these are the items of these numbers.
func these[T any](all []T, of []int) []T {
	some := make([]T, len(of))
	for at, i := range of {
		some[at] = all[i]
	}
	return some
}
