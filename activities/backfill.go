package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Backfill says which past runs are scored, and by which scorers. It is the input of [BackfillWorkflow], and what its continuations get.
type Backfill struct {
	// Scorers are the scorers' ids, name@version.
	Scorers []string `json:"scorers"`
	// Query is a list filter of visibility, such as WorkflowType = "agent"; empty: every run but Verdict's own.
	Query string `json:"query,omitempty"`
	// Since and Until frame the time at which the runs closed. They are set at the start and do not move.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Rate is the most runs a second; 0: no limit. MaxRuns is the most runs that are scored; 0: no limit.
	Rate    float64 `json:"rate,omitempty"`
	MaxRuns int     `json:"max_runs,omitempty"`
	// Budget is the most that the scores may cost, in the currency of the scorers' prices; 0: no limit. A backfill that has spent it pauses.
	Budget float64 `json:"budget,omitempty"`
	// Sample is the share of runs that are scored, from 0 to 1; 0 means all. Which ones follows from the run id.
	Sample float64 `json:"sample,omitempty"`
	// Rule, if set, names the rule whose query and scorers count.
	Rule string `json:"rule,omitempty"`
	// Recheck, if set, names the recheck whose query and scorers count, and Back is how long before its scheduled time the runs closed at
	// most. Runs are scored again: the same score changes nothing.
	Recheck string        `json:"recheck,omitempty"`
	Back    time.Duration `json:"back,omitempty"`
	// Progress is how far it is.
	Progress Progress `json:"progress"`
}

// Progress is how far a backfill is. [ProgressQuery] answers with it.
type Progress struct {
	// Total is how many runs matched at the start, as visibility counts them.
	Total int64 `json:"total"`
	Counts
	// Page is the token of the next page; nil at the beginning.
	Page []byte `json:"page,omitempty"`
	// StartedAt is when the first run of the workflow began.
	StartedAt time.Time `json:"started_at"`
	Paused    bool      `json:"paused,omitempty"`
	// Budget is the budget as it is now, and Spent tells that no further run fits in it: the backfill waits for a larger one.
	Budget float64 `json:"budget,omitempty"`
	Spent  bool    `json:"spent,omitempty"`
	// Until is the time of a recheck's night.
	Until time.Time `json:"until,omitzero"`
	// Ended says why it has ended: "done" or "max_runs"; empty: it has not, or somebody ended it, which the server knows.
	Ended string `json:"ended,omitempty"`
}

// Counts say what became of runs. A run counts in one of them.
type Counts struct {
	Scored  int64 `json:"scored"`
	Skipped int64 `json:"skipped"` // scored before by every scorer
	Gone    int64 `json:"gone"`    // listed, and its history is no longer there
	Failed  int64 `json:"failed"`  // a scorer failed again and again: an error score says why
	// Cost is what the scores cost, by the prices of their scorers, and Squares the sum of the squares of the costs of runs. Unpriced counts calls of
	// models without a price: they are not in it. Dearest is the most that a run cost.
	Cost     float64 `json:"cost,omitempty"`
	Squares  float64 `json:"squares,omitempty"`
	Dearest  float64 `json:"dearest,omitempty"`
	Unpriced int64   `json:"unpriced,omitempty"`
	// Left is how many runs of a part are left, in its order, because the budget was spent.
	Left int `json:"left,omitempty"`
}

// Resume is what [ResumeSignal] carries. A budget that is not 0 replaces the one that there is.
type Resume struct {
	Budget float64 `json:"budget,omitempty"`
}

// Add adds up.
func (c *Counts) Add(d Counts) {
	c.Scored, c.Skipped, c.Gone, c.Failed = c.Scored+d.Scored, c.Skipped+d.Skipped, c.Gone+d.Gone, c.Failed+d.Failed
	c.Cost, c.Squares, c.Unpriced, c.Dearest = c.Cost+d.Cost, c.Squares+d.Squares, c.Unpriced+d.Unpriced, max(c.Dearest, d.Dearest)
}

// Done is how many runs are behind it.
func (c Counts) Done() int64 { return c.Scored + c.Skipped + c.Gone + c.Failed }

// Filter is the list filter of the runs of b.
func (b Backfill) Filter() string {
	closed := fmt.Sprintf("ExecutionStatus != 'Running' AND CloseTime >= '%s' AND CloseTime < '%s'", b.Since.UTC().Format(time.RFC3339Nano), b.Until.UTC().Format(time.RFC3339Nano))
	if b.Query == "" {
		return closed
	}
	return "(" + b.Query + ") AND " + closed
}

// Listed is a page of runs.
type Listed struct {
	Runs []scoring.Run `json:"runs"`
	Next []byte        `json:"next,omitempty"`
	// Every is how often a rule looks.
	Every time.Duration `json:"every,omitempty"`
}

