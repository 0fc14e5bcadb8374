package storeworker

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/scoring"
)

// Rule has runs scored as they close, from their histories: of workflows that do not know Verdict, in any SDK's language.
type Rule = activities.Rule

// How a rule is started.
const (
	ruleEvery    = time.Minute
	ruleLookback = 10 * time.Minute
	previewEvery = 24 * time.Hour
)

// validate refuses scorers and rules that are not valid, and a name that several rules have.
func validate(scorers []history.Scorer, rules []Rule, rechecks []Recheck) error {
	for _, s := range scorers {
		if err := s.Validate(); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	for _, r := range rules {
		if err := r.Validate(); err != nil {
			return err
		}
		if names[r.Name] {
			return scoring.Invalid("rules", "%s appears twice", r.Name)
		}
		names[r.Name] = true
	}
	clear(names)
	for _, r := range rechecks {
		if err := r.Validate(); err != nil {
			return err
		}
		if names[r.Name] {
			return scoring.Invalid("rechecks", "%s appears twice", r.Name)
		}
		names[r.Name] = true
	}
	return nil
}

// follow starts the workflows that follow the rules. Each replica does; one that runs already stays as it is.
func (s *Worker) follow(cfg Options) task {
	return task{what: "start the workflows that follow rules", every: ruleEvery, do: func(ctx context.Context) error {
		var errs []error
		for _, r := range cfg.Rules {
			lookback := r.Lookback
			if lookback == 0 {
				lookback = ruleLookback
			}
			_, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
				ID: r.WorkflowID(), TaskQueue: cfg.TaskQueue, WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			}, activities.WatchWorkflow, activities.Watch{Rule: r.Name, Since: time.Now().Add(-lookback)})
			if err != nil {
				errs = append(errs, fmt.Errorf("rule %s: %w", r.Name, err))
			}
		}
		return errors.Join(errs...)
	}}
}

// preview says in the log for how many runs of the last day each rule would have been: a rule that matches nothing is a mistake, or new.
func (s *Worker) preview(cfg Options) task {
	return task{what: "preview the rules", every: previewEvery, do: func(ctx context.Context) error {
		for _, r := range cfg.Rules {
			n, err := r.Preview(ctx, s.temporal, cfg.Client.Namespace, time.Now())
			switch {
			case err != nil:
				s.log.Warn("a rule cannot be previewed", "rule", r.Name, "query", r.Query, "error", err)
			case n == 0:
				s.log.Warn("a rule matches no run that closed in the last day: is the query right?", "rule", r.Name, "query", r.Query, "try",
					fmt.Sprintf("verdict backfill --scorer %s --query %q --dry-run", r.Scorers[0].Name, r.Query))
			default:
				s.log.Info("a rule is followed", "rule", r.Name, "query", r.Query, "runs_of_the_last_day", n, "sample", r.Sample)
			}
		}
		return nil
	}}
}
