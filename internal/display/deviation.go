package display

import (
	"fmt"
	"io"

	"github.com/verdict-dev/verdict/report"
)

// Deviation says it in a line.
func Deviation(d report.Deviation) string {
	of, build := "run", ""
	if d.Step != "" {
		of = d.Step
	}
	if d.Build != "" {
		build = " in build " + d.Build
	}
	return fmt.Sprintf("%s of %s on %s%s: mean %s of %d, elsewhere %s", d.Score, of, d.Day, build, Number(&d.Mean), d.Scored, Number(&d.Elsewhere))
}

func writeDeviations(w io.Writer, r report.Report) {
	if len(r.Deviations) == 0 {
		return
	}
	for _, d := range r.Deviations {
		fmt.Fprintf(w, "stands out: %s\n", Deviation(d))
	}
	fmt.Fprintf(w, "days and builds are not randomised: this says where to look, and not why\n\n")
}
