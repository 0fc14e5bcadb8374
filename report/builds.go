package report

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/experiments/results"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

const (
	// MaxBuildRuns is how many runs a comparison of builds reads, and maxBuildScores how many scores, the newest ones.
	MaxBuildRuns   = 200_000
	maxBuildScores = 2_000_000
	// buildDays is how far back it looks if it is not told.
	buildDays = 7
	// buildAlpha is the probability to find a difference of any score where builds make none.
	buildAlpha = 0.05
)

// Builds compares two builds of a worker. Nothing is randomised: a difference comes from the builds, or from anything that changed with them.
type Builds struct {
	Build   string `json:"build"`
	Against string `json:"against"`
	// Since and Until are when the store has learned of the runs.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Read is how many runs were read, of any build, and NoBuild how many of them have not said one: they are open, or ended without a
	// flush and their histories were gone before anybody read them. Cut tells that there are more, older runs than MaxBuildRuns, and ScoresCut that there are more, older scores.
	Read      int  `json:"read"`
	NoBuild   int  `json:"no_build"`
	Cut       bool `json:"cut,omitempty"`
	ScoresCut bool `json:"scores_cut,omitempty"`
	// Runs are the runs of either build, and Compared the ones of the times in which both ran (analysis.SideBySide). A chain of retries
	// and continued runs is one run. Mixed is how many chains are left out because their runs are of several builds.
	Runs            int `json:"runs"`
	AgainstRuns     int `json:"against_runs"`
	Compared        int `json:"compared"`
	AgainstCompared int `json:"against_compared"`
	Mixed           int `json:"mixed,omitempty"`
	// Level is the probability that all intervals together cover.
	Level  float64      `json:"level"`
	Scores []BuildScore `json:"scores"`
}

// BuildScore is a score of two builds, in one place: one of the scores of runs and steps, or run.failed, run.duration (seconds) or
// run.attempts.
type BuildScore struct {
	Step  string `json:"step,omitempty"` // activity type; empty: the run
	Score string `json:"score"`
	// Scored is how many of the compared runs have a value, and Mean is theirs, of values that are cut; nil if there is none. The value of a
	// run with several is their mean.
	Scored        int      `json:"scored"`
	AgainstScored int      `json:"against_scored"`
	Mean          *float64 `json:"mean"`
	AgainstMean   *float64 `json:"against_mean"`
	// CutValues is how many values are beyond [Lo, Hi], the range of the bets, and count as its ends (analysis.Compare).
	CutValues int     `json:"cut_values,omitempty"`
	Lo        float64 `json:"lo"`
	Hi        float64 `json:"hi"`
	// Difference is how much higher Build is than Against, within hours, and so not the difference of the means. Nil while there are fewer
	// than 20 values of a build, or all are equal. Shown is "higher", "lower", or empty: neither is shown.
	Difference         *float64          `json:"difference"`
	DifferenceInterval *results.Interval `json:"difference_interval,omitempty"`
	Lift               *float64          `json:"lift,omitempty"`
	LiftInterval       *results.Interval `json:"lift_interval,omitempty"`
	Method             results.Method    `json:"method,omitempty"`
	Shown              string            `json:"shown,omitempty"`
	// PValue is two-sided, over all scores: at most 0.05 just where Shown says something. The logarithms of the evidence are of the last run.
	PValue     *float64 `json:"p_value,omitempty"`
	LogEHigher *float64 `json:"log_e_higher,omitempty"`
	LogELower  *float64 `json:"log_e_lower,omitempty"`
}

// checkBuilds refuses options that make no sense with a comparison of builds.
func (o Options) checkBuilds() error {
	switch {
	case o.Build == "":
		return scoring.Invalid("build", "which build is compared with %q?", o.Against)
	case o.Against == "":
		return scoring.Invalid("against", "which build is %q compared with?", o.Build)
	case o.Build == o.Against:
		return scoring.Invalid("against", "%q is the build itself", o.Against)
	case o.Experiment != "":
		return scoring.Invalid("build", "builds are compared over all runs, and not within an experiment")
	case o.Session != (scoring.Session{}):
		return scoring.Invalid("session", "builds are compared over all runs, and not within a session")
	case o.By != ByBoth || o.Metric != "" || o.Control != "" || o.Sequences:
		return scoring.Invalid("build", "two builds are compared on every score: leave out the tables, the metric, the control and the plots")
	case !o.Until.IsZero() && !o.Since.IsZero() && !o.Since.Before(o.Until):
		return scoring.Invalid("since", "it is not before the end")
	}
	return nil
}

