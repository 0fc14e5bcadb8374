package app

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/scoring"
)

// scoreFlags are the flags of `starter score`.
type scoreFlags struct {
	workflowID, runID, key, token string
	session                       scoring.Session
	tokenKeys                     []string
	stepID, stepType              string
	score                         scoring.Score
	notApplicable                 bool
}

// scoreCommand is `starter score`.
func (s *starter) scoreCommand() *cobra.Command {
	var f scoreFlags
	return s.command(&cobra.Command{
		Use:   "score (--workflow-id ID [--run-id ID] | --key KEY | --token TOKEN | --session KEY=ID) --name NAME (--value VALUE | --category TEXT | --not-applicable)",
		Short: "Score a run, open or long closed, or a session",
		Example: `  starter score --workflow-id order-7 --name thumbs_up --value true
  starter score --key message-12 --name quality --value 0.8 --reason "missed one point"
  starter score --workflow-id order-7 --name intent --category refund
  starter score --session customer=42 --name resolved --value true
  starter score --workflow-id order-7 --name quality --not-applicable`,
	}, settings{
		{flag: "workflow-id", kind: "string", usage: "workflow id of the run", read: textOf(&f.workflowID)},
		{flag: "run-id", kind: "string", usage: "run id (default the newest run)", read: textOf(&f.runID)},
		{flag: "key", kind: "string", usage: "key that the run declared", read: textOf(&f.key)},
		{flag: "token", kind: "string", usage: "token from the run", read: textOf(&f.token)},
		{flag: "session", kind: "KEY=ID", usage: "a whole session, in place of a run", read: sessionOf(&f.session)},
		{env: "VERDICT_TOKEN_KEY", secret: true, read: secretsOf(&f.tokenKeys)},
		{flag: "step", kind: "string", usage: "activity id, for a score of a step", read: textOf(&f.stepID)},
		{flag: "step-type", kind: "string", usage: "activity type of the step", read: textOf(&f.stepType)},
		{flag: "name", kind: "string", usage: "name of the score", read: nonEmpty(&f.score.Name)},
		{flag: "value", kind: "true|false|number", usage: "value of the score", read: valueOf(&f.score.Value)},
		{flag: "category", kind: "string", usage: "category, in place of a value", read: textOf(&f.score.Category)},
		{flag: "not-applicable", kind: "bool", fallback: "false", usage: "there is nothing to score", read: boolOf(&f.notApplicable)},
		{flag: "reason", kind: "string", usage: "why", read: textOf(&f.score.Reason)},
		{flag: "score-key", kind: "string", usage: "distinguishes scores of one name on one run", read: textOf(&f.score.Key)},
		{flag: "observed-at", kind: "time", usage: "when it was observed, as RFC 3339 has it (default now)", read: timeOf(&f.score.ObservedAt)},
	}, func(ctx context.Context, _ []string) error { return s.score(ctx, f) })
}

func (s *starter) score(ctx context.Context, f scoreFlags) error {
	f.score.State = scoring.Scored
	if f.notApplicable {
		f.score.State = scoring.Declined
	}
	about, err := f.target()
	given := 0
	for _, is := range []bool{f.notApplicable, f.score.Value.IsSet(), f.score.Category != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		err = errors.Join(err, usage("give one of --value, --category and --not-applicable"))
	}
	if err == nil {
		err = f.score.Validate()
	}
	if err != nil {
		return usageError{err}
	}
	c, done, err := s.verdict(ctx, f.tokenKeys)
	if err != nil {
		return err
	}
	defer done()
	var options []verdict.ScoreOption
	if f.stepID != "" {
		options = append(options, verdict.OnStep(f.stepID, f.stepType))
	}
	receipt, err := c.RecordReceipt(ctx, about, f.score, options...)
	if err != nil {
		return err
	}
	result := scoreResult{f.score, receipt.Held}
	if receipt.Held {
		return s.printLine(result, "held %s: %s; no run has declared the key %q yet; the first to declare it gets the score", f.score.Name, said(f.score), f.key)
	}
	return s.printLine(result, "scored %s: %s", f.score.Name, said(f.score))
}

// scoreResult is a score that was given.
type scoreResult struct {
	scoring.Score
	// Held tells that no run has declared the key yet.
	Held bool `json:"held,omitempty"`
}

// target is the run that the flags name.
func (f scoreFlags) target() (verdict.Target, error) {
	var named []verdict.Target
	if f.workflowID != "" {
		named = append(named, verdict.Run{WorkflowID: f.workflowID, RunID: f.runID})
	}
	if f.key != "" {
		named = append(named, verdict.Key(f.key))
	}
	if f.token != "" {
		named = append(named, verdict.Token(f.token))
	}
	if f.session != (scoring.Session{}) {
		named = append(named, verdict.OnSession(f.session.Key, f.session.ID))
	}
	switch {
	case len(named) != 1:
		return nil, usage("name the run by exactly one of --workflow-id (with --run-id), --key and --token, or a session by --session")
	case f.runID != "" && f.workflowID == "":
		return nil, usage("--run-id needs --workflow-id")
	}
	return named[0], nil
}

// said is a score in a word.
func said(s scoring.Score) string {
	if text := s.ValueText(); text != "" {
		return text
	}
	return string(s.State)
}
