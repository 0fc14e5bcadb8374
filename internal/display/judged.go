package display

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/verdict-dev/verdict/experiments/results"
)

// JudgedNote says what the figures of a judge are.
const JudgedNote = "judges, held to outcomes: values are good from one half of their range on; intervals are fixed ones at 95%, for a single look, and standing and alarm hold at every look"

// Judges are the judges of an experiment, each held to an outcome.
func Judges(e results.Experiment) []results.Judged {
	if e.Analysis == nil {
		return nil
	}
	return e.Analysis.Judges
}

// JudgedRow is a line of a judge's figures: of all units, or of a variant.
type JudgedRow struct {
	Of    string
	Cells []string // as JudgedHeader has them
}

// JudgedHeader names the figures of a judge.
func JudgedHeader() []string {
	return []string{"pairs", "unknown", "agreement", "kappa", "quadratic kappa", "AC1", "alpha", "good outcomes", "calibration error", "Brier", "gap to control"}
}

// JudgedRows are the figures of a judge, of all units and by variant.
func JudgedRows(j results.Judged) []JudgedRow {
	rows := []JudgedRow{{"all", judgedCells(j.Overall, nil)}}
	for _, v := range j.Variants {
		rows = append(rows, JudgedRow{v.Variant, judgedCells(v.JudgedUnits, v.Gap)})
	}
	return rows
}

func judgedCells(u results.JudgedUnits, gap *results.Figure) []string {
	cells := []string{strconv.Itoa(u.Pairs), strconv.Itoa(u.Unknown)}
	if b := u.Bounds; b != nil {
		cells = append(cells, within(&b.Agreement), within(b.Kappa), "-", "-", "-", within(&b.Prevalence))
	} else {
		cells = append(cells, figure(u.Agreement), figure(u.Kappa), figure(u.QuadraticKappa), figure(u.AC1), figure(u.Alpha), figure(u.Prevalence))
	}
	return append(cells, Number(u.CalibrationError), Number(u.Brier), figure(gap))
}

// within is a bound, for any outcomes of the units whose outcome is not known.
func within(i *results.Interval) string {
	if i == nil {
		return "-"
	}
	return "within " + Range(i)
}

func figure(f *results.Figure) string {
	if f == nil {
		return "-"
	}
	return Number(&f.Value) + " (" + Range(&f.Interval) + ")"
}

// Confusion counts the pairs of a judge and an outcome by their labels.
func Confusion(j results.Judged) string {
	c := j.Overall.Confusion
	return fmt.Sprintf("both good %d, judge alone %d, outcome alone %d, neither %d", c.BothGood, c.JudgeGood, c.OutcomeGood, c.BothBad)
}

// Calibration says what became of the units by what the judge said; empty without figures.
func Calibration(j results.Judged) string {
	parts := make([]string, len(j.Overall.Calibration))
	for i, b := range j.Overall.Calibration {
		parts[i] = fmt.Sprintf("%s became %s", Number(&b.Judged), Number(&b.Outcome.Value))
	}
	return strings.Join(parts, ", ")
}

// JudgedCaveats say which units are not in the figures.
func JudgedCaveats(j results.Judged) (lines []string) {
	u := j.Overall
	if u.Unknown > 0 {
		lines = append(lines, fmt.Sprintf("%d outcomes that should be known are not: the others choose themselves, so there are bounds alone, for any outcomes that these units may have", u.Unknown))
	}
	if u.Left > 0 {
		lines = append(lines, fmt.Sprintf("%d units are left out, whose outcomes were not drawn (%s of all were to be)", u.Left, Number(&j.Drawn)))
	}
	if u.Unjudged > 0 {
		lines = append(lines, fmt.Sprintf("%d units have no judgement", u.Unjudged))
	}
	return lines
}

// writeJudges writes the judges, each held to an outcome.
func writeJudges(w io.Writer, e results.Experiment) {
	all := Judges(e)
	if len(all) == 0 {
		return
	}
	fmt.Fprintln(w, JudgedNote)
	t := table{left: 1, rows: [][]string{append([]string{"figures"}, JudgedHeader()...)}}
	for _, j := range all {
		t.rows = append(t.rows, []string{j.Name() + " on " + j.Outcome})
		for _, r := range JudgedRows(j) {
			t.rows = append(t.rows, append([]string{"  " + r.Of}, r.Cells...))
		}
	}
	t.write(w)
	for _, j := range all {
		of := j.Name() + " on " + j.Outcome
		fmt.Fprintf(w, "judge: %s\n", j)
		fmt.Fprintf(w, "labels of %s: %s\n", of, Confusion(j))
		if c := Calibration(j); c != "" {
			fmt.Fprintf(w, "calibration of %s: %s\n", of, c)
		}
		for _, line := range JudgedCaveats(j) {
			fmt.Fprintf(w, "of %s: %s\n", of, line)
		}
		for _, line := range j.Alarms() {
			fmt.Fprintf(w, "alarm: %s\n", line)
		}
	}
}
