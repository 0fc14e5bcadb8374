package report

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/store"
)

// Deviation is a score that was said on one day, of one build, and whose mean differs from that of the other days and builds. It
// says where to look and not why: neither days nor builds are randomised.
type Deviation struct {
	Score string `json:"score"`
	Step  string `json:"step,omitempty"` // activity type; empty: the run
	Day   string `json:"day"`
	Build string `json:"build,omitempty"`
	// Scored is how many values there are, Mean is theirs, and Elsewhere the mean of all others in the same place.
	Scored    int64   `json:"scored"`
	Mean      float64 `json:"mean"`
	Elsewhere float64 `json:"elsewhere"`
	// Z is their difference in standard errors.
	Z float64 `json:"z"`
}

const (
	// deviationDays is how far back the report looks if it is not told.
	deviationDays = 30
	// minDeviating is how many values a day of a build needs, and the rest.
	minDeviating = 30
	// deviationLevel is the probability to name anything in a place where nothing differs.
	deviationLevel = 0.001
	maxDeviations  = 10
)

// cell has the values of one day and build in a place.
type cell struct {
	day, build      string
	n, sum, squares float64
}

// deviations looks for days and builds that stand out.
func deviations(ctx context.Context, s Reader, o Options) ([]Deviation, error) {
	f := store.CountFilter{Of: store.CountScores, Since: o.Since, Until: o.Until, By: []store.Dimension{store.ByStep, store.ByBuild, store.ByDay}}
	if f.Since.IsZero() {
		f.Since = o.Now.AddDate(0, 0, -deviationDays)
	}
	counts, err := s.Counts(ctx, f)
	if err != nil {
		return nil, err
	}
	type place struct{ step, score string }
	cells := map[place][]cell{}
	for _, c := range counts.Rows {
		if c.Valued > 0 && c.Valued == c.N && !c.Day.IsZero() {
			p := place{c.Step, c.Name}
			cells[p] = append(cells[p], cell{c.Day.Format(time.DateOnly), c.Build, float64(c.Valued), c.Sum, c.Squares})
		}
	}
	found := []Deviation{}
	for p, all := range cells {
		for _, d := range deviating(all) {
			d.Step, d.Score = p.step, p.score
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b Deviation) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Z), math.Abs(a.Z)), cmp.Compare(a.Score, b.Score), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Build, b.Build))
	})
	return found[:min(len(found), maxDeviations)], nil
}

// deviating names the cell that differs most from all others together, by the difference of two means in standard errors with a
// pooled variance, if that is larger than chance makes the largest of so many (Bonferroni); then the next one, without it: a
// large deviation would make all others deviate from it.
func deviating(all []cell) (found []Deviation) {
	limit := math.Sqrt2 * math.Erfcinv(deviationLevel/float64(max(1, len(all))))
	for len(found) < maxDeviations {
		var total cell
		for _, c := range all {
			total.n, total.sum, total.squares = total.n+c.n, total.sum+c.sum, total.squares+c.squares
		}
		most, best := -1, Deviation{}
		for i, c := range all {
			rest := cell{n: total.n - c.n, sum: total.sum - c.sum, squares: total.squares - c.squares}
			if c.n < minDeviating || rest.n < minDeviating {
				continue
			}
			mean, elsewhere := c.sum/c.n, rest.sum/rest.n
			spread := max(0, c.squares-c.n*mean*mean) + max(0, rest.squares-rest.n*elsewhere*elsewhere)
			// One more value that differs by as much: cells in which all values are equal have no spread.
			spread += (mean - elsewhere) * (mean - elsewhere)
			z := (mean - elsewhere) / math.Sqrt(spread/(c.n+rest.n-2)*(1/c.n+1/rest.n))
			if math.Abs(z) > limit && math.Abs(z) > math.Abs(best.Z) {
				most, best = i, Deviation{Day: c.day, Build: c.build, Scored: int64(c.n), Mean: mean, Elsewhere: elsewhere, Z: z}
			}
		}
		if most < 0 {
			return found
		}
		found = append(found, best)
		all = slices.Delete(slices.Clone(all), most, most+1)
	}
	return found
}
