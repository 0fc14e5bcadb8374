package verdicttest

import (
	"context"
	"slices"
	"sync"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// memory is a store that a run and its activities record in, and that scorers settle in. It has the methods that they need,
// and no others.
type memory struct {
	store.Store // nil

	mu       sync.Mutex
	records  []scoring.Record
	assigned []scoring.Assignment
	forced   map[string]string // experiment@version → variant
	outcomes []scoring.Outcome // that have come
	waits    []scoring.Expectation
	arrivals []arrival // for waits
	closed   map[scoring.Run]scoring.Closed
}

func newMemory() *memory {
	return &memory{forced: map[string]string{}, closed: map[scoring.Run]scoring.Closed{}}
}

func (m *memory) force(experiment, version, variant string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forced[experiment+"@"+version] = variant
}

func (m *memory) scores() []scoring.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records)
}

func (m *memory) assignments() []scoring.Assignment {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.assigned)
}

// Record implements [store.Recorder].
func (m *memory) Record(_ context.Context, records []scoring.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range records {
		m.put(r)
	}
	return nil
}

// put replaces the score of the same identity. m is locked.
func (m *memory) put(r scoring.Record) {
	m.records = slices.DeleteFunc(m.records, func(x scoring.Record) bool {
		return x.Run == r.Run && x.Session == r.Session && x.Name == r.Name && x.Key == r.Key && x.Step.ID == r.Step.ID
	})
	m.records = append(m.records, r)
}

// Flush implements [store.Recorder]: it replaces the set of the run's own code.
func (m *memory) Flush(_ context.Context, f scoring.Flush) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = slices.DeleteFunc(m.records, func(x scoring.Record) bool {
		return x.Source == scoring.FromWorkflow && x.Run == f.Facts.Run
	})
	for _, r := range f.Records {
		m.put(r)
	}
	m.waits = slices.DeleteFunc(m.waits, func(e scoring.Expectation) bool { return e.Run == f.Facts.Run })
	m.waits = append(m.waits, f.Waits...)
	if f.Facts.Status != "" {
		m.closed[f.Facts.Run] = scoring.Closed{Status: f.Facts.Status, At: f.Facts.ClosedAt}
	}
	return nil
}

// Assign implements [store.Recorder]: the variant is the forced one, if one is.
func (m *memory) Assign(_ context.Context, a scoring.Assignment) (scoring.Assignment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if variant, ok := m.forced[a.Experiment+"@"+a.Version]; ok {
		a.Variant, a.By = variant, scoring.ByForce
	}
	m.assigned = append(m.assigned, a)
	return a, nil
}

// Register has no use for a definition: nobody reports from here.
func (m *memory) Register(context.Context, experiments.Registration) error { return nil }

// register registers the activities that scorers call on the worker that keeps the store. The SDK knows a function by its own name
// too, so these have names that no function of a user has: two closures have the same.
func (m *memory) register(env *testsuite.TestWorkflowEnvironment) {
	env.RegisterActivityWithOptions(m.verdicttestExpect, activity.RegisterOptions{Name: activities.ExpectName})
	env.RegisterActivityWithOptions(m.verdicttestSettle, activity.RegisterOptions{Name: activities.SettleName})
	env.RegisterActivityWithOptions(m.verdicttestFollow, activity.RegisterOptions{Name: activities.FollowRunName})
}

func (m *memory) verdicttestExpect(_ context.Context, e scoring.Expectation) (activities.Expected, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	early := slices.DeleteFunc(slices.Clone(m.outcomes), func(o scoring.Outcome) bool {
		return !slices.Contains(e.Events, scoring.Event{Name: o.Name, Key: o.Key})
	})
	return activities.Expected{Window: e.Window, Early: early}, nil
}

func (m *memory) verdicttestSettle(ctx context.Context, s store.Settlement) (activities.Refusal, error) {
	return activities.Refusal{}, m.Record(ctx, s.Records)
}

// verdicttestFollow is a run that has closed, unless a test says how.
func (m *memory) verdicttestFollow(scoring.Run) (activities.Closed, error) {
	return activities.Closed{}, nil
}
