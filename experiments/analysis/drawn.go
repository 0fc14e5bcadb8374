package analysis

import "github.com/verdict-dev/verdict/scoring"

// of reads a subject on all metrics of an experiment.
func (r *Reader) of(s *subject, e *design) Unit {
	u := r.unit(s, e.metrics)
	w := s.window()
	w.open = !u.Mature
	for _, m := range e.observed {
		u.Observed = append(u.Observed, w.read(m, r.groups(s)))
	}
	if !u.Mature {
		return u
	}
	for i, m := range e.metrics {
		u.Outcomes[i].By = w.by(m, r.groups(s))
	}
	for i, m := range e.observed {
		u.Observed[i].By = w.by(m, r.groups(s))
	}
	return u
}

// by returns the key of a judge's scores, [SeveralVersions] if they have several.
func (w window) by(m metric, groups []group) (key string) {
	if !m.Judge {
		return ""
	}
	first := true
	for _, g := range groups {
		for _, c := range append([]view{g.own}, g.others...) {
			switch s := w.said(c, m.asked()); {
			case len(s.values) == 0:
			case first:
				key, first = s.key, false
			case s.key != key:
				return SeveralVersions
			}
		}
	}
	return key
}

// readDrawn is read for a metric that may have corrected values: of these, the outcome counts if the unit was drawn, and
// there is a judgement.
func (w window) readDrawn(r *Reader, s *subject, m metric, groups []group) Outcome {
	if m.of == nil {
		return w.read(m, groups)
	}
	o := w.read(m.uncorrected(), groups)
	if !m.Drawn(r.scope.Experiment, r.scope.Version, s.first.Unit) {
		o = Outcome{State: o.State, After: o.After, Left: true}
		if !w.open {
			o.State = scoring.Scored
		}
	}
	if j := w.read(plainMetric(Place{Name: m.Corrected.Judge}), groups); j.State == scoring.Scored && measurable(j.Value) {
		o.Judged, o.HasJudged = j.Value, true
	}
	return o
}
