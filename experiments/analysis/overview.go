package analysis

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Overview is everything that a report shows of an experiment at a moment: the analysis, every score, and the engine's facts, by
// variant.
type Overview struct {
	Report Report
	Left   Left
	// Unvouched counts the units that were assigned by workers that did not withdraw an assignment that was not served.
	Unvouched int
	// Places are the scores that any unit has, in the order of their places, each as if the experiment were about it alone.
	Places []PlaceReport
	// Engine are run.failed, run.duration in seconds, and run.attempts.
	Engine []MetricReport
	// Endings count how the chains of the units ended.
	Endings []EndingCount
	// Course is nil of an overview from all rows.
	Course *Course
	// Shadowed tells that variants ran as shadows: see [Reader.Shadows].
	Shadowed bool
}

// EndingCount is how many chains ended alike.
type EndingCount struct {
	Ending
	Chains int
}

// PlaceReport is the score of a place, by variant.
type PlaceReport struct {
	Place
	Variants []Result
	// Scored counts the units of each variant that have a category, and Shares has the categories, if the score is categorical. Then
	// the values of Variants are 1 for each category, and say nothing.
	Scored []int
	Shares []Share
}

// About returns a definition as if the experiment were about other metrics.
func About(d experiments.Definition, primary experiments.Metric, others ...experiments.Metric) experiments.Definition {
	d.Primary, d.Guardrails = primary, others
	d.MDE, d.Sigma, d.ROPE, d.Margin, d.EarlyRead = 0, 0, 0, 0, false // they are about another metric
	d.Observed, d.Untrusted, d.TrustedBy = nil, "", experiments.Reference{}
	return d
}

// EngineMetrics are the engine's facts about runs.
func EngineMetrics() []experiments.Metric {
	engine := func(name string, t experiments.Type) experiments.Metric {
		return experiments.Metric{Name: name, Type: t, Direction: experiments.Lower}
	}
	return []experiments.Metric{
		engine(experiments.RunFailed, experiments.Boolean),
		engine(experiments.RunDuration, experiments.Unbounded), engine(experiments.RunAttempts, experiments.Unbounded),
	}
}

// IsUsage tells whether a score counts a run's usage: less is better.
func IsUsage(score string) bool {
	for _, name := range []string{"tokens", "cost", "latency"} {
		if score == name || strings.HasPrefix(score, name+"_") || strings.HasSuffix(score, "_"+name) {
			return true
		}
	}
	return strings.HasPrefix(score, "gen_ai.usage.")
}

// kind is which values the scores of a place have.
type kind struct {
	numbers    bool // one is no boolean
	beyond     bool // one is outside of 0 to 1
	categories bool // one is a category: the others are errors
}

func (k kind) or(o kind) kind {
	return kind{k.numbers || o.numbers, k.beyond || o.beyond, k.categories || o.categories}
}

func kindOf(s scoring.Score) (k kind) {
	k.categories = s.Category != ""
	if y, ok := s.Value.Float(); ok {
		k.numbers = s.Value.Kind() != scoring.BoolKind
		k.beyond = k.numbers && (y < 0 || y > 1)
	}
	return k
}

func (k kind) String() string {
	if k.categories {
		return "categories"
	}
	return string(k.metric(Place{}).Type)
}

// metric is the metric of a place that the definition does not have. The meaning of a failed run is unknown.
func (k kind) metric(p Place) experiments.Metric {
	m := experiments.Metric{Name: p.Name, Step: p.Step, Type: experiments.Boolean, FailureUnknown: true}
	switch {
	case k.categories:
	case k.numbers && k.beyond:
		m.Type = experiments.Unbounded
	case k.numbers:
		m.Type = experiments.Bounded
	}
	if IsUsage(p.Name) {
		m.Direction = experiments.Lower
	}
	return m
}

// aside accumulates metrics that decide nothing. Everything else about the units is in the analysis of the definition.
type aside struct {
	place    Place
	declared bool // the definition has its metric, so its kind does not matter
	said     bool // a unit has a score here
	kind     kind
	exp      *design
	metrics  []*tally
	shares   *shares // nil: the score is not categorical
}

