package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// Our block in the run's current details. Text around it is the user's and stays.
const (
	detailsBegin = "\n\n#### Verdict\n"
	detailsEnd   = "\n[//]: # (end of Verdict)"
	detailsLimit = 20_000 // bytes of JSON; the server takes 20 KB
	detailsOwn   = 128    // of it for our marks and the line that says how many more there are
	detailsLines = 100    // every score rewrites the block, inside a workflow task that may take one second
)

// describe shows the buffer on the run's page. Current details are no command: they live in the workflow's metadata.
func (r *run) describe(ctx workflow.Context) {
	current := workflow.GetCurrentDetails(ctx)
	if len(current) > detailsLimit {
		return // the user's own, which the server cuts
	}
	if details := r.details(current); scoring.EncodedText(details) <= detailsLimit {
		workflow.SetCurrentDetails(ctx, details)
	}
}

// details returns the current details with our block in them, new or in its old place.
func (r *run) details(current string) string {
	before, after := current, ""
	if i := strings.Index(current, detailsBegin); i >= 0 {
		if j := strings.Index(current[i:], detailsEnd); j >= 0 {
			before, after = current[:i], current[i+j+len(detailsEnd):]
		}
	}
	var b strings.Builder
	room := detailsLimit - detailsOwn - scoring.EncodedText(before) - scoring.EncodedText(after)
	add := func(line string) bool {
		n := scoring.EncodedText(line)
		if n > room {
			return false
		}
		room -= n
		b.WriteString(line)
		return true
	}
	for i, rec := range r.records {
		line := fmt.Sprintf("- %s = %s", rec.Name, rec.ValueText())
		if rec.ValueText() == "" {
			line = fmt.Sprintf("- %s: %s", rec.Name, rec.State)
		}
		if !rec.Step.IsZero() {
			line += " (step " + rec.Step.ID + ")"
		}
		if i == detailsLines || !add(line+"\n") {
			fmt.Fprintf(&b, "- and %d more\n", len(r.records)-i)
			break
		}
	}
	for i, e := range r.waits {
		if i == detailsLines || !add(waitsUntil(e)) {
			fmt.Fprintf(&b, "- and %d more that wait\n", len(r.waits)-i)
			break
		}
	}
	for _, ref := range r.assigned {
		add(fmt.Sprintf("- %s: variant %s\n", ref.Experiment, ref.Variant))
	}
	return before + detailsBegin + b.String() + detailsEnd + after
}

func waitsUntil(e scoring.Expectation) string {
	switch {
	case e.Start == nil:
		return fmt.Sprintf("- %s waits until %s\n", e.Scorer, e.Window.Until.Format("2006-01-02 15:04 MST"))
	case e.Start.Length > 0:
		return fmt.Sprintf("- %s waits for %s once the run has closed\n", e.Scorer, e.Start.Length)
	}
	return fmt.Sprintf("- %s waits for the run's close, and until %s\n", e.Scorer, e.Window.Until.Format("2006-01-02 15:04 MST"))
}
