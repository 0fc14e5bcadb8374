package display

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
)

// maxBehind is how far counts are behind without a word.
const maxBehind = 5 * time.Second

// Text writes the report for a terminal.
func Text(out io.Writer, r report.Report) error {
	w := bufio.NewWriter(out)
	if r.Builds != nil {
		writeBuilds(w, *r.Builds)
		fmt.Fprintf(w, "as of %s\n", r.AsOf.UTC().Format(time.DateTime+" MST"))
		return w.Flush()
	}
	for _, e := range r.Experiments {
		if r.CountedAsOf.IsZero() || len(r.Scores) > 0 || e.Units > 0 {
			writeExperiment(w, e)
		} else {
			fmt.Fprintf(w, "scores of experiment %s, version %s\n", e.Name, e.Version)
			writeRows(w, e.Rows, "scores")
			fmt.Fprintln(w)
		}
	}
	if len(r.Scores) > 0 {
		fmt.Fprintln(w, "all scores")
		unit := "scores"
		if r.Session != (scoring.Session{}) {
			unit = "runs"
		}
		writeRows(w, r.Scores, unit)
		fmt.Fprintln(w)
	}
	writeRuns(w, r)
	writeDeviations(w, r)
	if len(r.Experiments) == 0 && len(r.Scores) == 0 {
		fmt.Fprintf(w, "nothing is scored yet\n\n")
	}
	writeUnflushed(w, r)
	l := r.Ledger
	fmt.Fprintf(w, "outcomes: %d received, %d matched, %d late, %d unclaimed; %d rejected; %d delivered again\n",
		l.Received, l.Matched, l.Late, l.Unclaimed, l.Rejected, l.Duplicates)
	if l.Held > 0 {
		fmt.Fprintf(w, "held: %d scores about keys that no run has declared yet; `starter ledger --state held` lists them\n", l.Held)
	}
	if behind := r.AsOf.Sub(r.CountedAsOf); !r.CountedAsOf.IsZero() && behind > maxBehind {
		fmt.Fprintf(w, "scores whose windows have ended since %s are still counted as pending: no worker that keeps the store has written them\n",
			r.CountedAsOf.UTC().Format(time.DateTime+" MST"))
	}
	fmt.Fprintf(w, "as of %s\n", r.AsOf.UTC().Format(time.DateTime+" MST"))
	return w.Flush()
}

func writeExperiment(w io.Writer, e results.Experiment) {
	fmt.Fprintf(w, "experiment %s, version %s: %d %s", e.Name, e.Version, e.Units, plural(e.Units, "unit"))
	if e.Excluded > 0 {
		fmt.Fprintf(w, ", %d left out (forced, paused, held out or reset away)", e.Excluded)
	}
	if e.Unserved > 0 {
		fmt.Fprintf(w, ", %d left out because they were served something other than recorded", e.Unserved)
	}
	fmt.Fprintln(w)
	scores, runs := Scores(e), Runs(e)
	if len(scores) == 0 {
		fmt.Fprintln(w, "no scores yet")
	} else {
		writeCounts(w, e, scores)
		writeValues(w, e, scores, true)
	}
	if len(runs) > 0 {
		fmt.Fprintln(w, "runs: how they ended and how long they took")
		writeValues(w, e, runs, false)
	}
	for _, line := range Methods(e) {
		fmt.Fprintln(w, line)
	}
	if LiftsUndefined(e) {
		fmt.Fprintln(w, LiftUndefined)
	}
	if failed := failures(e); failed != "" && len(e.Engine) > 0 {
		fmt.Fprintf(w, "failed runs: %s\n", failed)
		if errors := lastErrors(e); errors != "" {
			fmt.Fprintf(w, "their last errors: %s\n", errors)
		}
	}
	writeShadows(w, e)
	writeJudges(w, e)
	if e.Decision != "" {
		fmt.Fprintf(w, "decision: %s\n", e.Decision)
	}
	for _, fault := range e.Faults() {
		fmt.Fprintf(w, "fault: %s\n", fault)
	}
	for _, fact := range Facts(e) {
		fmt.Fprintf(w, "shown: %s\n", fact)
	}
	if e.Unvouched > 0 {
		fmt.Fprintf(w, "note: workers of an older release assigned %d of the units; those workers do not notice if a run was served something else\n", e.Unvouched)
	}
	for _, note := range e.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	fmt.Fprintln(w)
}

