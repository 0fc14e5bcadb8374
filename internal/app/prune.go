package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/store"
)

// ages are the ages past which `starter prune` deletes rows; 0: it deletes none.
type ages struct{ unclaimed, scores, revisions, outcomes, runs time.Duration }

// pruned is what it has deleted, or would delete.
type pruned struct {
	Deleted   int `json:"deleted"` // in all
	Unclaimed int `json:"unclaimed"`
	store.Pruned
	// Protected are the experiments that are not finished.
	Protected []string `json:"protected"`
	DryRun    bool     `json:"dry_run"`
}

// pruneCommand is `starter prune`.
func (s *starter) pruneCommand() *cobra.Command {
	var a ages
	var dry bool
	var finished []store.ExperimentKey
	return s.command(&cobra.Command{
		Use:   "prune --WHAT-older-than AGE ...",
		Short: "Delete old scores, revisions, outcomes and runs",
		Long: `Delete rows that are older than an age, such as 2160h for 90 days. Each kind of row has an age of its own, without which
none of it is deleted; --dry-run counts and deletes nothing.

  scores      scores with all their revisions. Pending ones stay, and so do the ones that a scorer may still
              change
  revisions   revisions that do not hold any more; the score stays
  outcomes    outcomes, once the scorers that they met have settled, and their windows and runs have ended. The
              scores stay, and no later outcome changes them
  runs        runs with everything that is known of them: facts, keys, sessions, scores, assignments
  unclaimed   outcomes that no scorer has claimed. A deleted one meets no later scorer, so make the age longer than
              any run takes to defer its scorers, and than any scorer's Lookback; starter ledger --state unclaimed
              lists them

What a unit of an experiment is read from stays until the experiment is finished: stopped or promoted, as
starter experiment status says. One that was not started counts as unfinished, unless --finished names it. The report of
a finished experiment is made from the rows that are left, unless they are in its fold: print it first.

It deletes some hundred rows a transaction, and may run next to everything else.`,
		Example: "  starter prune --scores-older-than 2160h --runs-older-than 8760h --dry-run\n" +
			"  starter prune --revisions-older-than 720h --finished retriever@1,retriever@2",
	}, settings{
		s.database(),
		ageSetting("scores", &a.scores), ageSetting("revisions", &a.revisions), ageSetting("outcomes", &a.outcomes),
		ageSetting("runs", &a.runs), ageSetting("unclaimed", &a.unclaimed),
		{flag: "finished", kind: "NAME@VERSION,...", usage: "experiments that are finished, whether they were started or not", read: keysOf(&finished)},
		{flag: "dry-run", kind: "bool", fallback: "false", usage: "count the rows, and delete none", read: boolOf(&dry)},
	}, func(ctx context.Context, _ []string) error {
		if a == (ages{}) {
			return usage("say what to delete: --scores-older-than AGE, --revisions-older-than, --outcomes-older-than, --runs-older-than or --unclaimed-older-than")
		}
		return s.withStore(ctx, func(db store.Store) error { return s.prune(ctx, db, a, finished, dry) })
	})
}

func ageSetting(what string, to *time.Duration) *setting {
	age := &setting{flag: what + "-older-than", kind: "duration", usage: "age of the " + what + ", such as 2160h for 90 days"}
	age.read = func(t string) error {
		if age.source == "default" {
			return nil
		}
		if err := durationOf(to)(t); err != nil {
			return err
		}
		if *to == 0 {
			return errors.New("must be longer than 0")
		}
		return nil
	}
	return age
}

// keysOf reads experiments, separated by commas.
func keysOf(to *[]store.ExperimentKey) func(string) error {
	return func(text string) error {
		*to = nil
		for _, key := range strings.Split(text, ",") {
			if key = strings.TrimSpace(key); key == "" {
				continue
			}
			name, version, ok := strings.Cut(key, "@")
			if !ok || name == "" || version == "" {
				return fmt.Errorf("%q is not NAME@VERSION", key)
			}
			*to = append(*to, store.ExperimentKey{Experiment: name, Version: version})
		}
		return nil
	}
}