// chain is a chain of runs of one build.
type chain struct {
	analysis.Sided
	first, last scoring.RunFacts
	build       string
	mixed, ours bool // of several builds, and of one of the two
	values      map[analysis.Place]*meanValue
}

type meanValue struct {
	n    float64
	mean float64
}

func (m *meanValue) add(y float64) { m.n++; m.mean += (y - m.mean) / m.n }

// compareBuilds compares two builds on every score.
func compareBuilds(ctx context.Context, s Reader, o Options) (*Builds, error) {
	b := &Builds{Build: o.Build, Against: o.Against, Since: o.Since.UTC(), Until: o.Until.UTC(), Level: 1 - buildAlpha, Scores: []BuildScore{}}
	if o.Until.IsZero() {
		b.Until = o.Now.UTC()
	}
	if o.Since.IsZero() {
		b.Since = b.Until.AddDate(0, 0, -buildDays)
	}
	chains, of, err := b.chains(ctx, s, o.Until)
	if err != nil {
		return nil, err
	}
	sides := make([]analysis.Sided, len(chains))
	for i, c := range chains {
		sides[i] = c.Sided
	}
	var compared []*chain
	for _, i := range analysis.SideBySide(sides) {
		chains[i].Sided = sides[i]
		compared = append(compared, chains[i])
		if sides[i].Second {
			b.Compared++
		} else {
			b.AgainstCompared++
		}
	}
	booleans, err := b.read(ctx, s, compared, of)
	if err != nil {
		return nil, err
	}
	b.compare(compared, booleans)
	return b, nil
}

// chains reads the runs of the two builds. of has the chain of a run.
func (b *Builds) chains(ctx context.Context, s Reader, until time.Time) (chains []*chain, of map[[2]string]*chain, err error) {
	runs, err := s.Runs(ctx, store.RunFilter{Since: b.Since, Until: until, Newest: true, Limit: MaxBuildRuns + 1})
	if err != nil {
		return nil, nil, err
	}
	if b.Cut = len(runs) > MaxBuildRuns; b.Cut {
		runs = runs[:MaxBuildRuns]
	}
	b.Read = len(runs)
	known, of := map[[2]string]*chain{}, map[[2]string]*chain{}
	others := map[string]bool{}
	for _, f := range runs {
		switch {
		case f.BuildID == "":
			b.NoBuild++
			continue
		case f.StartedAt.IsZero():
			continue
		}
		others[f.BuildID] = true
		id := [2]string{f.Run.WorkflowID, cmp.Or(f.FirstRunID, f.Run.RunID)}
		c := known[id]
		if c == nil {
			c = &chain{first: f, last: f, build: f.BuildID, values: map[analysis.Place]*meanValue{}}
			known[id] = c
			chains = append(chains, c)
		}
		c.mixed = c.mixed || c.build != f.BuildID
		c.ours = c.ours || f.BuildID == b.Build || f.BuildID == b.Against
		if f.StartedAt.Before(c.first.StartedAt) {
			c.first = f
		}
		if f.StartedAt.After(c.last.StartedAt) {
			c.last = f
		}
		of[[2]string{f.Run.WorkflowID, f.Run.RunID}] = c
	}
	for _, build := range []string{b.Build, b.Against} {
		if !others[build] {
			return nil, nil, scoring.Invalid("build", "no run of build %q from %s to %s; there are %s",
				build, b.Since.Format(time.RFC3339), b.Until.Format(time.RFC3339), buildNames(others))
		}
	}
	chains = slices.DeleteFunc(chains, func(c *chain) bool {
		if !c.ours {
			return true
		}
		if c.mixed {
			b.Mixed++
			return true
		}
		c.Sided = analysis.Sided{Group: c.first.WorkflowType, At: c.first.StartedAt, Second: c.build == b.Build}
		if c.Second {
			b.Runs++
		} else {
			b.AgainstRuns++
		}
		return false
	})
	slices.SortStableFunc(chains, func(x, y *chain) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.first.Run.WorkflowID, y.first.Run.WorkflowID), cmp.Compare(x.first.Run.RunID, y.first.Run.RunID))
	})
	return chains, of, nil
}

// buildNames names the builds that there are.
func buildNames(builds map[string]bool) string {
	const most = 10
	names := slices.Sorted(maps.Keys(builds))
	if len(names) == 0 {
		return "none"
	}
	if len(names) > most {
		names = append(names[:most], "others")
	}
	return strings.Join(names, ", ")
}

