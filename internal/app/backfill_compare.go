package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// compared is two versions of a scorer on the runs, or the steps, that both have scored.
type compared struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
	// Both is how many both have a value of; OnlyFrom and OnlyTo how many one of them has.
	Both     int `json:"both"`
	OnlyFrom int `json:"only_from"`
	OnlyTo   int `json:"only_to"`
	// Lower, Same and Higher say what became of the values. True is 1 and false 0.
	Lower  int `json:"lower"`
	Same   int `json:"same"`
	Higher int `json:"higher"`
	// MeanFrom and MeanTo are the means of Both.
	MeanFrom float64 `json:"mean_from"`
	MeanTo   float64 `json:"mean_to"`
	// Changed are the ones that changed most, at most mostChanged.
	Changed []changed `json:"changed"`
}

// changed is a run, or a step of one, whose score has changed.
type changed struct {
	Run  scoring.Run  `json:"run"`
	Step scoring.Step `json:"step,omitzero"`
	From float64      `json:"from"`
	To   float64      `json:"to"`
	Why  string       `json:"why,omitempty"` // the reason of the later one
}

// mostChanged is how many changes are shown.
const mostChanged = 20

// compareCommand is `starter backfill compare`.
func (s *starter) compareCommand() *cobra.Command {
	const use = "compare SCORE FROM TO"
	return s.command(&cobra.Command{
		Use: use, Short: "Compare two versions of a scorer on the runs that both have scored", Args: argumentsOf(use),
		Long: "Compare two versions of a scorer on the runs, or the steps, that both have scored. FROM and TO are versions, or keys such as\n" +
			"judge@2. It shows the runs that changed most. Nothing was randomised: the runs are the same, and so the difference is the scorer's.",
		Example: "  starter backfill compare right_calls 1 2",
	}, settings{s.database()}, func(ctx context.Context, args []string) error {
		return s.withStore(ctx, func(db store.Store) error {
			all, err := db.Scores(ctx, store.Filter{Name: args[0], States: []scoring.State{scoring.Scored}})
			if err != nil {
				return err
			}
			c := compare(all, args[0], args[1], args[2])
			return s.print(c, c.write)
		})
	})
}

// compare pairs the scores of two versions.
func compare(all []scoring.Record, name, from, to string) *compared {
	type about struct {
		run  scoring.Run
		step string
	}
	c := &compared{Name: name, From: from, To: to, Changed: []changed{}}
	was := map[about]scoring.Record{}
	for _, r := range all {
		if r.Key == from || r.Key == name+"@"+from || r.ScorerVersion == from && r.Key != to {
			was[about{r.Run, r.Step.ID}] = r
		}
	}
	c.OnlyFrom = len(was)
	for _, r := range all {
		if r.Key != to && r.Key != name+"@"+to && (r.ScorerVersion != to || r.Key == from) {
			continue
		}
		before, ok := was[about{r.Run, r.Step.ID}]
		if !ok {
			c.OnlyTo++
			continue
		}
		a, _ := before.Value.Float()
		b, _ := r.Value.Float()
		c.Both, c.OnlyFrom = c.Both+1, c.OnlyFrom-1
		c.MeanFrom, c.MeanTo = c.MeanFrom+(a-c.MeanFrom)/float64(c.Both), c.MeanTo+(b-c.MeanTo)/float64(c.Both)
		switch {
		case b < a:
			c.Lower++
		case b > a:
			c.Higher++
		default:
			c.Same++
			continue
		}
		c.Changed = append(c.Changed, changed{r.Run, r.Step, a, b, r.Reason})
	}
	slices.SortStableFunc(c.Changed, func(x, y changed) int {
		return cmp.Or(cmp.Compare(math.Abs(y.To-y.From), math.Abs(x.To-x.From)), cmp.Compare(x.Run.WorkflowID, y.Run.WorkflowID))
	})
	c.Changed = c.Changed[:min(len(c.Changed), mostChanged)]
	return c
}

func (c *compared) write(w io.Writer) error {
	if c.Both == 0 {
		_, err := fmt.Fprintf(w, "no run has a value of %s by both %s and %s: %d by the first alone, %d by the second alone\n", c.Name, c.From, c.To, c.OnlyFrom, c.OnlyTo)
		return err
	}
	fmt.Fprintf(w, "%s: %d scored by both, %d by %s alone, %d by %s alone\nmean %.4g, was %.4g; %d higher, %d the same, %d lower\n",
		c.Name, c.Both, c.OnlyFrom, c.From, c.OnlyTo, c.To, c.MeanTo, c.MeanFrom, c.Higher, c.Same, c.Lower)
	if len(c.Changed) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "run\tstep\twas\tis\treason")
	for _, x := range c.Changed {
		fmt.Fprintf(t, "%s/%s\t%s\t%.4g\t%.4g\t%s\n", x.Run.WorkflowID, x.Run.RunID, cmp.Or(x.Step.Type, "-"), x.From, x.To, cmp.Or(firstLine(x.Why), "-"))
	}
	return t.Flush()
}

// firstLine is a text up to its first line break.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
