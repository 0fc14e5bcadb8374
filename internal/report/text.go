package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/verdict-dev/verdict/experiments"
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
	if e.Decision != "" {
		fmt.Fprintf(w, "decision: %s\n", e.Decision)
	}
	for _, note := range e.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	fmt.Fprintln(w)
}

func writeRows(w io.Writer, rows []Row, variants bool) {
	t := table{left: 2, rows: [][]string{{"score", "of", "runs", "scored", "pending", "expired", "n/a", "error", "mean"}}}
	if variants {
		t = table{left: 3, rows: [][]string{{"score", "of", "variant", "assigned", "scored", "pending", "expired", "missing", "n/a", "error", "mean", "interval", "P(best)"}}}
	}
	for _, r := range rows {
		line := []string{r.Score, cmp.Or(r.Step, "run")}
		if variants {
			line = append(line, r.Variant)
		}
		line = append(line, strconv.Itoa(r.Assigned), strconv.Itoa(r.Scored), strconv.Itoa(r.Pending), strconv.Itoa(r.Expired))
		if variants {
			line = append(line, strconv.Itoa(r.Missing))
		}
		line = append(line, strconv.Itoa(r.NotApplicable), strconv.Itoa(r.Errors), Number(r.Mean))
		if variants {
			line = append(line, Range(r.Interval), Number(r.Best))
		}
		t.rows = append(t.rows, line)
	}
	t.write(w)
}

func (r Report) writeUnflushed(w io.Writer) {
	if len(r.Unflushed) == 0 {
		return
	}
	fmt.Fprintln(w, "runs that ended without handing over what they had scored")
	t := table{left: 4, rows: [][]string{{"workflow id", "run id", "type", "state"}}}
	for _, e := range r.Unflushed {
		t.rows = append(t.rows, []string{e.Run.WorkflowID, e.Run.RunID, e.WorkflowType, string(e.State)})
	}
	t.write(w)
	fmt.Fprintln(w)
}

// table is lines of cells, the first of which is the header.
type table struct {
	left int // the first columns, which are texts; all others are numbers and end at one line
	rows [][]string
}

func (t table) write(w io.Writer) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.left {
				cell += pad
			} else {
				cell = pad + cell
			}
			line.WriteString(cell + "  ")
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// Number is a mean in four significant digits; "-" when there is none.
func Number(f *float64) string {
	if f == nil {
		return "-"
	}
	return strconv.FormatFloat(*f, 'g', 4, 64)
}

// Range is an interval in four significant digits; "-" when there is none. A bound that is 0 but for rounding is 0.
func Range(in *experiments.Interval) string {
	if in == nil {
		return "-"
	}
	lo, hi := in.Lo, in.Hi
	const nothing = 1e-12
	if math.Abs(lo) < nothing*(hi-lo) {
		lo = 0
	}
	if math.Abs(hi) < nothing*(hi-lo) {
		hi = 0
	}
	return Number(&lo) + " to " + Number(&hi)
}
