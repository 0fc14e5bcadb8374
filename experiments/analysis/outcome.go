package analysis

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// window is the half-open span in which a unit's scores count, as scoring.Window. It is open until the unit is final.
type window struct {
	horizon
	open bool
}

// waited is how long an outcome has been waited for.
func (w window) waited() time.Duration {
	if w.windowed() && w.now.After(w.until) {
		return w.until.Sub(w.from)
	}
	return w.now.Sub(w.from)
}

// group has the rows of one assigned chain, and of the chains that inherited its assignment.
type group struct {
	own     view
	others  []view
	session bool // it has the scores of the session that the unit is
}

// read returns a metric's reading of a unit: the mean over its assigned chains.
func (w window) read(m metric, groups []group) Outcome {
	outcomes := make([]Outcome, 0, len(groups))
	for _, g := range groups {
		if g.session == m.ofSession() {
			outcomes = append(outcomes, w.group(m, g))
		}
	}
	out := mean(outcomes)
	if out.State != scoring.Scored {
		out.After = w.waited()
	}
	if m.Covariate == "" {
		return out
	}
	for _, g := range groups {
		if s := w.said(g.own, asked{Place: Place{Name: m.Covariate}}); s.state == scoring.Scored && measurable(s.value) {
			out.Covariate, out.HasCovariate = s.value, true
			break
		}
	}
	return out
}

// group returns a metric's reading of an assigned chain: the mean over itself and the inheriting chains that have
// scores. An inheriting chain without scores is no missing score. The engine's facts come from the assigned chain
// alone.
func (w window) group(m metric, g group) Outcome {
	if s := w.engine(m, g.own); s != nil {
		return w.silent(m, w.outcome(m, *s, statement{}), g.own)
	}
	said := []Outcome{w.chain(m, g.own)}
	for _, c := range g.others {
		said = append(said, w.chain(m, c))
	}
	return w.silent(m, mean(said), g.own)
}