// listSize is how many runs one call of visibility lists.
const listSize = 1000

// CountRuns counts the runs of a backfill, Verdict's own included.
func (s *Set) CountRuns(ctx context.Context, b Backfill) (int64, error) {
	ctx, stop := beating(ctx)
	defer stop()
	b, err := s.queried(b)
	if err != nil {
		return 0, err
	}
	r, err := s.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: activity.GetInfo(ctx).Namespace, Query: b.Filter()})
	return r.GetCount(), unlisted(err)
}

// ListRuns lists the next page of the runs of a backfill.
func (s *Set) ListRuns(ctx context.Context, b Backfill) (Listed, error) {
	ctx, stop := beating(ctx)
	defer stop()
	b, err := s.queried(b)
	if err != nil {
		return Listed{}, err
	}
	page, err := Visibility{s.Client}.Closed(ctx, activity.GetInfo(ctx).Namespace, b)
	page.Runs = slices.DeleteFunc(page.Runs, func(run scoring.Run) bool { return !inSample("backfill", b.Sample, run) })
	return page, err
}

// ownTypes begins the workflow types of Verdict's own runs.
const ownTypes = "verdict."

// unlisted makes a query that visibility does not understand an error that no retry mends.
func unlisted(err error) error {
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) {
		return Refuse(scoring.Invalid("query", "%s", invalid.Message))
	}
	return err
}

// ToScore are runs and the scorers that score them.
type ToScore struct {
	Scorers []string      `json:"scorers,omitempty"`
	Runs    []scoring.Run `json:"runs"`
	// Rule, if set, names the rule whose scorers score them.
	Rule string `json:"rule,omitempty"`
	// Recheck, if set, names the recheck whose scorers score them, again.
	Recheck string `json:"recheck,omitempty"`
	// Budget, if set, is the most that the scores may cost, and Dearest the most that a run has cost so far.
	Budget  float64 `json:"budget,omitempty"`
	Dearest float64 `json:"dearest,omitempty"`
}

// How many histories are read at once, and how often a scorer is tried until its error is a score.
const (
	readAtOnce   = 8
	scorerTries  = 5
	recordAtOnce = 25 // runs
)

// ScoreRuns scores closed runs from their histories. A run that has scores of a scorer already is not scored again by it, and a run
// that has them of all is not even read: so it may be repeated at any point.
func (s *Set) ScoreRuns(ctx context.Context, x ToScore) (Counts, error) {
	counts := spentBefore(ctx)
	counts.Dearest = max(counts.Dearest, x.Dearest)
	var mu sync.Mutex
	ctx, stop := beatingWith(ctx, func() any {
		mu.Lock()
		defer mu.Unlock()
		return counts.money()
	})
	defer stop()
	past := Past{Store: s.Store, From: history.Server(s.Client), Options: history.Options{DataConverter: s.DataConverter}, Now: s.now}
	switch {
	case x.Recheck != "":
		recheck, err := s.recheck(x.Recheck)
		if err != nil {
			return Counts{}, err
		}
		past.Scorers, past.Again = recheck.Scorers, true
	case x.Rule != "":
		rule, err := s.rule(x.Rule)
		if err != nil {
			return Counts{}, err
		}
		past.Scorers = rule.Scorers
		if rule.Sample > 0 && rule.Sample < 1 {
			past.Share = rule.share
		}
	default:
		scorers, err := s.scorers(x.Scorers)
		if err != nil {
			return Counts{}, Refuse(err)
		}
		past.Scorers = scorers
	}
	for left := x.Runs; len(left) > 0; {
		n := min(len(left), recordAtOnce)
		if x.Budget > 0 {
			if n = counts.fits(x.Budget, min(len(left), readAtOnce)); n == 0 {
				mu.Lock()
				counts.Left = len(left)
				mu.Unlock()
				break
			}
		}
		c, err := past.Score(ctx, left[:n], activity.GetInfo(ctx).Attempt >= scorerTries)
		mu.Lock()
		if err != nil {
			c = c.money() // the runs are counted by the next attempt
		}
		counts.Add(c)
		mu.Unlock()
		if err != nil {
			activity.RecordHeartbeat(ctx, counts.money())
			return Counts{}, typed(err)
		}
		if left = left[n:]; x.Budget > 0 && counts.Unpriced > 0 {
			return Counts{}, Refuse(scoring.Invalid("budget", "a model that was asked has no price, so no budget holds"))
		}
	}
	return counts, nil
}

// money is what c says of money.
func (c Counts) money() Counts {
	return Counts{Cost: c.Cost, Squares: c.Squares, Dearest: c.Dearest, Unpriced: c.Unpriced}
}