// read reads the values of chains, and tells which places have boolean ones alone.
func (b *Builds) read(ctx context.Context, s Reader, chains []*chain, of map[[2]string]*chain) (map[analysis.Place]bool, error) {
	booleans := map[analysis.Place]bool{{Name: experiments.RunFailed}: true}
	in, since := map[*chain]bool{}, b.Until
	for _, c := range chains {
		in[c] = true
		if c.At.Before(since) {
			since = c.At
		}
		c.engine()
	}
	if since.Before(b.Since) {
		since = b.Since
	}
	var page []scoring.Record
	next := store.Cursor("")
	for scores := 0; len(chains) > 0; {
		if scores >= maxBuildScores {
			b.ScoresCut = true
			break
		}
		var err error
		page, next, err = s.ScorePage(ctx, store.Filter{States: []scoring.State{scoring.Scored}, Since: since}, store.Page{After: next, Limit: store.MaxPage})
		if err != nil {
			return nil, err
		}
		scores += len(page)
		for _, r := range page {
			c := of[[2]string{r.Run.WorkflowID, r.Run.RunID}]
			y, ok := r.Value.Float()
			if !in[c] || !ok || math.IsNaN(y) || math.IsInf(y, 0) {
				continue
			}
			p := analysis.PlaceOf(r)
			before, seen := booleans[p]
			booleans[p] = (before || !seen) && r.Value.Kind() == scoring.BoolKind
			c.add(p, y)
		}
		if next == "" {
			break
		}
	}
	return booleans, nil
}

func (c *chain) add(p analysis.Place, y float64) {
	if c.values[p] == nil {
		c.values[p] = &meanValue{}
	}
	c.values[p].add(y)
}

// engine adds what the engine knows of a chain that has ended.
func (c *chain) engine() {
	failed := 0.0
	switch c.last.Status {
	case scoring.RunFailed, scoring.RunTimedOut, scoring.RunTerminated:
		failed = 1
	case scoring.RunCompleted, scoring.RunCanceled:
	default:
		return
	}
	c.add(analysis.Place{Name: experiments.RunFailed}, failed)
	if c.first.FirstRunID != "" && c.first.FirstRunID != c.first.Run.RunID {
		return // it began before the runs that were read
	}
	if took := c.last.ClosedAt.Sub(c.first.StartedAt); !c.last.ClosedAt.IsZero() && took >= 0 {
		c.add(analysis.Place{Name: experiments.RunDuration}, took.Seconds())
	}
	if c.last.Attempt > 0 {
		c.add(analysis.Place{Name: experiments.RunAttempts}, float64(c.last.Attempt))
	}
}

// compare fills in the scores. All of them together find a difference with a probability of buildAlpha where there is none.
func (b *Builds) compare(chains []*chain, booleans map[analysis.Place]bool) {
	values := map[analysis.Place][]analysis.Measured{}
	for _, c := range chains {
		for p, v := range c.values {
			values[p] = append(values[p], analysis.Measured{Sided: c.Sided, Value: v.mean})
		}
	}
	compared := 0.
	for _, all := range values {
		var n [2]int
		for _, v := range all {
			if v.Second {
				n[1]++
			} else {
				n[0]++
			}
		}
		if min(n[0], n[1]) >= analysis.MinUnits {
			compared++
		}
	}
	compared = max(1, compared)
	for _, p := range slices.SortedFunc(maps.Keys(values), func(x, y analysis.Place) int { return cmp.Or(cmp.Compare(x.Step, y.Step), cmp.Compare(x.Name, y.Name)) }) {
		b.Scores = append(b.Scores, buildScore(p, analysis.Compare(values[p], booleans[p], buildAlpha/compared)))
	}
	for i := range b.Scores {
		if p := b.Scores[i].PValue; p != nil {
			*p = min(1, *p*compared)
		}
	}
}

func buildScore(p analysis.Place, s analysis.Sides) BuildScore {
	out := BuildScore{Step: p.Step, Score: p.Name, Scored: s.Runs[1], AgainstScored: s.Runs[0], CutValues: s.Cut, Lo: s.Lo, Hi: s.Hi}
	if s.Runs[1] > 0 {
		out.Mean = &s.Mean[1]
	}
	if s.Runs[0] > 0 {
		out.AgainstMean = &s.Mean[0]
	}
	if !s.Known {
		return out
	}
	out.Difference, out.DifferenceInterval, out.Method = &s.Difference, (*results.Interval)(&s.Interval), results.Betting
	out.Lift, out.LiftInterval = s.Lift, (*results.Interval)(s.LiftInterval)
	out.PValue, out.LogEHigher, out.LogELower = &s.PValue, &s.LogHigher, &s.LogLower
	out.Shown = map[int]string{1: "higher", -1: "lower"}[s.Shown()]
	return out
}