// writeRows writes counts of scores, in an experiment or not.
func writeRows(w io.Writer, rows []results.Row, unit string) {
	labels := shownLabels(rows)
	header := []string{"score", "of"}
	for _, l := range labels {
		header = append(header, l.name)
	}
	marked := slices.ContainsFunc(rows, func(r results.Row) bool { return r.Marked > 0 })
	t := table{left: len(header), rows: [][]string{append(header, unit, "scored", "pending", "expired", "n/a", "error", "mean")}}
	if marked {
		t.rows[0] = append(t.rows[0], "said late")
	}
	for _, r := range rows {
		line := []string{experiments.Metric{Name: r.Score, Category: r.Category}.String(), cmp.Or(r.Step, "run")}
		for _, l := range labels {
			line = append(line, cmp.Or(l.of(r), "-"))
		}
		line = append(append(line, counts(r.Assigned, r.Scored, r.Pending, r.Expired, r.NotApplicable, r.Errors)...), Number(r.Mean))
		if marked {
			line = append(line, strconv.Itoa(r.Marked))
		}
		t.rows = append(t.rows, line)
	}
	t.write(w)
	if marked {
		fmt.Fprintln(w, "said late: after the run's first assignment, so the variant may have caused the attribute")
	}
}

// label is something that rows are broken down by.
type label struct {
	name string
	of   func(results.Row) string
}

// shownLabels returns the ones that rows have.
func shownLabels(rows []results.Row) (shown []label) {
	for _, l := range []label{
		{"variant", func(r results.Row) string { return r.Variant }}, {"day", func(r results.Row) string { return r.Day }},
		{"build", func(r results.Row) string { return r.Build }}, {"value", func(r results.Row) string { return r.Value }},
	} {
		if slices.ContainsFunc(rows, func(r results.Row) bool { return l.of(r) != "" }) {
			shown = append(shown, l)
		}
	}
	return shown
}

// writeRuns writes how runs ended.
func writeRuns(w io.Writer, r report.Report) {
	if len(r.Runs) == 0 {
		return
	}
	fmt.Fprintln(w, "all runs")
	t := table{left: 5, rows: [][]string{{"type", "status", "failing step", "day", "build or value", "runs"}}}
	for _, c := range r.Runs {
		t.rows = append(t.rows, []string{
			cmp.Or(c.Type, "-"), cmp.Or(string(c.Status), "not known"), cmp.Or(c.FailingStep, "-"), cmp.Or(c.Day, "-"), cmp.Or(c.Build, c.Value, "-"), strconv.FormatInt(c.Runs, 10),
		})
	}
	t.write(w)
	fmt.Fprintln(w)
}

// writeCounts writes what became of the units, by score and variant.
func writeCounts(w io.Writer, e results.Experiment, rows []results.Row) {
	header := []string{"units", "assigned", "scored", "pending", "expired", "missing", "n/a", "error"}
	more := MoreCounts(rows)
	for _, c := range more {
		header = append(header, c.Name)
	}
	t := table{left: 1, rows: [][]string{header}}
	rows = onceCounted(rows)
	for i, r := range rows {
		t.place(rows, i)
		line := append([]string{"  " + r.Variant}, counts(r.Assigned, r.Scored, r.Pending, r.Expired, r.Missing, r.NotApplicable, r.Errors)...)
		for _, c := range more {
			line = append(line, strconv.Itoa(c.Of(r)))
		}
		t.rows = append(t.rows, line)
	}
	t.write(w)
}

// onceCounted leaves out the rows of further categories of a score that have the same counts.
func onceCounted(rows []results.Row) (once []results.Row) {
	type place struct{ step, score, variant string }
	seen := map[place]results.Counts{}
	for _, r := range rows {
		if r.Category != "" {
			p := place{r.Step, r.Score, r.Variant}
			counts, ok := seen[p]
			if ok && counts == r.Counts {
				continue
			}
			if !ok {
				seen[p], r.Category = r.Counts, ""
			}
		}
		once = append(once, r)
	}
	return once
}

// Counted is a count of a row that is shown where it says something.
type Counted struct {
	Name string
	Of   func(results.Row) int
}

// MoreCounts returns the counts to show in addition to the usual ones: matured where a window is open, imputed, capped
// and late where there is any.
func MoreCounts(rows []results.Row) []Counted {
	var more []Counted
	for _, c := range []struct {
		Counted
		show func(results.Row) bool
	}{
		{Counted{"matured", func(r results.Row) int { return r.Matured }}, func(r results.Row) bool { return r.Matured > 0 && r.Pending > 0 }},
		{Counted{"imputed", func(r results.Row) int { return r.Imputed }}, func(r results.Row) bool { return r.Imputed > 0 }},
		{Counted{"capped", func(r results.Row) int { return r.Capped }}, func(r results.Row) bool { return r.Capped > 0 }},
		{Counted{"late", func(r results.Row) int { return r.Late }}, func(r results.Row) bool { return r.Late > 0 }},
	} {
		if slices.ContainsFunc(rows, c.show) {
			more = append(more, c.Counted)
		}
	}
	return more
}