func (s *starter) prune(ctx context.Context, db store.Store, a ages, finished []store.ExperimentKey, dry bool) error {
	now := time.Now()
	before := func(age time.Duration) time.Time {
		if age == 0 {
			return time.Time{}
		}
		return now.Add(-age)
	}
	p := store.Pruning{
		Scores: before(a.scores), Revisions: before(a.revisions), Outcomes: before(a.outcomes), Runs: before(a.runs), Finished: finished, DryRun: dry,
	}
	result := pruned{Protected: []string{}, DryRun: dry}
	var err error
	if a != (ages{unclaimed: a.unclaimed}) {
		if p.Finished, result.Protected, err = s.finished(ctx, db, finished); err != nil {
			return err
		}
	}
	if a.unclaimed > 0 {
		if result.Unclaimed, err = unclaimed(ctx, db, before(a.unclaimed), dry); err != nil {
			return err
		}
	}
	result.Pruned, err = db.Prune(ctx, p)
	result.Deleted = result.Unclaimed + result.Scores + result.Revisions + result.Outcomes + result.Runs
	return errors.Join(s.print(result, func(w io.Writer) error { return printPruned(w, result) }), err)
}

func unclaimed(ctx context.Context, db store.Store, before time.Time, dry bool) (int, error) {
	if !dry {
		return db.PruneUnclaimed(ctx, before)
	}
	n := 0
	for page := (store.Page{Limit: store.MaxPage}); ; {
		entries, next, err := db.LedgerPage(ctx, store.LedgerFilter{State: store.Unclaimed}, page)
		if err != nil {
			return 0, err
		}
		for _, e := range entries {
			if e.Outcome.ReceivedAt.Before(before) {
				n++
			}
		}
		if page.After = next; next == "" {
			return n, nil
		}
	}
}

// finished returns the experiments of the store that are finished, the ones that the caller names included, and the names of
// the others.
func (s *starter) finished(ctx context.Context, db store.Store, named []store.ExperimentKey) (finished []store.ExperimentKey, others []string, err error) {
	all, err := db.Experiments(ctx)
	if err != nil {
		return nil, nil, err
	}
	finished, others = named, []string{}
	all = slices.DeleteFunc(all, func(key store.ExperimentKey) bool { return slices.Contains(named, key) })
	if len(all) == 0 {
		return finished, others, nil
	}
	c, _, err := s.dial(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("ask which experiments are finished, which --finished may say instead: %w", err)
	}
	defer c.Close()
	temporal := s.client(c)
	for _, key := range all {
		name := key.Experiment + "@" + key.Version
		state, err := temporal.ExperimentStatus(ctx, key.Experiment, key.Version)
		switch {
		case err == nil && (state.Status == rollout.Stopped || state.Status == rollout.Promoted):
			finished = append(finished, key)
		case err == nil, errors.Is(err, verdict.ErrNotFound):
			others = append(others, name)
		default:
			return nil, nil, fmt.Errorf("ask whether %s is finished, which --finished may say instead: %w", name, err)
		}
	}
	return finished, others, nil
}

func printPruned(w io.Writer, p pruned) error {
	verb := "deleted"
	if p.DryRun {
		verb = "would be deleted"
	}
	var b strings.Builder
	for _, c := range []struct {
		n    int
		what string
	}{{p.Scores, "scores"}, {p.Revisions, "revisions"}, {p.Outcomes, "outcomes"}, {p.Runs, "runs"}, {p.Unclaimed, "unclaimed outcomes"}} {
		if c.n > 0 {
			fmt.Fprintf(&b, "%d %s %s\n", c.n, c.what, verb)
		}
	}
	if b.Len() == 0 {
		fmt.Fprintf(&b, "nothing is that old\n")
	}
	if len(p.Protected) > 0 {
		fmt.Fprintf(&b, "kept: what unfinished experiments are read from: %s\n", strings.Join(p.Protected, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
