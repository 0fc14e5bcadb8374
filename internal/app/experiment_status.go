package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
)

// experimentStatus is `starter experiment status`.
func (s *starter) experimentStatus() *cobra.Command {
	const use = "status NAME@VERSION"
	return s.command(&cobra.Command{
		Use: use, Short: "Show an experiment's weights, its decision, and its history",
		Example: "  starter experiment status retriever@2", Args: argumentsOf(use),
	}, nil, func(ctx context.Context, args []string) error {
		c, _, err := s.dial(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		name, version, err := s.findExperiment(ctx, c, args[0])
		if err != nil {
			return err
		}
		state, err := s.client(c).ExperimentStatus(ctx, name, version)
		if err != nil {
			return s.experimentError(name+"@"+version, err)
		}
		return s.print(state, func(w io.Writer) error { return printState(w, state) })
	})
}

func printState(w io.Writer, c rollout.State) error {
	d, epoch := c.Definition, c.Epoch()
	var b strings.Builder
	fmt.Fprintf(&b, "experiment %s, version %s: %s", d.Name, d.Version, c.Status)
	if c.Variant != "" {
		fmt.Fprintf(&b, " %s", c.Variant)
	}
	fmt.Fprintf(&b, "\nepoch       %d since %s: %s, allocation %.4g\n", epoch.Number, stamp(epoch.At), weightsText(epoch.Weights), epoch.Allocation)
	fmt.Fprintf(&b, "policy      %s\n", policyText(c.Policy, d.Allocator))
	switch f := c.Finding; {
	case f != nil:
		fmt.Fprintf(&b, "decision    %s: %s (%d units, as of %s)\n", strings.Join(append([]string{string(f.Decision.Verdict)}, f.Decision.Variants...), " "), f.Decision.Reason, f.Units, stamp(f.At))
	default:
		fmt.Fprintf(&b, "decision    not analysed yet\n")
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "revision\tat\twho\twhat\tstatus\tepoch\twhy")
	if c.Forgotten > 0 {
		fmt.Fprintf(table, "1-%d\t\t\t(no longer kept)\t\t\t\n", c.Forgotten)
	}
	for _, r := range c.Revisions {
		what := strings.Join(append([]string{strings.TrimPrefix(string(r.Action), "verdict.")}, r.Variants...), " ")
		if r.Against != "" {
			what += " (against the verdict: " + r.Against + ")"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", r.Number, stamp(r.At), r.Who, what, r.Status, r.Epoch, r.Reason)
	}
	return table.Flush()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func weightsText(weights map[string]float64) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		all = append(all, fmt.Sprintf("%s %.4g", name, weights[name]))
	}
	return strings.Join(all, ", ")
}

func policyText(p rollout.Policy, a experiments.Allocator) string {
	does := []string{"notify"}
	if p.StopHarm {
		does = append(does, "stop harm")
	}
	if p.PromoteWinner {
		does = append(does, "promote the winner")
	}
	if a != experiments.Manual {
		does = append(does, fmt.Sprintf("allocate by %s every %s", a, p.Reweight))
	}
	return fmt.Sprintf("%s; analysed every %s", strings.Join(does, ", "), p.Every)
}
