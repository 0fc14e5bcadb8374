package analysis

import (
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// The scores of a session count for the unit that it is, once, in addition to the scores of its runs: they have a place of their own
// ([scoring.SessionStep]), which no run has. Scores of sessions that are no units of the experiment do not count.

// sessions tells whether the units may be sessions.
func (s Scope) sessions() bool { return s.Unit != "" && s.Unit != experiments.UnitRun }

// ofSession keeps a score of a session that may be a unit.
func (r *Reader) ofSession(rec scoring.Record) {
	if !r.scope.sessions() || rec.Session.Key != r.scope.Unit {
		return
	}
	c := r.session(rec.Session.ID)
	c.records[rec.Name] = append(c.records[rec.Name], rec)
}

// session returns the scores of a unit that is a session.
func (r *Reader) session(unit string) *chain {
	c := r.sessions[unit]
	if c == nil {
		c = &chain{records: map[string][]scoring.Record{}}
		r.sessions[unit] = c
	}
	return c
}

// ofSession tells whether m is read from the scores of the session, and not of its runs.
func (m metric) ofSession() bool {
	_, is := scoring.SessionOfStep(m.Step)
	return is
}

// placeStep is the step of the place of a record.
func placeStep(r scoring.Record) string {
	if r.OfSession() {
		return scoring.SessionStep(r.Session.Key)
	}
	return stepType(r.Step)
}
