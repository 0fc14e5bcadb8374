package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"
)

// WriteText writes the report for a terminal.
func (r Report) WriteText(out io.Writer) error {
	w := bufio.NewWriter(out)
	for _, e := range r.Experiments {
		e.write(w)
	}
	if len(r.Scores) > 0 {
		fmt.Fprintln(w, "all scores")
		writeRows(w, r.Scores, false)
		fmt.Fprintln(w)
	}
	if len(r.Experiments) == 0 && len(r.Scores) == 0 {
		fmt.Fprintf(w, "nothing is scored yet\n\n")
	}
	r.writeUnflushed(w)
	l := r.Ledger
	fmt.Fprintf(w, "outcomes: %d received, %d matched, %d late, %d unclaimed; %d rejected; %d delivered again\n",
		l.Received, l.Matched, l.Late, l.Unclaimed, l.Rejected, l.Duplicates)
	fmt.Fprintf(w, "as of %s\n", r.AsOf.UTC().Format(time.DateTime+" MST"))
	return w.Flush()
}

func (e Experiment) write(w io.Writer) {
	fmt.Fprintf(w, "experiment %s, version %s: %d units", e.Name, e.Version, e.Units)
	if e.Excluded > 0 {
		fmt.Fprintf(w, ", %d left out (forced, paused or reset away)", e.Excluded)
	}
	fmt.Fprintln(w)
	if len(e.Rows) == 0 {
		fmt.Fprintln(w, "no scores yet")
	} else {
		writeRows(w, e.Rows, true)
	}
	fmt.Fprintln(w)
}

// writeRows writes a table. Its columns are as wide as they need be, with two spaces between.
func writeRows(w io.Writer, rows []Row, variants bool) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if variants {
		fmt.Fprintln(t, "score\tof\tvariant\tassigned\tscored\tpending\texpired\tmissing\tn/a\terror\tmean")
	} else {
		fmt.Fprintln(t, "score\tof\truns\tscored\tpending\texpired\tn/a\terror\tmean")
	}
	for _, r := range rows {
		of := cmp.Or(r.Step, "run")
		if variants {
			fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", r.Score, of, r.Variant,
				r.Assigned, r.Scored, r.Pending, r.Expired, r.Missing, r.NotApplicable, r.Errors, Number(r.Mean))
		} else {
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", r.Score, of,
				r.Assigned, r.Scored, r.Pending, r.Expired, r.NotApplicable, r.Errors, Number(r.Mean))
		}
	}
	_ = t.Flush() // a bufio.Writer keeps its error
}

func (r Report) writeUnflushed(w io.Writer) {
	if len(r.Unflushed) == 0 {
		return
	}
	fmt.Fprintln(w, "runs that ended without handing over what they had scored")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "workflow id\trun id\ttype\tstate")
	for _, e := range r.Unflushed {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", e.Run.WorkflowID, e.Run.RunID, e.WorkflowType, e.State)
	}
	_ = t.Flush()
	fmt.Fprintln(w)
}

// Number is a mean in four significant digits; "-" when there is none.
func Number(f *float64) string {
	if f == nil {
		return "-"
	}
	return strconv.FormatFloat(*f, 'g', 4, 64)
}
