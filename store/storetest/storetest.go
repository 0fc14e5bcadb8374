// Package storetest is the conformance suite of the store: a driver that passes it behaves as store.Store specifies. A
// driver's test calls [Run] with a way to open an empty store.
package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Run checks a store. open returns an empty one, which the test closes; it is called once for each test.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, group := range []struct {
		name  string
		tests []namedTest
	}{
		{"Record", recordTests}, {"Facts", factsTests}, {"Once", onceTests}, {"Flush", flushTests}, {"Flush order", flushOrderTests}, {"Parts", partTests},
		{"Holds", holdsTests}, {"Assign", assignTests}, {"Served", servedTests}, {"Supersede", supersedeTests},
		{"Correlate", correlateTests}, {"Spell", spellTests}, {"Keyed", keyedTests}, {"Untold", untoldTests}, {"Attribute", attributeTests}, {"Settle", settleTests}, {"Declared", declaredTests}, {"Follow", followTests}, {"Ledger", ledgerTests},
		{"Session", sessionTests}, {"Prune", pruneTests}, {"Prune old", pruneOldTests}, {"Seal", sealTests}, {"Register", registerTests}, {"Read", readTests}, {"Page", pageTests}, {"Count", countTests}, {"Refuse", refuseTests}, {"Concurrent", concurrentTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, group.tests)
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					s := &pruned{Store: open(t)}
					t.Cleanup(func() { require.NoError(t, s.Close()) })
					test.run(t, bench{s})
					if !s.any.Load() {
						bench{s}.counted(t)
					}
				})
			}
		})
	}
}

// pruned knows whether something was deleted from a store, which stays counted.
type pruned struct {
	store.Store
	any atomic.Bool
}

func (p *pruned) PruneUnclaimed(ctx context.Context, before time.Time) (int, error) {
	p.any.Store(true)
	return p.Store.PruneUnclaimed(ctx, before)
}

func (p *pruned) PruneRejections(ctx context.Context, before time.Time) (int, error) {
	p.any.Store(true)
	return p.Store.PruneRejections(ctx, before)
}

func (p *pruned) Prune(ctx context.Context, what store.Pruning) (store.Pruned, error) {
	p.any.Store(true)
	return p.Store.Prune(ctx, what)
}

type namedTest struct {
	name string
	run  func(t *testing.T, b bench)
}

// bench is a store with the helpers that the tests share.
type bench struct{ store.Store }

// day0 is when everything here begins.
var day0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at returns a time some minutes after day0.
func at(minutes int) time.Time { return day0.Add(time.Duration(minutes) * time.Minute) }

var unique atomic.Int64

// fresh returns an id that no other call in the process returns.
func fresh(prefix string) string { return fmt.Sprintf("%s-%d", prefix, unique.Add(1)) }

func run(workflowID, runID string) scoring.Run {
	return scoring.Run{Namespace: "default", WorkflowID: workflowID, RunID: runID}
}

// freshRun returns a run of its own workflow id.
func freshRun() scoring.Run { return run(fresh("wf"), fresh("run")) }

func record(r scoring.Run, s scoring.Score, minutes int) scoring.Record {
	return scoring.Record{Score: s, Run: r, Source: scoring.FromClient, RecordedAt: at(minutes)}
}

func inWorkflow(r scoring.Run, s scoring.Score, minutes int) scoring.Record {
	rec := record(r, s, minutes)
	rec.Source = scoring.FromWorkflow
	return rec
}

func onStep(r scoring.Run, s scoring.Score, attempt int32, minutes int) scoring.Record {
	rec := record(r, s, minutes)
	rec.Source = scoring.FromActivity
	rec.Step = scoring.Step{ID: "5", Type: "Retrieve", Attempt: attempt}
	return rec
}

func fromScorer(r scoring.Run, s scoring.Score, minutes int) scoring.Record {
	rec := record(r, s, minutes)
	rec.Source, rec.Scorer, rec.ScorerVersion = scoring.FromScorer, "paid", "v1"
	return rec
}

func flush(r scoring.Run, sequence int64, records ...scoring.Record) scoring.Flush {
	return scoring.Flush{
		Facts:    scoring.RunFacts{Run: r, FirstRunID: r.RunID, OriginalRunID: r.RunID, WorkflowType: "Answer", StartedAt: at(0), Status: scoring.RunCompleted},
		Sequence: sequence, Records: records, At: at(int(sequence)),
	}
}

