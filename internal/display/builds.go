package display

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/verdict-dev/verdict/report"
)

// BuildColumns are the columns of [CSV] for a comparison of builds. New ones are added at the end; none moves.
var BuildColumns = []string{
	"as_of", "build", "against", "score", "step", "scored", "against_scored", "mean", "against_mean",
	"difference", "difference_lo", "difference_hi", "lift", "lift_lo", "lift_hi", "shown", "p_value", "log_e_higher", "log_e_lower", "method", "cut_values", "lo", "hi",
}

func buildsCSV(w *csv.Writer, r report.Report) error {
	if err := w.Write(BuildColumns); err != nil {
		return err
	}
	for _, s := range r.Builds.Scores {
		line := []string{
			r.AsOf.UTC().Format(time.RFC3339Nano), r.Builds.Build, r.Builds.Against, s.Score, s.Step,
			strconv.Itoa(s.Scored), strconv.Itoa(s.AgainstScored), exact(s.Mean), exact(s.AgainstMean), exact(s.Difference),
		}
		line = append(append(line, ends(s.DifferenceInterval)...), exact(s.Lift))
		line = append(append(line, ends(s.LiftInterval)...), s.Shown, exact(s.PValue), exact(s.LogEHigher), exact(s.LogELower), string(s.Method),
			strconv.Itoa(s.CutValues), exact(&s.Lo), exact(&s.Hi))
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// writeBuilds writes what two builds differ in.
func writeBuilds(w io.Writer, b report.Builds) {
	fmt.Fprintf(w, "build %s against %s, of %s to %s\n", b.Build, b.Against, b.Since.Format(time.DateTime), b.Until.Format(time.DateTime+" MST"))
	fmt.Fprintf(w, "runs: %d of %s and %d of %s; compared: %d and %d, of the times in which both ran\n",
		b.Runs, b.Build, b.AgainstRuns, b.Against, b.Compared, b.AgainstCompared)
	if b.Cut {
		fmt.Fprintf(w, "note: there are more runs; these are of the %d that the store learned of last\n", b.Read)
	}
	if b.ScoresCut {
		fmt.Fprintln(w, "note: there are more scores than are read; the oldest are left out")
	}
	if b.NoBuild > 0 {
		fmt.Fprintf(w, "note: %d runs have said no build: they are open, or ended without a flush, and their histories are not read yet or gone\n", b.NoBuild)
	}
	if b.Mixed > 0 {
		fmt.Fprintf(w, "note: %d chains of runs are left out because they ran in several builds\n", b.Mixed)
	}
	if b.Compared+b.AgainstCompared == 0 {
		fmt.Fprintf(w, "nothing is compared: the two did not run at the same time\n\n")
		return
	}
	t := table{left: 2, rows: [][]string{{"score", "of", "scored by " + b.Build, "by " + b.Against, "mean of " + b.Build, "of " + b.Against, "difference", "interval", "lift"}}}
	cut := false
	for _, s := range b.Scores {
		difference, interval, lift := none, none, none
		if s.Difference != nil {
			difference = signed(*s.Difference)
			interval = signed(s.DifferenceInterval.Lo) + " to " + signed(s.DifferenceInterval.Hi)
		}
		if s.Lift != nil {
			lift = percent(*s.Lift)
		}
		name := s.Score
		if s.CutValues > 0 {
			name, cut = name+"*", true
		}
		t.rows = append(t.rows, []string{
			name, cmp.Or(s.Step, "run"), strconv.Itoa(s.Scored), strconv.Itoa(s.AgainstScored), Number(s.Mean), Number(s.AgainstMean), difference, interval, lift,
		})
	}
	t.write(w)
	if cut {
		fmt.Fprintln(w, "*: values beyond the middle 98% are cut")
	}
	shown := false
	for _, s := range b.Scores {
		if s.Shown == "" {
			continue
		}
		shown = true
		by, lo, hi := *s.Difference, s.DifferenceInterval.Lo, s.DifferenceInterval.Hi
		if s.Shown == "lower" {
			by, lo, hi = -by, -hi, -lo
		}
		on := s.Score
		if s.Step != "" {
			on += " of " + s.Step
		}
		fmt.Fprintf(w, "%s is %s than %s by %s (%s to %s) on %s, over the %d runs of the times in which both ran\n",
			b.Build, s.Shown, b.Against, short(by), short(lo), short(hi), on, s.Scored+s.AgainstScored)
	}
	if !shown {
		fmt.Fprintln(w, "no difference is shown")
	}
	fmt.Fprintf(w, "differences are within hours; all intervals together cover with %s\n", share(b.Level))
	fmt.Fprintf(w, "nothing was randomised: what else changed with the build is in it too\n\n")
}

func share(x float64) string { return short(100*x) + "%" }