// newAside returns the empty state of metrics; exp is nil if they are no metrics of an experiment.
func newAside(d experiments.Definition, metrics ...experiments.Metric) *aside {
	x := &aside{}
	x.about(d, metrics...)
	return x
}

func (x *aside) about(d experiments.Definition, metrics ...experiments.Metric) {
	exp, err := experiments.New(About(d, metrics[0], metrics[1:]...))
	if err != nil {
		return
	}
	x.exp, x.shares = designOf(exp), nil
	if x.kind.categories {
		x.exp.metrics[0].any, x.shares = true, newShares(len(x.exp.names))
	}
	x.metrics = x.exp.analysis().metrics
	for _, m := range x.metrics {
		m.beside = true
	}
}

// add accumulates the unit of a subject as the metrics read it, which became final at a moment.
func (x *aside) add(r *Reader, s *subject, at stratum, v int, p []float64, sealed moment) Unit {
	u := r.unit(s, x.exp.metrics)
	for i, m := range x.metrics {
		m.add(at, v, u, u.Outcomes[i], p, sealed)
	}
	if x.shares != nil && u.Mature {
		x.shares.add(v, r.categories(s, x.place))
	}
	return u
}

// hear finds out whether a unit has a score here.
func (x *aside) hear(r *Reader, s *subject) {
	if !x.said {
		o := r.unit(s, []metric{plainMetric(x.place)}).Outcomes[0]
		x.said = o.State != "" || o.Late
	}
}

// results returns the metrics of an aside with the units of an analysis.
func (a *Analysis) results(x *aside, j *judge) []MetricReport {
	beside := *a
	beside.exp, beside.metrics = x.exp, x.metrics
	of := beside.judge(j.now)
	out := make([]MetricReport, len(x.metrics))
	for i := range x.metrics {
		out[i] = of.metric(i)
	}
	return out
}

// Declared returns the metric that a definition has for a place, as one that decides nothing.
func Declared(d experiments.Definition, p Place) (experiments.Metric, bool) {
	for _, m := range d.Metrics() {
		if m.Name == p.Name && m.Step == p.Step && m.Category == p.Category && m.Denominator == "" {
			m.Required, m.Margin, m.Judge = false, 0, false
			return m, true
		}
	}
	return experiments.Metric{}, false
}

func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Step, q.Step), cmp.Compare(p.Name, q.Name), cmp.Compare(p.Category, q.Category))
}

// Overview returns the overview of an experiment.
func (r *Reader) Overview(exp *experiments.Experiment) (Overview, error) {
	e := designOf(exp)
	subjects, err := r.ordered(e)
	if err != nil {
		return Overview{}, err
	}
	f := newFold(exp)
	f.main.arriveAll(r.arrivals)
	for _, s := range subjects {
		f.find(r, s.subject)
	}
	f.settle()
	for _, s := range subjects {
		f.add(r, s.subject, s.unit)
	}
	f.shadowed = len(r.beside) > 0
	return f.overview(r.now, r.left), nil
}

// overview returns the overview of the units so far. left are the assignments that are no units.
func (f *Fold) overview(now time.Time, left Left) Overview {
	o := Overview{Report: f.main.Report(now), Left: left, Unvouched: f.unvouched, Shadowed: f.shadowed}
	if len(left.By) > 0 {
		o.Report.Excluded = maps.Clone(left.By)
	}
	for _, e := range slices.SortedFunc(maps.Keys(f.endings), Ending.compare) {
		o.Endings = append(o.Endings, EndingCount{e, f.endings[e]})
	}
	if f.course != nil {
		c := f.course.upTo(f.versus)
		o.Course = &c
	}
	j := f.main.judge(now)
	for _, x := range f.engine {
		if x.exp != nil {
			o.Engine = append(o.Engine, f.main.results(x, j)...)
		}
	}
	for _, x := range slices.SortedFunc(slices.Values(f.places), func(a, b *aside) int { return a.place.compare(b.place) }) {
		if x.said && x.exp != nil {
			p := PlaceReport{Place: x.place, Variants: f.main.results(x, j)[0].Variants}
			if x.shares != nil {
				p.Scored, p.Shares = slices.Clone(x.shares.scored), x.shares.list()
			}
			o.Places = append(o.Places, p)
		}
	}
	return o
}
