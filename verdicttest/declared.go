package verdicttest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// arrival is an outcome that comes some time after the start of a run.
type arrival struct {
	after time.Duration
	scoring.Outcome
}

// at fills in an ID and the times for a run that started at start.
func (a arrival) at(start time.Time) scoring.Outcome {
	o := a.Outcome
	if o.ReceivedAt.IsZero() {
		o.ReceivedAt = start.Add(a.after)
	}
	if o.ObservedAt.IsZero() {
		o.ObservedAt = o.ReceivedAt
	}
	return o
}

func (m *memory) deliver(after time.Duration, o scoring.Outcome) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o.ID == "" {
		o.ID = fmt.Sprint("outcome-", len(m.arrivals)+1)
	}
	m.arrivals = append(m.arrivals, arrival{after, o})
	return o.Validate()
}

// Expect keeps a declared scorer.
func (m *memory) Expect(_ context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.waits, func(x scoring.Expectation) bool { return x.Identity() == e.Identity() }) {
		m.waits = append(m.waits, e)
	}
	return nil, e.Validate()
}

// waitsBy tells whether a declared scorer waits by a rule.
func (m *memory) waitsBy(scorer string, rule scoring.Rule) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.waits, func(e scoring.Expectation) bool { return e.Scorer == scorer && reflect.DeepEqual(*e.Rule, rule) })
}

// decided returns the scores of declared scorers once nothing can change them any more.
func (m *memory) decided() (records []scoring.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.waits {
		if c, ok := m.closed[e.Run]; ok && e.Start != nil {
			e, _ = e.Begun(c)
		}
		outcomes := make([]scoring.Outcome, len(m.arrivals))
		for i, a := range m.arrivals {
			outcomes[i] = e.Told(a.at(e.RunStartedAt))
		}
		over := e.Rule.Closes(e.Window)
		r := scoring.NewRecord(e.Decide(outcomes, over).Score, scoring.FromScorer, e.Run, e.Step, over)
		r.Scorer, r.ScorerVersion, r.OriginalRunID = e.Scorer, e.ScorerVersion, e.OriginalRunID
		records = append(records, r)
	}
	return records
}