// writeValues writes the variants' values, and their comparison with the control. Scores have counts in a table of
// their own and P(best); the usage of runs has neither.
func writeValues(w io.Writer, e results.Experiment, rows []results.Row, scores bool) {
	header := []string{"values", "mean", "interval", "difference", "interval", "lift", "interval"}
	if scores {
		header = append(header, "P(best)")
	} else {
		header = append(header, "known")
	}
	t := table{left: 1, rows: [][]string{header}}
	for i, r := range rows {
		t.place(rows, i)
		line := []string{"  " + r.Variant, Number(r.Mean), Range(r.Interval), Difference(e, r), DifferenceRange(r), Lift(r), LiftRange(r)}
		if scores {
			line = append(line, Probability(r.Best))
		} else {
			line = append(line, fmt.Sprintf("%d/%d", r.Scored, r.Assigned))
		}
		t.rows = append(t.rows, line)
	}
	t.write(w)
}

// writeShadows writes the results of the shadow runs.
func writeShadows(w io.Writer, e results.Experiment) {
	if len(e.Shadows) == 0 {
		return
	}
	fmt.Fprintf(w, "shadows: ran in parallel to the served runs, compared with %s on the same units\n", e.Control)
	t := table{left: 1, rows: [][]string{{"values", "assigned", "scored", "n/a", "error", "mean", "interval", "pairs", "difference", "interval"}}}
	for i, r := range e.Shadows {
		t.place(e.Shadows, i)
		t.rows = append(t.rows, append(append([]string{"  " + r.Variant}, counts(r.Assigned, r.Scored, r.NotApplicable, r.Errors)...),
			Number(r.Mean), Range(r.Interval), strconv.Itoa(Pairs(r)), Difference(e, r), DifferenceRange(r)))
	}
	t.write(w)
}

// Pairs is how many units a shadow is compared with the control on.
func Pairs(r results.Row) int {
	if r.Versus == nil {
		return 0
	}
	return r.Versus.Units
}

// failures says how many runs failed where, by variant.
func failures(e results.Experiment) string {
	var all []string
	runs := map[results.Failure]int{}
	untyped := func(f results.Failure) results.Failure { f.Type, f.Runs = "", 0; return f }
	for _, f := range e.Failures {
		runs[untyped(f)] += f.Runs
	}
	for _, f := range e.Failures {
		if f = untyped(f); runs[f] > 0 {
			all = append(all, fmt.Sprintf("%s %d %s", f.Variant, runs[f], f))
			delete(runs, f)
		}
	}
	return strings.Join(all, ", ")
}

// lastErrors says by errors of which types runs failed, by variant.
func lastErrors(e results.Experiment) string {
	var all []string
	for _, f := range e.Failures {
		if f.Type == "" {
			continue
		}
		where := f.Type
		if f.Step != "" {
			where += " in " + f.Step
		}
		all = append(all, fmt.Sprintf("%s %d %s", f.Variant, f.Runs, where))
	}
	return strings.Join(all, ", ")
}

func counts(all ...int) []string {
	texts := make([]string, len(all))
	for i, n := range all {
		texts[i] = strconv.Itoa(n)
	}
	return texts
}

// plural is a word for n things.
func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func writeUnflushed(w io.Writer, r report.Report) {
	if len(r.Unflushed) == 0 {
		return
	}
	fmt.Fprintln(w, "runs that ended before their scores were recorded")
	t := table{left: 4, rows: [][]string{{"workflow id", "run id", "type", "state"}}}
	for _, e := range r.Unflushed {
		t.rows = append(t.rows, []string{e.Run.WorkflowID, e.Run.RunID, e.WorkflowType, string(e.State)})
	}
	t.write(w)
	if r.UnflushedCut {
		fmt.Fprintf(w, "the newest %d that have not flushed were looked at; there are more\n", report.MaxAsked)
	}
	fmt.Fprintln(w)
}

// table is lines of cells; the first line is the header. A line of one cell is a heading of any length.
type table struct {
	left int // the first columns, which are texts; all others are numbers and end at one line
	rows [][]string
}

// place adds a heading before the first of the rows that are about one score in one place.
func (t *table) place(rows []results.Row, i int) {
	if r := rows[i]; i == 0 || rows[i-1].Place() != r.Place() {
		t.rows = append(t.rows, []string{r.Place()})
	}
}

func (t table) write(w io.Writer) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		if len(row) == 1 {
			continue
		}
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			if len(row) == 1 {
				line.WriteString(cell)
				break
			}
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
