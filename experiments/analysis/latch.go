package analysis

import (
	"slices"
	"time"
)

// history has the times at which the weights changed, and finds the time at which a verdict was due for the first time.
// A verdict is a function of facts, which are of units in the order of their assignment, and of the changes that were known
// by then: a later look, or a rebuild, finds the same verdict at the same time.
type history struct {
	a     *Analysis
	times []time.Time // at which a verdict may become due, in their order
}

func (a *Analysis) history(now time.Time) *history {
	h := &history{a: a}
	window := a.exp.def.Maturity
	for _, c := range a.changes {
		h.times = append(h.times, c.at.Add(window), c.until)
	}
	for _, s := range a.states {
		h.times = append(h.times, s.since)
	}
	for _, m := range a.metrics {
		h.times = append(h.times, m.evidence.times()...)
	}
	for i := range h.times {
		h.times[i] = h.times[i].UTC()
	}
	slices.SortFunc(h.times, time.Time.Compare)
	h.times = slices.CompactFunc(h.times, time.Time.Equal)
	h.times = slices.DeleteFunc(h.times, func(t time.Time) bool { return t.After(now) || t.IsZero() })
	return h
}

// times are the times of facts and of what delays a verdict.
func (v *evidence) times() []time.Time {
	var all []time.Time
	add := func(m moment) {
		if m.unit > 0 {
			all = append(all, m.at)
		}
	}
	for _, facts := range v.facts {
		for _, f := range facts {
			add(f.moment)
		}
	}
	for _, m := range slices.Concat(v.enough, v.full) {
		add(m)
	}
	return all
}

// first returns the first time at which due holds.
func (h *history) first(due func(t time.Time) bool) (time.Time, bool) {
	for _, t := range h.times {
		if due(t) {
			return t, true
		}
	}
	return time.Time{}, false
}

// settled tells whether at a time one window after the last change of weights has closed, so that no verdict rests on
// units whose window began under other weights alone. Under an allocator, which changes them all the time, it is one
// window after the start.
func (h *history) settled(t time.Time) bool {
	return !t.Before(h.lastChange(t).Add(h.a.exp.def.Maturity))
}

// lastChange is the last change of weights before a time, as it was known then, or the start.
func (h *history) lastChange(t time.Time) (last time.Time) {
	for _, c := range h.a.changes {
		if c.holds(t) && c.at.After(last) {
			last = c.at
		}
	}
	return last
}

// stopped tells whether a variant got no more units at a time.
func (h *history) stopped(v int, t time.Time) bool {
	none := false
	for _, s := range h.a.states {
		if !s.since.After(t) {
			none = s.stopped[v]
		}
	}
	return none
}

// shown tells whether a claim about a pair was shown by a time, and both had enough units to speak of.
func (v *evidence) shown(cl claim, b, j int, t time.Time) bool {
	return v.at(cl, b, j).by(t) && v.ready(b, j).by(t)
}

// harmful tells whether a variant was shown to be worse than the control by a time, on any metric.
func (h *history) harmful(v int, t time.Time) bool {
	c := h.a.exp.control
	return v != c && slices.ContainsFunc(h.a.metrics, func(m *tally) bool { return m.evidence.shown(worse, c, v, t) })
}

// out tells whether a variant was out of the contest at a time: harmful, and without units.
func (h *history) out(v int, t time.Time) bool { return h.harmful(v, t) && h.stopped(v, t) }

// passes tells whether by a time a variant was shown not to be worse than the control, by the margin or more, on every
// guardrail that must pass.
func (h *history) passes(b int, t time.Time) bool {
	c := h.a.exp.control
	return b == c || !slices.ContainsFunc(h.a.metrics[1:], func(m *tally) bool {
		return m.metric.Required && !m.evidence.shown(passing, b, c, t)
	})
}

// wins tells whether a variant was better than every other one that was still in, at a time.
func (h *history) wins(b int, t time.Time) bool {
	if h.harmful(b, t) || !h.passes(b, t) {
		return false
	}
	for j := range h.a.exp.names {
		if j != b && !h.out(j, t) && !h.a.metrics[0].evidence.shown(better, b, j, t) {
			return false
		}
	}
	return true
}

// winner returns the first variant that won, of the ones that may, and when.
func (h *history) winner(may func(b int) bool) (b int, since time.Time, ok bool) {
	since, ok = h.first(func(t time.Time) bool {
		if !h.settled(t) {
			return false
		}
		b = slices.IndexFunc(h.a.exp.names, func(name string) bool {
			b := h.a.exp.index[name]
			return may(b) && h.wins(b, t)
		})
		return b >= 0
	})
	return b, since, ok
}

// equivalent returns the best variants that were shown to differ by no more than matters, and when that was first so.
func (h *history) equivalent() (best []int, since time.Time, ok bool) {
	v := h.a.metrics[0].evidence
	if h.a.exp.def.ROPE == 0 {
		return nil, time.Time{}, false
	}
	since, ok = h.first(func(t time.Time) bool {
		if !h.settled(t) {
			return false
		}
		best = best[:0]
		for j := range h.a.exp.names {
			beaten := h.harmful(j, t)
			for b := range h.a.exp.names {
				beaten = beaten || b != j && !h.harmful(b, t) && v.shown(ahead, b, j, t)
			}
			if !beaten {
				best = append(best, j)
			}
		}
		for _, b := range best {
			for _, j := range best {
				if b != j && !v.shown(within, b, j, t) {
					return false
				}
			}
		}
		return len(best) > 1
	})
	return best, since, ok
}

// futile returns when every variant was shown not to be better than the control by the difference that matters, or had
// had all its units.
func (h *history) futile() (since time.Time, ok bool) {
	v, c := h.a.metrics[0].evidence, h.a.exp.control
	return h.first(func(t time.Time) bool {
		if !h.settled(t) {
			return false
		}
		left := 0
		for a := range h.a.exp.names {
			if a == c || h.harmful(a, t) {
				continue
			}
			left++
			if !v.full[a].by(t) && !(h.a.exp.def.MDE > 0 && v.shown(short, c, a, t)) {
				return false
			}
		}
		return left > 0
	})
}
