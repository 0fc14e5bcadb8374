package releases

import (
	"regexp"
	"slices"
)

// A report says differently what was wrong. Each such figure is here with the reason, and with what it is now where that
// follows from what it was: all else has to be as it was.
var mended = []struct {
	release string
	why     string
	// report makes of the figures that were wrong those that are right, and takes away what does not follow from them.
	report func(experiment map[string]any)
	// lines of the text that have such figures, as missingLines has them.
	lines string
}{
	{
		release: "v0.1.0",
		why:     "a failed run has the worst value in a metric that somebody declared, and is unknown in every other one",
		report:  failuresUndeclared,
		lines: `^(ranking/(bought|broken|declined|finished|short|stayed_closed|thumbs_up)|tone/(bought|broken|declined|finished|short|thumbs_up)): |^(ranking|tone)/: (units|values) |` +
			`^\w+/\w*:   \w+ +(\d+ +){8}0$`, // counts whose column of imputed values is gone, since all are 0
	},
	{
		release: "v0.1.0",
		why:     "where the control's mean is 0 the text says that there is no lift, and not only that none is shown",
		lines:   `^ranking/run\.failed:   learned +\S+ +\S+ to \S+ +\S+ +\S+ to \S+ +- +- +\d+/\d+$`,
	},
	{
		release: "v0.1.0",
		why:     "the heading of the shadows says the same in plainer words",
		lines:   `^\w+/: shadows: beside the runs that were served, and compared with \w+ on the same units$`,
	},
	{
		release: "v0.1.0",
		why:     "the heading of the runs and the note about maturity say the same in plainer words",
		report:  plainerNotes,
		lines:   `^\w+/: (runs: how they ended, and what they took|note: no maturity window: right only if scores of all variants take equally long)$`,
	},
	{
		release: "v0.1.0",
		why:     "without a window units count in the order in which they become final, on which the evidence depends, and an epoch begins with its earliest one",
		report:  func(experiment map[string]any) { withoutEvidence(experiment) },
		lines:   `^\w+/: decision: CONTINUE: \w+ leads \w+ on \w+, but not surely \(e = \d+, needs 40\)$`,
	},
	{
		release: "v0.1.0",
		why: "an interval is the inverse of the tests that decide, of bounded means too, the evidence is that of the new bets and of the wider " +
			"alternative of the sample ratio, and a comparison counts the units of both variants",
		report: func(experiment map[string]any) { withoutInference(experiment) },
		lines:  `^(\w+/[\w.]*:   \w+ +\S+ +(\S+ to \S+|-) |\w+/: ~: approximate)`,
	},
	{
		release: "v0.1.0",
		why:     "the table of all scores counts scores: a run may have several in one place",
		lines:   `^\w+/: score +of +runs `,
	},
}

// withoutInference takes out of a part of a report what comes from the bets or is an interval, and no mean and no count.
func withoutInference(part any) {
	switch part := part.(type) {
	case []any:
		for _, x := range part {
			withoutInference(x)
		}
	case map[string]any:
		for key, x := range part {
			switch key {
			case "verdict", "log_e", "interval", "approximate", "p_value", "difference", "difference_interval", "lift", "lift_interval", "lift_approximate":
				delete(part, key)
			case "versus":
				versus, _ := x.(map[string]any)
				delete(versus, "units")
				withoutInference(x)
			default:
				withoutInference(x)
			}
		}
	}
}

// mend makes of a recorded report what is right today.
func (l left) mend(report any) {
	for _, m := range mended {
		if m.release != l.release || m.report == nil {
			continue
		}
		for _, e := range report.(map[string]any)["experiments"].([]any) {
			m.report(e.(map[string]any))
		}
	}
}

// unexplained leaves out the lines that are mended.
func (l left) unexplained(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool {
		for _, m := range mended {
			if m.release == l.release && regexp.MustCompile(m.lines).MatchString(line) {
				return true
			}
		}
		return false
	})
}

// plainer has the words of notes now, by the words of v0.1.0.
var plainer = map[string]string{
	"no maturity window: right only if scores of all variants take equally long": "no maturity is set: units count in the order in which they become final, so nothing is guaranteed; the figures are right only if the scores of all variants take equally long",
}

func plainerNotes(experiment map[string]any) {
	analysis, _ := experiment["analysis"].(map[string]any)
	for _, from := range []map[string]any{experiment, analysis} {
		notes, _ := from["notes"].([]any)
		for i, n := range notes {
			if now, ok := plainer[n.(string)]; ok {
				notes[i] = now
			}
		}
	}
}

var evidence = regexp.MustCompile(`\(e = \d+, needs 40\)`)

// withoutEvidence takes the values of e-processes, and the beginnings of epochs, out of a part of a report.
func withoutEvidence(part any) {
	switch part := part.(type) {
	case []any:
		for _, x := range part {
			withoutEvidence(x)
		}
	case map[string]any:
		for key, x := range part {
			switch text, _ := x.(string); {
			case key == "log_e_better", key == "log_e_worse", key == "missing_log_e", key == "since", evidence.MatchString(text):
				delete(part, key)
			default:
				withoutEvidence(x)
			}
		}
	}
}

// declared are the metrics that the experiments of the recordings declare.
var declared = map[string][]string{"ranking": {"accepted", "tokens"}, "tone": {"stayed_closed"}}

func failuresUndeclared(experiment map[string]any) {
	for _, r := range experiment["rows"].([]any) {
		row := r.(map[string]any)
		if slices.Contains(declared[experiment["name"].(string)], row["score"].(string)) {
			continue
		}
		for _, derived := range []string{"interval", "best", "versus"} {
			delete(row, derived)
		}
		imputed, _ := row["imputed"].(float64)
		if imputed == 0 {
			continue
		}
		delete(row, "imputed")
		scored := row["scored"].(float64) - imputed
		row["missing"] = row["missing"].(float64) + imputed
		if scored > 0 { // each of the others was taken for 0
			row["mean"] = row["mean"].(float64) * row["scored"].(float64) / scored
		} else {
			row["mean"] = nil
		}
		row["scored"] = scored
	}
}