// fits is how many runs, at most n, may be asked about within a budget: each as dear as the dearest so far. As long as nothing has cost anything, it is
// no more than have been asked.
func (c Counts) fits(budget float64, n int) int {
	if c.Dearest == 0 {
		return min(n, max(1, int(c.Scored)))
	}
	return max(0, min(n, int((budget-c.Cost)/c.Dearest)))
}

// spentBefore is what earlier attempts of an activity have spent.
func spentBefore(ctx context.Context) (c Counts) {
	if activity.HasHeartbeatDetails(ctx) {
		_ = activity.GetHeartbeatDetails(ctx, &c)
	}
	return c
}

// scorers finds scorers by their ids. A name alone is the newest version in the list.
func (s *Set) scorers(ids []string) ([]history.Scorer, error) {
	var found []history.Scorer
	for _, id := range ids {
		scorer, ok := FindScorer(s.Scorers, id)
		if !ok {
			return nil, scoring.Invalid("scorer", "this worker has no scorer %q", id)
		}
		found = append(found, scorer)
	}
	return found, nil
}

// FindScorer finds a scorer by its id, name@version, or by its name: then it is the last one of that name. The ready-made ones that need no
// setting are there as well.
func FindScorer(all []history.Scorer, id string) (found history.Scorer, ok bool) {
	for _, s := range slices.Concat(history.Behaviour(), []history.Scorer{history.EachStep()}, all) {
		if s.ID() == id || s.Name == id {
			found, ok = s, true
		}
	}
	return found, ok
}

// Past scores runs from their histories.
type Past struct {
	Store   store.Store
	From    history.Source
	Options history.Options
	Scorers []history.Scorer
	Now     func() time.Time
	// Again scores runs that have scores already.
	Again bool
	// Share, if set, makes the record of the probability with which a run was chosen.
	Share func(r *history.Run) scoring.Record
}

// Score scores some runs and records the scores in one transaction, with what the histories say of the runs. Where a scorer fails, and a
// further try may help, it fails, unless it is the last try: then the run gets an error score. What the other runs got is kept, and counted:
// it may have cost something.
func (p Past) Score(ctx context.Context, runs []scoring.Run, last bool) (Counts, error) {
	type result struct {
		facts   []scoring.RunFacts
		records []scoring.Record
		counts  Counts
	}
	results, failed := make([]result, len(runs)), make([]error, len(runs))
	var group errgroup.Group
	group.SetLimit(readAtOnce)
	for i, run := range runs {
		group.Go(func() error {
			r := &results[i]
			r.facts, r.records, r.counts, failed[i] = p.one(ctx, run, last)
			return nil
		})
	}
	_ = group.Wait()
	var facts []scoring.RunFacts
	var records []scoring.Record
	var counts Counts
	for _, r := range results {
		facts, records = append(facts, r.facts...), append(records, r.records...)
		counts.Add(r.counts)
	}
	return counts, errors.Join(p.Store.RecordRuns(ctx, facts, records), cmp.Or(failed...))
}

// one scores a run.
func (p Past) one(ctx context.Context, run scoring.Run, last bool) (facts []scoring.RunFacts, records []scoring.Record, counts Counts, err error) {
	left, err := p.left(ctx, run)
	if err != nil || len(left) == 0 {
		return nil, nil, Counts{Skipped: 1}, err
	}
	r, err := history.Fetch(ctx, p.From, run, p.Options)
	if history.Missing(err) {
		return nil, nil, Counts{Gone: 1}, nil
	}
	if err != nil {
		return nil, nil, Counts{}, err
	}
	counts = Counts{Scored: 1}
	for _, s := range left {
		made, spent, err := s.RecordsAndCost(ctx, r)
		counts.Cost, counts.Unpriced = counts.Cost+spent.Cost, counts.Unpriced+spent.Unpriced
		if err != nil {
			if !last || ctx.Err() != nil {
				return nil, nil, counts.money(), err
			}
			made, counts.Scored, counts.Failed = []scoring.Record{s.Failed(r, err.Error())}, 0, 1
		}
		records = append(records, made...)
	}
	counts.Squares, counts.Dearest = counts.Cost*counts.Cost, counts.Cost
	if p.Share != nil {
		records = append(records, p.Share(r))
	}
	for i := range records {
		records[i].RecordedAt = p.Now()
	}
	return []scoring.RunFacts{r.Facts()}, records, counts, nil
}

// left are the scorers that have not scored a run. An error score does not count.
func (p Past) left(ctx context.Context, run scoring.Run) ([]history.Scorer, error) {
	if p.Again {
		return p.Scorers, nil
	}
	has, err := p.Store.Scores(ctx, store.Filter{Run: run, Superseded: true})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(p.Scorers), func(s history.Scorer) bool {
		return slices.ContainsFunc(has, func(r scoring.Record) bool {
			return r.State != scoring.Failed && r.State != scoring.Pending && s.Made(r)
		})
	}), nil
}
