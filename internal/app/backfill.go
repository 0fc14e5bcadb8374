package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
)

// backfillFlags are the flags of `starter backfill`.
type backfillFlags struct {
	scorers, query, name string
	since, until         time.Time
	rate, budget         float64
	maxRuns, try         int
	dryRun, detach       bool
}

// backfillPrefix begins the workflow ids of backfills.
const backfillPrefix = "verdict/backfill/"

// backfillCommand is `starter backfill` with its own commands.
func (s *starter) backfillCommand() *cobra.Command {
	var f backfillFlags
	c := s.command(&cobra.Command{
		Use:   "backfill",
		Short: "Score runs that have closed, from their histories",
		Long: `Score runs that have closed, from the histories that the server keeps: of workflows in any SDK's language, with or without Verdict. A run that
a scorer has scored is skipped. Which runs these are is settled at the start: runs that close later do not join. It runs as a workflow of
the worker that keeps the store, so this command may be interrupted; "starter backfill status NAME" shows how far it is.

The ready-made scorers are succeeded, duration, retries, wasted_attempts, failed_steps, slowest_step, queue_wait, repeated_calls,
tokens and steps. Others are the ones of the worker's own program.`,
		Example: `  starter backfill --scorer retries,wasted_attempts --query "WorkflowType = 'agent'" --since 30d --dry-run
  starter backfill --scorer succeeded --since 7d --rate 50
  starter backfill pause NAME`,
	}, settings{
		{flag: "scorer", kind: "NAME[@VERSION],…", usage: "the scorers", read: textOf(&f.scorers)},
		{flag: "query", kind: "FILTER", usage: "list filter of the runs, as of \"temporal workflow list --query\" (default every run but Verdict's own)", read: textOf(&f.query)},
		{flag: "since", fallback: "7d", kind: "age|time", usage: "only runs that closed since then: an age such as 30d or 12h, or an RFC 3339 time", read: momentOf(&f.since)},
		{flag: "until", fallback: "0h", kind: "age|time", usage: "only runs that closed before then", read: momentOf(&f.until)},
		{flag: "rate", fallback: "0", kind: "runs", usage: "at most this many runs a second; 0: no limit", read: rateOf(&f.rate)},
		{flag: "max-runs", fallback: "0", kind: "n", usage: "score at most this many runs; 0: all", read: countOf(&f.maxRuns, 1)},
		{flag: "budget", fallback: "0", kind: "money", usage: "pause once the scores have cost this much, by the prices of their scorers; 0: no limit", read: moneyOf(&f.budget)},
		{flag: "try", fallback: "0", kind: "n", usage: "with --dry-run: score about this many runs, drawn from all, keep their scores, and say what all would cost", read: countOf(&f.try, 1)},
		{flag: "name", kind: "string", usage: "name of the backfill (default made of the scorers and the time)", read: textOf(&f.name)},
		{flag: "dry-run", fallback: "false", kind: "bool", usage: "only say how many runs there are, how long it takes and what it costs", read: boolOf(&f.dryRun)},
		{flag: "detach", fallback: "false", kind: "bool", usage: "return once it has started", read: boolOf(&f.detach)},
	}, func(ctx context.Context, _ []string) error { return s.backfill(ctx, f) })
	var budget float64
	more := settings{{flag: "budget", fallback: "0", kind: "money", usage: "the budget from now on, with what has been spent; 0: as it is", read: moneyOf(&budget)}}
	for name, short := range map[string]string{"status": "Show how far a backfill is", "pause": "Pause a backfill", "resume": "Continue a backfill that was paused, or has spent its budget"} {
		use, flags := name+" NAME", settings(nil)
		if name == "resume" {
			flags = more
		}
		c.AddCommand(s.command(&cobra.Command{Use: use, Short: short, Args: argumentsOf(use)}, flags, func(ctx context.Context, args []string) error {
			return s.steerBackfill(ctx, name, args[0], budget)
		}))
	}
	c.AddCommand(s.compareCommand())
	return c
}