func assignment(r scoring.Run, variant string) scoring.Assignment {
	return scoring.Assignment{
		Experiment: "retriever", Version: "1", Variant: variant, By: scoring.ByWeight, Unit: r.RunID,
		Probabilities: map[string]float64{"a": 0.25, "b": 0.75},
		Run:           r, FirstRunID: r.RunID, OriginalRunID: r.RunID, WorkflowType: "Answer", At: at(1),
	}
}

// expectation is of the scorer paid, version v1, for an event (paid, key) within [0, 60) minutes.
func expectation(about scoring.Run, key string) scoring.Expectation {
	return scoring.Expectation{
		ScorerRun: run("scorer-of-"+about.RunID, fresh("run")), Wait: 1, Scorer: "paid", ScorerVersion: "v1",
		Events: []scoring.Event{{Name: "paid", Key: key}},
		Window: scoring.Window{Since: at(0), Until: at(60)},
		Run:    about, FirstRunID: about.RunID, OriginalRunID: about.RunID, RunStartedAt: at(0), At: at(1),
	}
}

func outcome(id, key string, minutes int) scoring.Outcome {
	return scoring.Outcome{
		ID: id, Name: "paid", Key: key, Value: scoring.BoolValue(true), ObservedAt: at(minutes), ReceivedAt: at(minutes),
		Source: "test",
	}
}

func settlement(e scoring.Expectation, seen []string, records ...scoring.Record) store.Settlement {
	return store.Settlement{ScorerRun: e.ScorerRun, Seen: seen, Records: records, At: at(60)}
}

func (b bench) record(t *testing.T, records ...scoring.Record) {
	t.Helper()
	require.NoError(t, b.Record(t.Context(), records))
}

// later returns a time, by the store's clock, after everything that is written: SQLite's moves once a millisecond.
func (b bench) later(t *testing.T) time.Time {
	t.Helper()
	asOf := func() time.Time {
		counts, err := b.Counts(t.Context(), store.CountFilter{Of: store.CountScores})
		require.NoError(t, err)
		return counts.AsOf
	}
	now := asOf()
	for t.Context().Err() == nil {
		if then := asOf(); then.After(now) {
			return then
		}
	}
	return now
}

func (b bench) flush(t *testing.T, f scoring.Flush) {
	t.Helper()
	require.NoError(t, b.Flush(t.Context(), f))
}

func (b bench) assign(t *testing.T, a scoring.Assignment) scoring.Assignment {
	t.Helper()
	kept, err := b.Assign(t.Context(), a)
	require.NoError(t, err)
	return kept
}

func (b bench) expect(t *testing.T, e scoring.Expectation) []string {
	t.Helper()
	found, err := b.Expect(t.Context(), e)
	require.NoError(t, err)
	return ids(found)
}

// receive returns the workflow ids of the scorers to signal.
func (b bench) receive(t *testing.T, o scoring.Outcome) []string {
	t.Helper()
	receipt, err := b.Receive(t.Context(), o)
	require.NoError(t, err)
	return scorers(receipt.Waiting)
}

func (b bench) settle(t *testing.T, s store.Settlement) []string {
	t.Helper()
	unseen, err := b.Settle(t.Context(), s)
	require.NoError(t, err)
	return ids(unseen)
}

func (b bench) scores(t *testing.T, f store.Filter) []scoring.Record {
	t.Helper()
	records, err := b.Scores(t.Context(), f)
	require.NoError(t, err)
	return records
}

// said returns the scores in words: name=value, or name:state, with ! after one that is retracted, and ~ after one that
// is superseded.
func (b bench) said(t *testing.T, f store.Filter) []string {
	t.Helper()
	var said []string
	for _, r := range b.scores(t, f) {
		text := r.Name + "=" + r.ValueText()
		if r.State != scoring.Scored {
			text = r.Name + ":" + string(r.State)
		}
		if r.Retracted {
			text += "!"
		}
		if r.Superseded {
			text += "~"
		}
		said = append(said, text)
	}
	return said
}

// ledger returns the state of each outcome by id.
func (b bench) ledger(t *testing.T) map[string]store.Entry {
	t.Helper()
	entries, err := b.Ledger(t.Context(), store.LedgerFilter{})
	require.NoError(t, err)
	byID := make(map[string]store.Entry, len(entries))
	for _, e := range entries {
		byID[e.Outcome.ID] = e
	}
	return byID
}

func ids(outcomes []scoring.Outcome) []string {
	var all []string
	for _, o := range outcomes {
		all = append(all, o.ID)
	}
	return all
}

func scorers(expectations []scoring.Expectation) []string {
	var all []string
	for _, e := range expectations {
		all = append(all, e.ScorerRun.WorkflowID)
	}
	return all
}
