package display

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/report"
)

// Columns are the columns of [CSV]. New ones are added at the end; none moves.
var Columns = []string{
	"as_of", "experiment", "version", "score", "step", "variant", "control",
	"assigned", "scored", "pending", "expired", "missing", "not_applicable", "errors", "late",
	"mean", "mean_lo", "mean_hi",
	"difference", "difference_lo", "difference_hi",
	"lift", "lift_lo", "lift_hi",
	"p_best", "p_value", "log_e_better", "log_e_worse", "shadow", "matured", "imputed", "capped", "lift_undefined", "mean_method", "method", "harm_at_least", "day", "build", "value", "marked", "category",
}

// CSV writes a line for each experiment, version, score, step and variant, under a header of [Columns]. Numbers
// have their full precision; a cell is empty where there is none. Step is empty for a score of the run, control is true
// for the variant that the others are compared with. The engine's facts are the scores run.failed, run.duration (in
// seconds) and run.attempts. The rows of shadow variants have true in the column shadow, and there the difference is to
// the control on the same units.
//
// A comparison of builds has a line for each score and step, under [BuildColumns].
func CSV(out io.Writer, r report.Report) error {
	w := csv.NewWriter(out)
	if r.Builds != nil {
		return buildsCSV(w, r)
	}
	if err := w.Write(Columns); err != nil {
		return err
	}
	experiments := r.Experiments
	if !r.CountedAsOf.IsZero() && len(experiments) == 0 { // counts alone
		experiments = []results.Experiment{{Rows: r.Scores}}
	}
	for _, e := range experiments {
		if err := w.WriteAll(Lines(r.AsOf, e)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// Lines are an experiment's lines of [CSV].
func Lines(asOf time.Time, e results.Experiment) (lines [][]string) {
	for i, rows := range [][]results.Row{e.Rows, e.Engine, e.Shadows} {
		for _, row := range rows {
			line := append([]string{asOf.UTC().Format(time.RFC3339Nano)}, cells(e, row)...)
			line = append(append(line, strconv.FormatBool(i == 2)), counts(row.Matured, row.Imputed, row.Capped)...)
			line = append(line, strconv.FormatBool(liftUndefined(row)), string(row.IntervalMethod))
			if v := row.Versus; v != nil {
				line = append(line, string(v.Method), exact(v.HarmAtLeast))
			} else {
				line = append(line, "", "")
			}
			lines = append(lines, append(append(line, row.Day, row.Build, row.Value), strconv.Itoa(row.Marked), row.Category))
		}
	}
	return lines
}

// cells are the columns after the first.
func cells(e results.Experiment, r results.Row) []string {
	line := []string{e.Name, e.Version, r.Score, r.Step, r.Variant, strconv.FormatBool(r.Variant == e.Control && r.Variant != "")}
	line = append(line, counts(r.Assigned, r.Scored, r.Pending, r.Expired, r.Missing, r.NotApplicable, r.Errors, r.Late)...)
	line = append(append(line, exact(r.Mean)), ends(r.Interval)...)
	var v results.Comparison
	var difference, p *float64
	if r.Versus != nil {
		v = *r.Versus
		difference, p = &v.Difference, &v.PValue
	}
	line = append(append(line, exact(difference)), ends(v.DifferenceInterval)...)
	line = append(append(line, exact(v.Lift)), ends(v.LiftInterval)...)
	return append(line, exact(r.Best), exact(p), exact(v.LogEBetter), exact(v.LogEWorse))
}

func ends(in *results.Interval) []string {
	if in == nil {
		return []string{"", ""}
	}
	return []string{exact(&in.Lo), exact(&in.Hi)}
}

// exact is a number that reads back as the same.
func exact(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'g', -1, 64)
}
