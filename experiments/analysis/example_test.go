package analysis_test

import (
	"fmt"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
)

// A whole experiment: define it, assign units, and read what a store has kept of them.
func Example() {
	exp, err := experiments.New(experiments.Definition{
		Name:     "triage-prompt",
		Version:  "1",
		Variants: []experiments.Variant{{Name: "current", Weight: 1}, {Name: "short", Weight: 1}},
		Control:  "current",
		Primary:  experiments.Metric{Name: "merged", Type: experiments.Boolean, Missing: experiments.MissingNegative},
		Maturity: 7 * 24 * time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	split, err := exp.At(experiments.Epoch{})
	if err != nil {
		fmt.Println(err)
		return
	}

	begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	var assignments []scoring.Assignment
	var records []scoring.Record
	for i := range 3000 {
		id := fmt.Sprintf("run-%d", i)
		run := scoring.Run{Namespace: "default", WorkflowID: "triage-" + id, RunID: id}
		at := begin.Add(time.Duration(i) * 5 * time.Minute)
		pick := split.Assign(id)
		assignments = append(assignments, split.Assignment(pick, id, run, at))
		// One in three is merged, and of those with the short prompt one in nine more, two days later.
		if i%3 == 0 || pick.Variant == "short" && i%9 == 1 {
			record := scoring.Record{Score: scoring.Bool("merged", true), Run: run, RecordedAt: at.Add(48 * time.Hour), Revision: 1}
			records = append(records, record)
		}
	}

	for _, day := range []int{3, 9, 17} {
		report, err := analysis.Of(exp, experiments.Rows{Assignments: assignments, Records: records}, begin.Add(time.Duration(day)*24*time.Hour))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("day %d: %s: %s\n", day, report.Decision.Verdict, report.Decision.Reason)
	}
	// Output:
	// day 3: CONTINUE: no unit has matured yet
	// day 9: CONTINUE: short leads current on merged, but not surely (e = 8.84, needs 40)
	// day 17: WINNER: short is better than every other variant on merged since 2026-01-14 19:09 UTC (e = 7.63e+07, needs 40)
}