// momentOf reads a time, or an age before now in days, hours and so on.
func momentOf(to *time.Time) func(string) error {
	return func(text string) error {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			*to = at
			return nil
		}
		age, err := time.ParseDuration(text)
		if days, ok := strings.CutSuffix(text, "d"); ok {
			var n int
			n, err = strconv.Atoi(days)
			age = time.Duration(n) * 24 * time.Hour
		}
		if err != nil || age < 0 {
			return fmt.Errorf("%q is neither an age, such as 30d or 12h, nor an RFC 3339 time", text)
		}
		*to = time.Now().Add(-age)
		return nil
	}
}

// rateOf reads a number that is not negative.
func rateOf(to *float64) func(string) error {
	return func(text string) (err error) {
		if *to, err = strconv.ParseFloat(text, 64); err != nil || !(*to >= 0) || *to > 1e6 {
			return fmt.Errorf("%q is not a number of runs a second", text)
		}
		return nil
	}
}

// moneyOf reads an amount of money that is not negative.
func moneyOf(to *float64) func(string) error {
	return func(text string) (err error) {
		if *to, err = strconv.ParseFloat(text, 64); err != nil || !(*to >= 0) || math.IsInf(*to, 0) {
			return fmt.Errorf("%q is not an amount of money", text)
		}
		return nil
	}
}

// backfillResult is the output of `starter backfill`.
type backfillResult struct {
	Name string `json:"name"`
	activities.Progress
	// Estimate is there in a dry run.
	Estimate *estimate `json:"estimate,omitempty"`
	// Why says why there is no run.
	Why string `json:"why,omitempty"`
}

func (s *starter) backfill(ctx context.Context, f backfillFlags) error {
	scorers := strings.FieldsFunc(f.scorers, func(r rune) bool { return r == ',' || r == ' ' })
	if len(scorers) == 0 {
		return usage("say which scorers: `%s backfill --help` lists the ready-made ones", s.program)
	}
	if !f.since.Before(f.until) {
		return usage("--since must be before --until")
	}
	if f.try > 0 && !f.dryRun {
		return usage("--try belongs to --dry-run; --max-runs limits a backfill")
	}
	c, o, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	b := activities.Backfill{Scorers: scorers, Query: f.query, Since: f.since, Until: f.until, Rate: f.rate, MaxRuns: f.maxRuns, Budget: f.budget}
	count, err := countRuns(ctx, c, o.Namespace, b.Filter())
	if err != nil {
		return err
	}
	result := backfillResult{Name: f.name}
	result.Total = count
	if count == 0 {
		result.Why = whyNone(ctx, c, o.Namespace, b)
		return s.print(result, func(w io.Writer) error { _, err := fmt.Fprintln(w, result.Why); return err })
	}
	if f.dryRun {
		if result.Estimate, err = estimateBackfill(ctx, c, o, b, count); err != nil {
			return err
		}
		if f.try > 0 {
			if err := s.tryBackfill(ctx, c, b, f.try, count, &result); err != nil {
				return err
			}
		}
		return s.print(result, func(w io.Writer) error { return result.Estimate.write(w, b, count) })
	}
	if result.Name == "" {
		result.Name = strings.Join(scorers, "+") + "-" + time.Now().UTC().Format("20060102-150405")
	}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: backfillPrefix + result.Name, TaskQueue: s.queue, WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, activities.BackfillWorkflow, b)
	if err != nil {
		return fmt.Errorf("backfill %s: %w", result.Name, err)
	}
	if !f.detach {
		if err := s.watch(ctx, c, run, &result); err != nil {
			return err
		}
	}
	return s.printBackfill(result)
}

// watch follows a backfill to its end, with a line that is written again and again.
func (s *starter) watch(ctx context.Context, c client.Client, run client.WorkflowRun, result *backfillResult) error {
	done := make(chan error, 1)
	go func() { done <- run.Get(ctx, &result.Progress) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			fmt.Fprint(s.Stderr, "\r\x1b[K")
			if err != nil {
				return fmt.Errorf("backfill %s: %w", result.Name, err)
			}
			return nil
		case <-tick.C:
			p, err := progressOf(ctx, c, result.Name)
			if err != nil {
				continue
			}
			fmt.Fprintf(s.Stderr, "\r\x1b[K%s", bar(p, time.Now()))
			if p.Spent { // it waits for somebody, and not for this command
				fmt.Fprintln(s.Stderr)
				result.Progress = p
				return nil
			}
		}
	}
}

