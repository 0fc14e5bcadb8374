package app

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/scoring"
)

// estimate is what a backfill will take.
type estimate struct {
	// Runs is how many it reads, Sampled how many were read for the estimate.
	Runs    int64 `json:"runs"`
	Sampled int   `json:"sampled"`
	// Events and Bytes are of all histories, by the sample.
	Events float64 `json:"events"`
	Bytes  float64 `json:"bytes"`
	// Seconds is how long it takes at least: to read the histories, or by the rate.
	Seconds float64 `json:"seconds"`
	// Actions are what it costs on Temporal Cloud, without what judges cost.
	Actions int64 `json:"actions"`
	// Tried is how many runs were scored to learn what they cost, Cost what all would, by the prices of the scorers, and CostLo and CostHi its
	// interval of 95 %: there where runs were tried. The tried runs are in it, and keep their scores: a backfill does not pay for them again.
	Tried  int64    `json:"tried,omitempty"`
	Cost   *float64 `json:"cost,omitempty"`
	CostLo *float64 `json:"cost_lo,omitempty"`
	CostHi *float64 `json:"cost_hi,omitempty"`
}

// tryBackfill scores a sample of the runs and says what all would cost. The runs are drawn by their ids from all, so the newest are no
// more likely in it than others.
func (s *starter) tryBackfill(ctx context.Context, c client.Client, b activities.Backfill, try int, count int64, r *backfillResult) error {
	b.MaxRuns, b.Sample = 0, min(1, float64(try)/float64(count))
	name := "try-" + time.Now().UTC().Format("20060102-150405.000")
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: backfillPrefix + name, TaskQueue: s.queue}, activities.BackfillWorkflow, b)
	if err != nil {
		return fmt.Errorf("backfill %s: %w", name, err)
	}
	tried := backfillResult{Name: name}
	if err := s.watch(ctx, c, run, &tried); err != nil {
		return err
	}
	if tried.Spent {
		return fmt.Errorf("the budget of %s is spent after %d runs: try fewer; starter backfill resume %s --budget continues", money(b.Budget), tried.Scored, name)
	}
	r.Estimate.costOf(tried.Counts)
	return nil
}

// costOf estimates what all runs cost by the ones that were tried: their mean for each run, and the interval of the mean of a sample that is
// drawn without replacement (Cochran, Sampling Techniques, 1977, section 2.6).
func (e *estimate) costOf(c activities.Counts) {
	n, all := float64(c.Done()), float64(e.Runs) // one that was scored before costs nothing
	if n == 0 {
		return
	}
	mean := c.Cost / n
	half := math.Inf(1)
	if n > 1 {
		variance := max(0, (c.Squares-n*mean*mean)/(n-1))
		half = 1.96 * math.Sqrt(variance/n*max(0, 1-n/all)) * all
	}
	cost, lo, hi := mean*all, max(c.Cost, mean*all-half), mean*all+half
	e.Tried, e.Cost = c.Done(), &cost
	if !math.IsInf(hi, 0) {
		e.CostLo, e.CostHi = &lo, &hi
	}
}

// sampled is how many histories an estimate reads, and readers how many a backfill reads at once.
const (
	sampled = 20
	readers = 32
)

// estimateBackfill reads some of the histories.
func estimateBackfill(ctx context.Context, c client.Client, o client.Options, b activities.Backfill, count int64) (*estimate, error) {
	e := &estimate{Runs: count}
	if b.MaxRuns > 0 {
		e.Runs = min(e.Runs, int64(b.MaxRuns))
	}
	page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: o.Namespace, PageSize: sampled, Query: b.Filter()})
	if err != nil {
		return nil, err
	}
	began, events, bytes := time.Now(), int64(0), int64(0)
	for _, x := range page.GetExecutions() {
		id := scoring.Run{Namespace: o.Namespace, WorkflowID: x.GetExecution().GetWorkflowId(), RunID: x.GetExecution().GetRunId()}
		r, err := history.Fetch(ctx, history.Server(c), id, history.Options{DataConverter: o.DataConverter})
		if history.Missing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		e.Sampled, events, bytes = e.Sampled+1, events+r.Events, bytes+r.Bytes
	}
	if e.Sampled > 0 {
		each := float64(e.Runs) / float64(e.Sampled)
		e.Events, e.Bytes = float64(events)*each, float64(bytes)*each
		e.Seconds = time.Since(began).Seconds() * each / readers
	}
	parts := int64(100)
	if b.Rate > 0 {
		parts = min(parts, max(1, int64(b.Rate)))
		e.Seconds = max(e.Seconds, float64(e.Runs)/b.Rate)
	}
	pages := (count + 999) / 1000
	e.Actions = 1 + 1 + pages + (e.Runs+parts-1)/parts + pages/20
	if b.Rate > 0 {
		e.Actions += (e.Runs + parts - 1) / parts // a timer each
	}
	return e, nil
}

func (e *estimate) write(w io.Writer, b activities.Backfill, count int64) error {
	_, err := fmt.Fprintf(w, "%d runs closed from %s to %s; %d of them would be read, except the ones that the scorers have scored\n"+
		"by %d of them: %.0f events, %.1f MB, at least %s; %d actions of Temporal Cloud, %s\n",
		count, b.Since.UTC().Format(time.RFC3339), b.Until.UTC().Format(time.RFC3339), e.Runs,
		e.Sampled, e.Events, e.Bytes/1e6, time.Duration(math.Ceil(e.Seconds))*time.Second, e.Actions, e.money())
	return err
}

// money says what the scores cost.
func (e *estimate) money() string {
	switch {
	case e.Cost == nil:
		return "and what the judges cost: --try 100 asks them about 100 runs"
	case *e.Cost == 0:
		return fmt.Sprintf("and the scores cost nothing, by %d runs that were scored", e.Tried)
	case e.CostLo == nil:
		return fmt.Sprintf("and the scores cost %s, by %d runs that were scored", money(*e.Cost), e.Tried)
	}
	return fmt.Sprintf("and the scores cost %s (%s to %s), by %d runs that were scored, and are not again", money(*e.Cost), money(*e.CostLo), money(*e.CostHi), e.Tried)
}

// whyNone says why no run matches: which condition leaves none.
func whyNone(ctx context.Context, c client.Client, namespace string, b activities.Backfill) string {
	count := func(filter string) int64 {
		n, err := countRuns(ctx, c, namespace, filter)
		if err != nil {
			return -1
		}
		return n
	}
	why := fmt.Sprintf("no run matches that closed from %s to %s.", b.Since.UTC().Format(time.RFC3339), b.Until.UTC().Format(time.RFC3339))
	if b.Query != "" {
		switch all := count(b.Query); {
		case all == 0:
			why += fmt.Sprintf(" The query itself matches no run at all, open or closed: %s.", b.Query)
		case all > 0:
			open := count("(" + b.Query + ") AND ExecutionStatus = 'Running'")
			why += fmt.Sprintf(" The query matches %d runs, of which %d are open; the others closed at another time.", all, max(open, 0))
		}
		other := b
		other.Query = ""
		if n := count(other.Filter()); n >= 0 {
			why += fmt.Sprintf(" Without the query %d runs match.", n)
		}
	}
	if d, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace}); err == nil {
		if keep := d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); keep > 0 && time.Now().Add(-keep).After(b.Since) {
			why += fmt.Sprintf(" The server keeps closed runs for %s in namespace %s: earlier ones are gone.", keep, namespace)
		}
	}
	return why
}
