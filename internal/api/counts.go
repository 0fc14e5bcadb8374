package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// countList has counts.
type countList struct {
	AsOf   time.Time     `json:"as_of"`
	Counts []store.Count `json:"counts"`
}

func (a *api) count(ctx context.Context, _ *http.Request, q url.Values) (any, error) {
	f := store.CountFilter{Of: store.Counted(q.Get("of")), Name: q.Get("name")}
	if f.Of == "" {
		f.Of = store.CountScores
	}
	var err error
	if f.Since, err = timeIn(q, "since"); err != nil {
		return nil, err
	}
	if f.Until, err = timeIn(q, "until"); err != nil {
		return nil, err
	}
	for _, by := range q["by"] {
		f.By = append(f.By, store.Dimension(by))
	}
	experiment, version, attribute := q.Get("experiment"), q.Get("version"), q.Get("attribute")
	switch {
	case (experiment == "") != (version == ""):
		return nil, scoring.Invalid("version", "an experiment is counted by version")
	case experiment != "" && attribute != "":
		return nil, scoring.Invalid("attribute", "slices are counted one by one: give an experiment or an attribute")
	case experiment != "":
		f.Slice = store.SliceOfExperiment(experiment, version)
	case attribute != "":
		f.Slice = store.SliceOfAttribute(attribute)
	}
	counts, err := a.Store.Counts(ctx, f)
	return countList{counts.AsOf, orEmpty(counts.Rows)}, err
}

// timeIn reads a parameter that is a time or a day; the zero time if it is not given.
func timeIn(q url.Values, name string) (t time.Time, err error) {
	text := q.Get(name)
	if text == "" {
		return t, nil
	}
	if t, err = time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	if t, err = time.Parse(time.RFC3339, text); err != nil {
		return t, scoring.Invalid(name, "%q is not a time as in RFC 3339, or a day", text)
	}
	return t, nil
}

func (l countList) table() (columns []string, rows [][]string, next store.Cursor) {
	columns = []string{"as_of", "name", "step", "state", "value", "build", "day", "n", "marked", "valued", "sum", "squares", "category"}
	for _, c := range l.Counts {
		day := ""
		if !c.Day.IsZero() {
			day = c.Day.Format(time.DateOnly)
		}
		rows = append(rows, []string{
			timeText(l.AsOf), c.Name, c.Step, c.State, c.Value, c.Build, day, strconv.FormatInt(c.N, 10), strconv.FormatInt(c.Marked, 10),
			strconv.FormatInt(c.Valued, 10), strconv.FormatFloat(c.Sum, 'g', -1, 64), strconv.FormatFloat(c.Squares, 'g', -1, 64), c.Category,
		})
	}
	return columns, rows, ""
}