// mean returns the mean of the outcomes that have a value, or else the state that says most.
func mean(outcomes []Outcome) Outcome {
	var out Outcome
	var values []float64
	for _, o := range outcomes {
		out.Late = out.Late || o.Late
		if o.State != scoring.Scored {
			if rank(o.State) > rank(out.State) {
				out.State = o.State
			}
			continue
		}
		values = append(values, o.Value)
		out.Per += o.Per
		out.Imputed = out.Imputed || o.Imputed
		out.Capped = out.Capped || o.Capped
		out.After = max(out.After, o.After)
	}
	if n := len(values); n > 0 {
		out.State = scoring.Scored
		out.Value = average(values)
		out.Per /= float64(n)
	}
	return out
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// rank orders states: of several chains without a value, the unit has the state with the highest rank.
func rank(s scoring.State) int {
	return slices.Index([]scoring.State{"", scoring.Declined, scoring.Failed, scoring.Expired, scoring.Pending}, s)
}

// chain returns a metric's reading of one chain, before any policy.
func (w window) chain(m metric, c view) Outcome {
	per := statement{}
	if m.Denominator != "" {
		per = w.said(c, asked{Place: Place{Step: m.Step, Name: m.Denominator}})
	}
	return w.outcome(m, w.said(c, m.asked()), per)
}

// outcome turns statements into an outcome. A value that the metric cannot have is an error, not a score.
func (w window) outcome(m metric, s, per statement) Outcome {
	o := Outcome{State: s.state, Late: s.late || per.late}
	if m.Denominator != "" && o.State == scoring.Scored {
		if o.State, o.Per = per.state, per.value; o.State == scoring.Scored && !measurable(o.Per) {
			return Outcome{State: scoring.Failed, Late: o.Late}
		}
	}
	if o.State != scoring.Scored {
		return o
	}
	y, cut, err := s.check(m)
	if err != nil {
		return Outcome{State: scoring.Failed, Late: o.Late}
	}
	o.Value, o.Capped, o.After = y, cut, max(0, s.at.Sub(w.from))
	return o
}

// silent applies the metric's rule for an assigned chain without a value when its window has closed. Not applicable and
// error are answers, and stay.
func (w window) silent(m metric, o Outcome, c view) Outcome {
	switch o.State {
	case scoring.Scored, scoring.Declined, scoring.Failed:
		return o
	}
	if w.open {
		return o
	}
	failed := !m.FailureUnknown && !m.engine() && len(c.runs) > 0 && broken(c.runs[len(c.runs)-1].Status)
	value, ok := 0.0, m.Missing == experiments.MissingZero
	if failed || m.Missing == experiments.MissingNegative {
		if worst, has := m.worst(); has {
			value, ok = worst, true
		}
	}
	switch {
	case ok && m.Denominator == "":
		return Outcome{State: scoring.Scored, Value: value, Imputed: true, Late: o.Late}
	case o.State == scoring.Pending:
		o.State = "" // its time is over
	}
	return o
}

// statement summarizes the records of one name.
type statement struct {
	state  scoring.State
	value  float64
	values []float64
	at     time.Time
	known  time.Time // when the last of it was recorded
	late   bool
	key    string // of the values
}

// check returns the value as it enters the mean: each score is checked, and cut at the cap, before they are averaged.
func (s statement) check(m metric) (mean float64, cut bool, err error) {
	values := make([]float64, len(s.values))
	for i, y := range s.values {
		v, changed, err := m.value(y)
		if err != nil {
			return 0, false, err
		}
		values[i] = v
		cut = cut || changed
	}
	return average(values), cut, nil
}

// average is the mean of values whose sum may be too large for a number.
func average(values []float64) float64 {
	sum, small := 0.0, 0.0
	for _, y := range values {
		sum += y
		small += math.Ldexp(y, -64)
	}
	n := float64(len(values))
	if !math.IsInf(sum, 0) && !math.IsNaN(sum) {
		return sum / n
	}
	return min(max(math.Ldexp(small/n, 64), -math.MaxFloat64), math.MaxFloat64)
}

// said returns the statement of the newest run of a chain that has scores of a place. scoring.Holding decides which
// revision of each score holds, here at the end of the window and in the store now.
func (w window) said(c view, q asked) statement {
	type identity struct {
		run       scoring.Run
		step, key string
	}
	type history struct{ known, all []scoring.Record } // known by the seal, and now
	histories := map[identity]*history{}
	var order []identity
	for _, r := range c.records[q.Name] {
		known, ok := w.record(r)
		if w.gone(r.Superseded, r.SupersededAt) || c.out[r.Run] {
			continue
		}
		id := identity{r.Run, r.Step.ID, r.Key}
		if histories[id] == nil {
			histories[id] = &history{}
			order = append(order, id)
		}
		h := histories[id]
		h.all = append(h.all, r)
		if ok {
			h.known = append(h.known, known)
		}
	}
	type held struct {
		id    identity
		r     scoring.Record
		since time.Time
	}
	var holding []held
	late := false
	for _, id := range order {
		h := histories[id]
		r, since, ok := scoring.Holding(h.known, w.until)
		ok = ok && placeStep(r) == q.Step
		if ok {
			holding = append(holding, held{id, r, since})
		}
		if !w.windowed() {
			continue
		}
		now, _, scored := scoring.Holding(h.all, time.Time{})
		late = late || scored && placeStep(now) == q.Step && now.State == scoring.Scored && !(ok && r.Same(now.Score))
	}
	if len(holding) == 0 {
		return statement{late: late}
	}
	newest := holding[0]
	for _, h := range holding[1:] {
		if h.id.run != newest.id.run && c.after(h.r, newest.r) {
			newest = h
		}
	}
	holding = slices.DeleteFunc(holding, func(h held) bool { return h.id.run != newest.id.run })
	slices.SortFunc(holding, func(a, b held) int {
		return cmp.Or(cmp.Compare(a.id.step, b.id.step), cmp.Compare(a.id.key, b.id.key))
	})
	s := statement{late: late}
	for _, h := range holding {
		s.known = latest(s.known, h.r.FirstRecorded())
		state := h.r.State
		if y, ok := q.number(h.r.Score); ok && state == scoring.Scored {
			if len(s.values) == 0 {
				s.key = h.id.key
			} else if s.key != h.id.key {
				s.key = SeveralVersions
			}
			s.values = append(s.values, y)
			s.value += y
			if h.since.After(s.at) {
				s.at = h.since
			}
			continue
		}
		if state == scoring.Scored {
			state = scoring.Failed // it is of another kind
		}
		if rank(state) > rank(s.state) {
			s.state = state
		}
	}
	if n := len(s.values); n > 0 {
		s.state = scoring.Scored
		s.value /= float64(n)
	}
	return s
}

// after tells whether r is of a later run of the chain than q: by when the runs started, or, if that is not known, by
// when the records were made.
func (c view) after(r, q scoring.Record) bool {
	place := func(run scoring.Run) int {
		return slices.IndexFunc(c.runs, func(f scoring.RunFacts) bool { return f.Run == run })
	}
	if i, j := place(r.Run), place(q.Run); i >= 0 && j >= 0 {
		return i > j
	}
	return r.RecordedAt.After(q.RecordedAt)
}

// engine returns the engine's facts about a chain, or nil if the metric is not of that kind.
func (w window) engine(m metric, c view) *statement {
	if !m.engine() {
		return nil
	}
	s := &statement{}
	if len(c.runs) == 0 {
		return s
	}
	last := c.runs[len(c.runs)-1]
	status := last.Status
	if m.Name == experiments.RunFailed {
		status = w.status(last)
	}
	if !over(status) {
		if s.late = c.late; !s.late {
			s.state = scoring.Pending
		}
		return s
	}
	y := float64(last.Attempt)
	switch m.Name {
	case experiments.RunAttempts:
		if last.Attempt == 0 {
			return s // not known
		}
	case experiments.RunFailed:
		y = 0
		if status == scoring.RunFailed || status == scoring.RunTimedOut || status == scoring.RunTerminated {
			y = 1
		}
	case experiments.RunDuration:
		if c.runs[0].StartedAt.IsZero() {
			return s // its start is not known
		}
		y = last.ClosedAt.Sub(c.runs[0].StartedAt).Seconds()
	}
	s.state, s.value, s.values, s.at = scoring.Scored, y, []float64{y}, last.ClosedAt
	return s
}
