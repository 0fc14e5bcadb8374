package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/internal/reconcile"
	"github.com/verdict-dev/verdict/store"
)

// reconcileFlags are the flags of `starter reconcile`.
type reconcileFlags struct {
	url, token string
	olderThan  time.Duration
	limit      int
	dryRun     bool
}

// reconcileResult is its output.
type reconcileResult struct {
	DryRun bool              `json:"dry_run"`
	Items  []*reconcile.Item `json:"items"` // oldest first
	// Stopped says why it had to stop before everything was asked about.
	Stopped string `json:"stopped,omitempty"`
}

// reconcileCommand is `starter reconcile`.
func (s *starter) reconcileCommand() *cobra.Command {
	var f reconcileFlags
	return s.command(&cobra.Command{
		Use:   "reconcile",
		Short: "List the outcomes that scorers wait for, and ask GitHub about them",
		Long: `List the outcomes that scorers still wait for, and ask GitHub about them. GitHub delivers a webhook once: an event
that it sent while no receiver was up is lost. This command asks about pull requests and issues (outcomes pull_request.*
and issue.* of OWNER/REPO#NUMBER) and delivers decided ones as the webhook would have. Running it again changes nothing.

  delivered    decided, and its scorers get it now          open         no awaited event has happened
  found        decided; a dry run delivers nothing          outside      decided, but in no scorer's window
  held         decided, and known before: if its scorer     gone         GitHub does not know it
               stays open, look for that scorer's worker    failed       GitHub gives no usable answer about it
  no_provider  no provider can be asked about it            left         not asked about

GITHUB_TOKEN is the token for GitHub; it only needs to read pull requests and issues. The command waits for a rate limit
as long as --command-timeout allows.`,
		Example: `  starter reconcile --older-than 6h --dry-run
  starter reconcile --github-url https://github.example.com/api/v3 --command-timeout 10m`,
	}, settings{
		s.database(),
		{flag: "github-url", env: "VERDICT_GITHUB_URL", fallback: "https://api.github.com", kind: "URL", usage: "base URL of GitHub's REST API", mask: maskURL, read: urlOf(&f.url)},
		{env: "GITHUB_TOKEN", secret: true, read: nonEmpty(&f.token)},
		{flag: "older-than", fallback: "1h", kind: "duration", usage: "only outcomes that a scorer has waited for this long", read: durationOf(&f.olderThan)},
		{flag: "dry-run", fallback: "false", kind: "bool", usage: "ask, and deliver nothing", read: boolOf(&f.dryRun)},
		{flag: "limit", fallback: "0", kind: "n", usage: "ask about at most this many; 0: all", read: countOf(&f.limit, 1)},
	}, func(ctx context.Context, _ []string) error {
		return s.withStore(ctx, func(db store.Store) error { return s.reconcile(ctx, db, f) })
	})
}

func (s *starter) reconcile(ctx context.Context, db store.Store, f reconcileFlags) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	o := reconcile.Options{
		GitHub: &reconcile.GitHub{
			URL: f.url, Token: f.token, Client: &http.Client{Transport: transport},
			Waiting: func(d time.Duration, why string) {
				fmt.Fprintf(s.Stderr, "waiting %s: %s\n", d.Round(time.Second), why)
			},
		},
		Held: db.Expect, Limit: f.limit,
	}
	if !f.dryRun {
		c, done, err := s.verdict(ctx, nil)
		if err != nil {
			return err
		}
		defer done()
		o.Deliver = c.Deliver
	}
	waiting, err := db.Waiting(ctx, time.Now().Add(-f.olderThan))
	if err != nil {
		return err
	}
	items, err := reconcile.Run(ctx, waiting, o)
	result := reconcileResult{DryRun: f.dryRun, Items: items}
	if result.Items == nil {
		result.Items = []*reconcile.Item{}
	}
	if err != nil {
		result.Stopped = err.Error()
	}
	return errors.Join(s.print(result, func(w io.Writer) error { return writeReconciled(w, items) }), err)
}

func writeReconciled(w io.Writer, items []*reconcile.Item) error {
	if len(items) == 0 {
		_, err := fmt.Fprintln(w, "no scorer has waited that long")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "waiting since\tresult\tkey\twaited for\tscorers\tdetail")
	counts := map[reconcile.Result]int{}
	for _, i := range items {
		counts[i.Result]++
		scorers := i.Scorers[0]
		if more := len(i.Scorers) - 1; more > 0 {
			scorers = fmt.Sprintf("%s and %d more", scorers, more)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", i.Since.UTC().Format(time.RFC3339), i.Result, i.Key,
			strings.Join(i.Events, ", "), scorers, cmp.Or(i.Detail, "-"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	var said []string
	for _, r := range reconcile.Results {
		if counts[r] > 0 {
			said = append(said, fmt.Sprintf("%d %s", counts[r], r))
		}
	}
	_, err := fmt.Fprintln(w, strings.Join(said, ", "))
	return err
}
