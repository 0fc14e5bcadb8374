package app

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/store"
)

// pruneCommand is `starter prune`.
func (s *starter) pruneCommand() *cobra.Command {
	var age time.Duration
	return s.command(&cobra.Command{
		Use:   "prune --unclaimed-older-than AGE",
		Short: "Delete outcomes that no scorer has claimed",
		Long: `Delete unclaimed outcomes that are older than AGE; to list them first, use starter ledger --state unclaimed
--older-than AGE. It never deletes anything else: no score, and no matched, late or rejected outcome.

A deleted outcome meets no later scorer, so make AGE longer than any run takes to defer its scorers, and than any
scorer's Lookback.`,
	}, settings{
		s.database(),
		{flag: "unclaimed-older-than", kind: "duration", usage: "age of the outcomes, such as 2160h for 90 days", read: func(t string) error {
			if err := durationOf(&age)(t); err != nil {
				return err
			}
			if age == 0 {
				return errors.New("must be longer than 0")
			}
			return nil
		}},
	}, func(ctx context.Context, _ []string) error {
		return s.withStore(ctx, func(db store.Store) error {
			n, err := db.PruneUnclaimed(ctx, time.Now().Add(-age))
			return errors.Join(s.printLine(map[string]int{"deleted": n}, "%d outcomes deleted", n), err)
		})
	})
}
