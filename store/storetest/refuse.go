package storetest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// refuse returns a test that each change of a valid call is refused for that field, and that nothing was changed.
func refuse[T any](name string, valid func() T, call func(*testing.T, bench, T) error, changes map[string]func(*T)) namedTest {
	return namedTest{name, func(t *testing.T, b bench) {
		for change, apply := range changes {
			v := valid()
			apply(&v)
			err := call(t, b, v)
			var invalid *scoring.InvalidError
			require.ErrorAs(t, err, &invalid, change)
			field, _, _ := strings.Cut(change, ":")
			require.Equal(t, field, invalid.Field, change)
		}
		require.Empty(t, b.scores(t, store.Filter{History: true, Retracted: true, Superseded: true}))
		require.Empty(t, b.ledger(t))
		runs, err := b.Runs(t.Context(), store.RunFilter{Superseded: true})
		require.NoError(t, err)
		require.Empty(t, runs)
		keys, err := b.Experiments(t.Context())
		require.NoError(t, err)
		require.Empty(t, keys)
		waiting, err := b.Waiting(t.Context(), at(1000000))
		require.NoError(t, err)
		require.Empty(t, waiting)
		require.NoError(t, call(t, b, valid()), "the call that was changed is valid")
	}}
}

var farAway = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)

var refuseTests = []namedTest{
	refuse("record", func() scoring.Record { return onStep(run("w", "r"), scoring.Bool("n", true), 1, 1) },
		func(t *testing.T, b bench, r scoring.Record) error { return b.Record(t.Context(), []scoring.Record{r}) },
		map[string]func(*scoring.Record){
			"workflow id":       func(r *scoring.Record) { r.Run.WorkflowID = "" },
			"run id":            func(r *scoring.Record) { r.Run.RunID = "a\x00b" },
			"namespace":         func(r *scoring.Record) { r.Run.Namespace = "a\xff" },
			"step id":           func(r *scoring.Record) { r.Step.ID = "a\x00b" },
			"original run id":   func(r *scoring.Record) { r.OriginalRunID = "\x00" },
			"name":              func(r *scoring.Record) { r.Name = "" },
			"key":               func(r *scoring.Record) { r.Key = "\n" },
			"value":             func(r *scoring.Record) { r.Score = scoring.Of("n", scoring.Value{}) },
			"value: a number":   func(r *scoring.Record) { r.Score = scoring.Number("n", inf()) },
			"state":             func(r *scoring.Record) { r.State = "good" },
			"source":            func(r *scoring.Record) { r.Source = "" },
			"observed at":       func(r *scoring.Record) { r.ObservedAt = farAway },
			"recorded at":       func(r *scoring.Record) { r.RecordedAt = farAway },
			"sessions":          func(r *scoring.Record) { r.Sessions = make([]scoring.Session, 6) },
			"reason: of 5 KiB":  func(r *scoring.Record) { r.Reason = strings.Repeat("x", 5<<10) },
			"name: not of text": func(r *scoring.Record) { r.Name = "\xff" },
		}),
	refuse("flush", func() scoring.Flush {
		return flush(run("w", "r"), 1, inWorkflow(run("w", "r"), scoring.Bool("n", true), 1))
	},
		func(t *testing.T, b bench, f scoring.Flush) error { return b.Flush(t.Context(), f) },
		map[string]func(*scoring.Flush){
			"run id":          func(f *scoring.Flush) { f.Facts.Run.RunID = "" },
			"first run id":    func(f *scoring.Flush) { f.Facts.FirstRunID = "\x00" },
			"original run id": func(f *scoring.Flush) { f.Facts.OriginalRunID = "\x00" },
			"sessions":        func(f *scoring.Flush) { f.Facts.Sessions = make([]scoring.Session, 6) },
			"key":             func(f *scoring.Flush) { f.Facts.Keys = []string{""} },
			"experiment":      func(f *scoring.Flush) { f.Facts.Assigned = []scoring.Ref{{Version: "1"}} },
			"version":         func(f *scoring.Flush) { f.Facts.Assigned = []scoring.Ref{{Experiment: "e"}} },
			"source":          func(f *scoring.Flush) { f.Records[0].Source = scoring.FromClient },
			"run":             func(f *scoring.Flush) { f.Records[0].Run.RunID = "another" },
			"records":         func(f *scoring.Flush) { f.Records = append(f.Records, f.Records[0]) },
			"closed at":       func(f *scoring.Flush) { f.Facts.ClosedAt = farAway },
		}),
	refuse("assign", func() scoring.Assignment { return assignment(run("w", "r"), "a") },
		func(t *testing.T, b bench, a scoring.Assignment) error {
			_, err := b.Assign(t.Context(), a)
			return err
		},
		map[string]func(*scoring.Assignment){
			"experiment":    func(a *scoring.Assignment) { a.Experiment = "" },
			"version":       func(a *scoring.Assignment) { a.Version = "" },
			"unit":          func(a *scoring.Assignment) { a.Unit = "" },
			"probabilities": func(a *scoring.Assignment) { a.Probabilities = map[string]float64{"a": 0.5} },
			"first run id":  func(a *scoring.Assignment) { a.FirstRunID = "\x00" },
			"run id":        func(a *scoring.Assignment) { a.Run.RunID = "" },
			"at":            func(a *scoring.Assignment) { a.At = farAway },
		}),
	refuse("expect", func() scoring.Expectation { return expectation(run("w", "r"), "k") },
		func(t *testing.T, b bench, e scoring.Expectation) error {
			_, err := b.Expect(t.Context(), e)
			return err
		},
		map[string]func(*scoring.Expectation){
			"scorer":         func(e *scoring.Expectation) { e.Scorer = "" },
			"scorer version": func(e *scoring.Expectation) { e.ScorerVersion = "" },
			"wait":           func(e *scoring.Expectation) { e.Wait = 0 },
			"events":         func(e *scoring.Expectation) { e.Events = nil },
			"outcome key":    func(e *scoring.Expectation) { e.Events = []scoring.Event{{Name: "n"}} },
			"window":         func(e *scoring.Expectation) { e.Window.Until = e.Window.Since.Add(time.Nanosecond) },
			"grace":          func(e *scoring.Expectation) { e.Window.Grace = -time.Second },
			"attribution":    func(e *scoring.Expectation) { e.Attribution = "some" },
			"run id":         func(e *scoring.Expectation) { e.Run.RunID = "" },
			"until":          func(e *scoring.Expectation) { e.Window.Until = farAway },
		}),
	refuse("receive", func() scoring.Outcome { return outcome("o", "k", 1) },
		func(t *testing.T, b bench, o scoring.Outcome) error {
			_, err := b.Receive(t.Context(), o)
			return err
		},
		map[string]func(*scoring.Outcome){
			"outcome id":         func(o *scoring.Outcome) { o.ID = "" },
			"outcome name":       func(o *scoring.Outcome) { o.Name = "" },
			"outcome key":        func(o *scoring.Outcome) { o.Key = "" },
			"payload":            func(o *scoring.Outcome) { o.Payload = json.RawMessage("{") },
			"payload: not UTF-8": func(o *scoring.Outcome) { o.Payload = json.RawMessage("\"\xff\"") },
			"received at":        func(o *scoring.Outcome) { o.ReceivedAt, o.ObservedAt = time.Time{}, time.Time{} },
			"observed at":        func(o *scoring.Outcome) { o.ObservedAt = farAway },
		}),
	refuse("settle", func() store.Settlement {
		e := expectation(run("w", "r"), "k")
		return settlement(e, nil, paid(e, true, 1))
	},
		func(t *testing.T, b bench, s store.Settlement) error {
			_, err := b.Settle(t.Context(), s)
			return err
		},
		map[string]func(*store.Settlement){
			"workflow id": func(s *store.Settlement) { s.ScorerRun.WorkflowID = "" },
			"source":      func(s *store.Settlement) { s.Records[0].Source = scoring.FromClient },
			"state":       func(s *store.Settlement) { s.Records[0].State, s.Records[0].Value = scoring.Pending, scoring.Value{} },
			"name":        func(s *store.Settlement) { s.Records[0].Name = "" },
		}),
	refuse("reject", func() store.Rejection { return store.Rejection{Source: "s", DeliveryID: "d", Reason: "r", At: at(1)} },
		func(t *testing.T, b bench, r store.Rejection) error { return b.Reject(t.Context(), r) },
		map[string]func(*store.Rejection){
			"source":      func(r *store.Rejection) { r.Source = "\x00" },
			"delivery id": func(r *store.Rejection) { r.DeliveryID = "\xff" },
			"reason":      func(r *store.Rejection) { r.Reason = "" },
			"at":          func(r *store.Rejection) { r.At = time.Time{} },
		}),
}

func inf() float64 {
	zero := 0.0
	return 1 / zero
}
