package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/store"
)

// ledgerCommand is `starter ledger`.
func (s *starter) ledgerCommand() *cobra.Command {
	var filter store.LedgerFilter
	var state string
	var since, olderThan time.Duration
	var limit int
	return s.command(&cobra.Command{
		Use:   "ledger",
		Short: "List the outcomes that came, and what became of each",
		Long: `List the received outcomes, newest first, each with its state:

  matched    a scorer waited for it, and it came inside the window
  late       it came after the window, or after the scorer had closed
  unclaimed  no scorer waits for it (yet)
  rejected   the delivery was refused, with the reason. The first unauthentic ones are listed; after that one line
             counts many deliveries
  held       no outcome: a score about a key that no run has declared yet. It is recorded when one does, and rejected
             after 30 days. A mistyped key shows up here at once

An outcome that comes before a scorer waits for it is unclaimed for a while. If it stays unclaimed, the key may be spelled
in two ways, or the runs do not defer their scorer. --state unclaimed --older-than 72h lists those.`,
	}, settings{
		s.database(),
		{flag: "state", kind: "state", usage: "only matched, late, unclaimed, rejected or held", read: oneOf(&state, "", string(store.Matched), string(store.Late), string(store.Unclaimed), string(store.Rejected), string(store.Held))},
		{flag: "name", kind: "string", usage: "only outcomes of this name", read: textOf(&filter.Name)},
		{flag: "key", kind: "string", usage: "only outcomes with this key, as it was written", read: textOf(&filter.Key)},
		{flag: "since", kind: "duration", fallback: "0", usage: "only entries newer than this; 0: all", read: durationOf(&since)},
		{flag: "older-than", kind: "duration", fallback: "0", usage: "only entries older than this", read: durationOf(&olderThan)},
		{flag: "limit", kind: "n", fallback: "0", usage: "at most this many; 0: all", read: countOf(&limit, 1)},
	}, func(ctx context.Context, _ []string) error {
		filter.State = store.OutcomeState(state)
		if since > 0 {
			filter.Since = time.Now().Add(-since)
		}
		return s.withStore(ctx, func(db store.Store) error {
			if filter.Limit = limit; olderThan > 0 {
				filter.Until = time.Now().Add(-olderThan)
			}
			entries, err := db.Ledger(ctx, filter)
			if err != nil {
				return err
			}
			if entries == nil {
				entries = []store.Entry{}
			}
			return s.print(entries, func(w io.Writer) error { return writeLedger(w, entries) })
		})
	})
}

func writeLedger(w io.Writer, entries []store.Entry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(w, "no outcomes")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "received\tstate\tdeliveries\tname\tkey\tvalue\tsource\tid\tscorers or reason")
	for _, e := range entries {
		o := e.Outcome
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n",
			o.ReceivedAt.UTC().Format(time.RFC3339), e.State, e.Deliveries, o.Name, o.Key, o.Value, o.Source, o.ID,
			cmp.Or(e.Reason, strings.Join(e.Scorers, ", ")))
	}
	return t.Flush()
}