// bar is a line about a backfill that is under way.
func bar(p activities.Progress, now time.Time) string {
	const width = 30
	done, share := p.Done(), 0.0
	if p.Total > 0 {
		share = min(float64(done)/float64(p.Total), 1)
	}
	line := fmt.Sprintf("[%-*s] %d of %d runs", width, strings.Repeat("#", int(share*width)), done, p.Total)
	if p.Cost > 0 {
		line += fmt.Sprintf(", %s spent", money(p.Cost))
	}
	switch {
	case p.Spent:
		return line + ", the budget is spent"
	case p.Paused:
		return line + ", paused"
	}
	if took := now.Sub(p.StartedAt).Seconds(); took > 0 && done > 0 {
		rate := float64(done) / took
		left := time.Duration(float64(max(p.Total-done, 0))/rate*float64(time.Second)) + time.Second/2
		line += fmt.Sprintf(", %.0f a second, %s left", rate, left.Truncate(time.Second))
	}
	return line
}

// money is an amount of money, to the cent or to three digits.
func money(x float64) string {
	if x >= 1 {
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

func progressOf(ctx context.Context, c client.Client, name string) (p activities.Progress, err error) {
	v, err := c.QueryWorkflow(ctx, backfillPrefix+name, "", activities.ProgressQuery)
	if err == nil {
		err = v.Get(&p)
	}
	return p, err
}

// steerBackfill shows, pauses or resumes a backfill.
func (s *starter) steerBackfill(ctx context.Context, what, name string, budget float64) error {
	c, _, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	switch what {
	case "pause":
		err = c.SignalWorkflow(ctx, backfillPrefix+name, "", activities.PauseSignal, nil)
	case "resume":
		err = c.SignalWorkflow(ctx, backfillPrefix+name, "", activities.ResumeSignal, activities.Resume{Budget: budget})
	}
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return fmt.Errorf("no backfill %s is under way", name)
	}
	if err != nil {
		return err
	}
	d, err := c.DescribeWorkflowExecution(ctx, backfillPrefix+name, "")
	if errors.As(err, &none) {
		return fmt.Errorf("there is no backfill %s", name)
	}
	if err != nil {
		return err
	}
	p, err := progressOf(ctx, c, name)
	if err != nil {
		return err
	}
	if status := d.GetWorkflowExecutionInfo().GetStatus(); p.Ended == "" && status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		p.Ended = strings.ToLower(status.String()) // by somebody, before its end
	}
	if what == "pause" {
		p.Paused = true // the signal may be on its way
	}
	return s.printBackfill(backfillResult{Name: name, Progress: p})
}

func (s *starter) printBackfill(r backfillResult) error {
	return s.print(r, func(w io.Writer) error {
		state := r.Ended
		switch {
		case state == "max_runs":
			state = "ended at --max-runs"
		case state == "" && r.Spent:
			state = "the budget is spent: resume it with a larger --budget"
		case state == "" && r.Paused:
			state = "paused"
		case state == "":
			state = "under way"
		}
		cost := ""
		if r.Cost > 0 || r.Budget > 0 {
			cost = "; it has cost " + money(r.Cost)
		}
		if r.Budget > 0 {
			cost += " of " + money(r.Budget)
		}
		_, err := fmt.Fprintf(w, "backfill %s: %s\n%d scored, %d skipped (scored before), %d gone (past their retention), %d failed; %d runs matched at the start%s\n",
			r.Name, state, r.Scored, r.Skipped, r.Gone, r.Failed, r.Total, cost)
		return err
	})
}

func countRuns(ctx context.Context, c client.Client, namespace, filter string) (int64, error) {
	r, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: filter})
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) {
		return 0, usage("the query: %s", invalid.Message)
	}
	return r.GetCount(), err
}
