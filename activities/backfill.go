package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// Ended says why it has ended: "done" or "max_runs"; empty: it has not, or somebody ended it, which the server knows.
	Ended string `json:"ended,omitempty"`
}

// Counts say what became of runs. A run counts in one of them.
type Counts struct {
	Scored  int64 `json:"scored"`
	Skipped int64 `json:"skipped"` // scored before by every scorer
	Gone    int64 `json:"gone"`    // listed, and its history is no longer there
	Failed  int64 `json:"failed"`  // a scorer failed again and again: an error score says why
}

// Add adds up.
func (c *Counts) Add(d Counts) {
	c.Scored, c.Skipped, c.Gone, c.Failed = c.Scored+d.Scored, c.Skipped+d.Skipped, c.Gone+d.Gone, c.Failed+d.Failed
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
	namespace := activity.GetInfo(ctx).Namespace
	r, err := s.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: namespace, PageSize: listSize, NextPageToken: b.Progress.Page, Query: b.Filter(),
	})
	if err != nil {
		return Listed{}, unlisted(err)
	}
	page := Listed{Next: r.GetNextPageToken()}
	for _, e := range r.GetExecutions() {
		if !strings.HasPrefix(e.GetType().GetName(), ownTypes) {
			page.Runs = append(page.Runs, scoring.Run{Namespace: namespace, WorkflowID: e.GetExecution().GetWorkflowId(), RunID: e.GetExecution().GetRunId()})
		}
	}
	return page, nil
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
	ctx, stop := beating(ctx)
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
	var counts Counts
	for some := range slices.Chunk(x.Runs, recordAtOnce) {
		c, err := past.Score(ctx, some, activity.GetInfo(ctx).Attempt >= scorerTries)
		if err != nil {
			return Counts{}, typed(err)
		}
		counts.Add(c)
	}
	return counts, nil
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

// Score scores some runs and records the scores in one transaction, with what the histories say of the runs. Where a scorer fails, and a further try may help, it fails, unless
// it is the last try: then the run gets an error score.
func (p Past) Score(ctx context.Context, runs []scoring.Run, last bool) (Counts, error) {
	type result struct {
		facts   []scoring.RunFacts
		records []scoring.Record
		counts  Counts
	}
	results := make([]result, len(runs))
	group, all := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for i, run := range runs {
		group.Go(func() (err error) {
			r := &results[i]
			r.facts, r.records, r.counts, err = p.one(all, run, last)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Counts{}, err
	}
	var facts []scoring.RunFacts
	var records []scoring.Record
	var counts Counts
	for _, r := range results {
		facts, records = append(facts, r.facts...), append(records, r.records...)
		counts.Add(r.counts)
	}
	return counts, p.Store.RecordRuns(ctx, facts, records)
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
		made, err := s.Records(ctx, r)
		if err != nil {
			if !last || ctx.Err() != nil {
				return nil, nil, Counts{}, err
			}
			made, counts = []scoring.Record{s.Failed(r, err.Error())}, Counts{Failed: 1}
		}
		records = append(records, made...)
	}
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
