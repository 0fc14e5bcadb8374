package activities

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// Rule has runs scored as they close, from their histories: of workflows that do not know Verdict, in any SDK's language.
type Rule struct {
	// Name names the rule. It is in the id of the workflow that follows it.
	Name string
	// Query is a list filter of visibility, such as WorkflowType = 'agent'. Required: a rule for every run has "WorkflowType != ''".
	Query string
	// Scorers score the runs.
	Scorers []history.Scorer
	// Sample is the share of runs that are scored, from 0 to 1; 0 means all. Which ones follows from the run id. Each scored run then has
	// the share as its score "sampled".
	Sample float64
	// Every is how often the rule looks for runs that have closed. Default: 5 s, least: 1 s.
	Every time.Duration
	// Lookback is how far back it looks when it is started for the first time. Default: 10 minutes. Later starts continue where it was.
	Lookback time.Duration
}

// Validate refuses a rule without a name, a query or a scorer, and a share that is none.
func (r Rule) Validate() error {
	if err := scoring.CheckName("rule", r.Name); err != nil {
		return err
	}
	if r.Query == "" {
		return scoring.Invalid("rule", "%s has no query", r.Name)
	}
	if len(r.Scorers) == 0 {
		return scoring.Invalid("rule", "%s has no scorer", r.Name)
	}
	if !(r.Sample >= 0 && r.Sample <= 1) {
		return scoring.Invalid("rule", "the sample of %s is %v, not from 0 to 1", r.Name, r.Sample)
	}
	for _, s := range r.Scorers {
		if err := s.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// WorkflowID is the id of the workflow that follows the rule.
func (r Rule) WorkflowID() string { return "verdict/rule/" + wire.ID(r.Name) }

// every is how often it looks.
func (r Rule) every() time.Duration {
	if r.Every == 0 {
		return 5 * time.Second
	}
	return max(r.Every, time.Second)
}

// Watch is the input of [WatchWorkflow], and what its continuations get.
type Watch struct {
	Rule string `json:"rule"`
	// Since is the time up to which closed runs were looked for, SweptAt when that was last done further back.
	// LookedBackAt when it went back a little.
	Since        time.Time `json:"since"`
	LookedBackAt time.Time `json:"looked_back_at,omitzero"`
	SweptAt      time.Time `json:"swept_at,omitzero"`
	Progress
}

// sampled tells whether a run is in the sample.
func (r Rule) sampled(run scoring.Run) bool { return inSample(r.Name, r.Sample, run) }

// inSample tells whether a run is in the sample of a name, of a share of all.
func inSample(name string, share float64, run scoring.Run) bool {
	if share == 0 || share == 1 {
		return true
	}
	sum := sha256.Sum256([]byte(name + "\x00" + run.WorkflowID + "\x00" + run.RunID))
	return float64(binary.BigEndian.Uint64(sum[:8]))/math.MaxUint64 < share
}

// rule finds a rule of this worker.
func (s *Set) rule(name string) (Rule, error) {
	for _, r := range s.Rules {
		if r.Name == name {
			return r, nil
		}
	}
	// Another worker may have it.
	return Rule{}, temporal.NewApplicationError(fmt.Sprintf("verdict: this worker has no rule %q; it waits for one that has", name), ErrorTypeNoRule)
}

// MatchRuns lists the next page of the runs that a rule is for, without the ones that its scorers have scored. Its progress has the page.
func (s *Set) MatchRuns(ctx context.Context, b Backfill) (Listed, error) {
	ctx, stop := beating(ctx)
	defer stop()
	r, err := s.rule(b.Rule)
	if err != nil {
		return Listed{}, err
	}
	b.Query = r.Query
	closes := s.Closes
	if closes == nil {
		closes = Visibility{s.Client}
	}
	page, err := closes.Closed(ctx, activity.GetInfo(ctx).Namespace, b)
	if err != nil {
		return Listed{}, err
	}
	page.Every = r.every()
	page.Runs = slices.DeleteFunc(page.Runs, func(run scoring.Run) bool { return !r.sampled(run) })
	past, left := Past{Store: s.Store, Scorers: r.Scorers}, make([]bool, len(page.Runs))
	group, all := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for i, run := range page.Runs {
		group.Go(func() error {
			scorers, err := past.left(all, run)
			left[i] = len(scorers) > 0
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Listed{}, err
	}
	var runs []scoring.Run
	for i, run := range page.Runs {
		if left[i] {
			runs = append(runs, run)
		}
	}
	page.Runs = runs
	return page, nil
}

// Preview counts the runs of the last day that a rule would have been for.
func (r Rule) Preview(ctx context.Context, c interface {
	CountWorkflow(ctx context.Context, request *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error)
}, namespace string, now time.Time) (int64, error) {
	b := Backfill{Query: r.Query, Since: now.Add(-24 * time.Hour), Until: now}
	n, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: b.Filter()})
	return n.GetCount(), unlisted(err)
}

// share is the record of the probability with which a rule scores a run.
func (r Rule) share(run *history.Run) scoring.Record {
	s := history.Scorer{Name: "sampled", Version: "1", Key: scoring.Clip("rule:"+r.Name, scoring.MaxKey)}
	return s.Record(run, scoring.Number("sampled", r.Sample))
}
