package sqlstore

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// The functions here refuse values that break a rule, and return the others in the form in which the store keeps them:
// times in UTC with microsecond precision, text that is valid UTF-8. They run before the transaction, so that a refusal
// changes nothing.

// instant returns t in the form that the store keeps.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// checkOptionalIDs refuses ids, given as pairs of field and id, that the server could not have issued. An empty one is
// one that is not known.
func checkOptionalIDs(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if err := scoring.CheckID(pairs[i], pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func checkRun(r scoring.Run) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if isSession(r) {
		return scoring.Invalid("run id", "%q is none that a server issues", r.RunID)
	}
	return checkOptionalIDs("namespace", r.Namespace)
}

func checkRecord(r scoring.Record) (scoring.Record, error) {
	if err := r.Validate(); err != nil {
		return r, err
	}
	if !r.OfSession() {
		if err := checkRun(r.Run); err != nil {
			return r, err
		}
	}
	if err := checkOptionalIDs("namespace", r.Run.Namespace, "original run id", r.OriginalRunID); err != nil {
		return r, err
	}
	// A reason may be a model's own words: it is mended, not refused, and that before it is compared with the stored one.
	r.Reason = strings.ToValidUTF8(r.Reason, string(utf8.RuneError))
	r.ObservedAt, r.RecordedAt = instant(r.ObservedAt), instant(r.RecordedAt)
	r.Revision, r.Retracted, r.Superseded, r.Overtaken, r.Said = 0, false, false, false, nil // the store's own
	r.ArrivedAt, r.SupersededAt = time.Time{}, time.Time{}
	return inStore(r), nil
}

func checkRecords(records []scoring.Record) ([]scoring.Record, error) {
	checked := make([]scoring.Record, len(records))
	for i, r := range records {
		var err error
		if checked[i], err = checkRecord(r); err != nil {
			return nil, err
		}
	}
	inOneCall(checked)
	return checked, nil
}

// inOneCall keeps the order of statements that one call makes about one identity at one moment: each is recorded a
// microsecond after the one before it, also when the call is repeated.
func inOneCall(records []scoring.Record) {
	type moment struct {
		identity string
		at       time.Time
	}
	before := make(map[moment]time.Duration, len(records))
	for i := range records {
		r := &records[i]
		m := moment{string(scoreIdentity(*r)), r.RecordedAt}
		if !r.RecordedAt.IsZero() {
			r.RecordedAt = r.RecordedAt.Add(before[m])
		}
		before[m] += time.Microsecond
	}
}

// checkFacts refuses facts that no history can have, and leaves out what only a run itself says.
func checkFacts(facts []scoring.RunFacts) ([]scoring.RunFacts, error) {
	checked := make([]scoring.RunFacts, len(facts))
	for i, f := range facts {
		if err := checkRun(f.Run); err != nil {
			return nil, err
		}
		if err := checkOptionalIDs("first run id", f.FirstRunID, "original run id", f.OriginalRunID); err != nil {
			return nil, err
		}
		for field, t := range map[string]time.Time{"started at": f.StartedAt, "closed at": f.ClosedAt} {
			if err := scoring.CheckTime(field, t); err != nil {
				return nil, err
			}
		}
		if f.Status == "" {
			return nil, scoring.Invalid("status", "%s has not closed", f.Run)
		}
		checked[i] = scoring.RunFacts{
			Run: f.Run, FirstRunID: f.FirstRunID, OriginalRunID: f.OriginalRunID, WorkflowType: f.WorkflowType, TaskQueue: f.TaskQueue,
			Attempt: f.Attempt, StartedAt: instant(f.StartedAt), ClosedAt: instant(f.ClosedAt), Status: f.Status,
			FailureType: f.FailureType, FailingStep: f.FailingStep, BuildID: f.BuildID, FromHistory: true,
		}
	}
	return checked, nil
}

func checkFlush(f scoring.Flush) (scoring.Flush, error) {
	facts := &f.Facts
	if err := checkRun(facts.Run); err != nil {
		return f, err
	}
	if err := checkOptionalIDs("first run id", facts.FirstRunID, "original run id", facts.OriginalRunID); err != nil {
		return f, err
	}
	if err := scoring.CheckSessions(facts.Sessions); err != nil {
		return f, err
	}
	for _, key := range facts.Keys {
		if key == "" {
			return f, scoring.Invalid("key", "must not be empty")
		}
		if err := scoring.CheckKey("key", key); err != nil {
			return f, err
		}
	}
	if err := scoring.CheckAttributes(facts.Attributes); err != nil {
		return f, err
	}
	for _, ref := range slices.Concat(facts.Assigned, facts.Unserved) {
		if err := scoring.CheckName("experiment", ref.Experiment); err != nil {
			return f, err
		}
		if err := scoring.CheckName("version", ref.Version); err != nil {
			return f, err
		}
	}
	for field, t := range map[string]time.Time{"started at": facts.StartedAt, "closed at": facts.ClosedAt, "at": f.At} {
		if err := scoring.CheckTime(field, t); err != nil {
			return f, err
		}
	}
	facts.FromHistory = false
	facts.StartedAt, facts.ClosedAt, f.At = instant(facts.StartedAt), instant(facts.ClosedAt), instant(f.At)

	f.Waits = slices.Clone(f.Waits)
	for i, e := range f.Waits {
		if e.Run != facts.Run || !e.Declared() {
			return f, scoring.Invalid("waits", "a flush of %s has a wait of %s", facts.Run, e.Run)
		}
		var err error
		if f.Waits[i], err = checkExpectation(e); err != nil {
			return f, err
		}
	}
	records, err := checkRecords(f.Records)
	if err != nil {
		return f, err
	}
	seen := make(map[string]bool, len(records))
	for i := range records {
		r := &records[i]
		if r.Source != scoring.FromWorkflow {
			return f, scoring.Invalid("source", "a flush has scores from the workflow only, not %q", r.Source)
		}
		if r.Run != facts.Run {
			return f, scoring.Invalid("run", "a flush of %s has a score of %s", facts.Run, r.Run)
		}
		if r.OriginalRunID == "" {
			r.OriginalRunID = facts.OriginalRunID
		}
		if r.RecordedAt.IsZero() {
			if r.RecordedAt = f.RecordedAt(); r.RecordedAt.IsZero() {
				r.RecordedAt = r.ObservedAt
			}
		}
		identity := string(scoreIdentity(*r))
		if seen[identity] {
			return f, scoring.Invalid("records", "the flush has %q (key %q, step %q) twice", r.Name, r.Key, r.Step.ID)
		}
		seen[identity] = true
	}
	f.Records = records
	return f, nil
}

func checkAssignment(a scoring.Assignment) (scoring.Assignment, error) {
	if err := a.Validate(); err != nil {
		return a, err
	}
	if err := checkOptionalIDs("namespace", a.Run.Namespace, "first run id", a.FirstRunID, "original run id", a.OriginalRunID); err != nil {
		return a, err
	}
	if err := scoring.CheckTime("at", a.At); err != nil {
		return a, err
	}
	a.At, a.Superseded, a.Unserved = instant(a.At), false, false // the last two are the store's own
	return a, nil
}

func checkExpectation(e scoring.Expectation) (scoring.Expectation, error) {
	if err := checkOptionalIDs("namespace", e.Run.Namespace, "scorer's namespace", e.ScorerRun.Namespace,
		"first run id", e.FirstRunID, "original run id", e.OriginalRunID); err != nil {
		return e, err
	}
	for field, t := range map[string]time.Time{
		"since": e.Window.Since, "until": e.Window.Until, "run started at": e.RunStartedAt, "at": e.At,
	} {
		if err := scoring.CheckTime(field, t); err != nil {
			return e, err
		}
	}
	if e = e.Kept(); e.Start != nil {
		start := *e.Start
		if start.Closed = nil; start.Length > 0 { // how the chain closed is not the caller's to say
			e.Window.Until = scoring.OpenEnd
		}
		e.Start = &start
	}
	if err := e.Validate(); err != nil {
		return e, err
	}
	if !e.Declared() && e.Wait < 1 {
		return e, scoring.Invalid("wait", "%d, waits are numbered from 1", e.Wait)
	}
	if err := scoring.CheckName("scorer version", e.ScorerVersion); err != nil {
		return e, err
	}
	_, err := checkRecord(pendingRecord(e))
	return e, err
}

func checkOutcome(o scoring.Outcome) (scoring.Outcome, error) {
	if err := o.Validate(); err != nil {
		return o, err
	}
	if o.When().IsZero() {
		return o, scoring.Invalid("received at", "neither this nor observed at is set")
	}
	o.ObservedAt, o.ReceivedAt = instant(o.ObservedAt), instant(o.ReceivedAt)
	return o, nil
}

func checkSettlement(s store.Settlement) (store.Settlement, error) {
	if err := checkRun(s.ScorerRun); err != nil {
		return s, err
	}
	if err := scoring.CheckTime("at", s.At); err != nil {
		return s, err
	}
	s.At = instant(s.At)
	records, err := checkRecords(s.Records)
	if err != nil {
		return s, err
	}
	for _, r := range records {
		if r.Source != scoring.FromScorer {
			return s, scoring.Invalid("source", "a scorer settles with scores from the scorer only, not %q", r.Source)
		}
		if r.State == scoring.Pending {
			return s, scoring.Invalid("state", "a scorer cannot settle with a score that is pending")
		}
	}
	s.Records = records
	return s, nil
}

func checkRejection(r store.Rejection) (store.Rejection, error) {
	for field, text := range map[string]string{"source": r.Source, "delivery id": r.DeliveryID} {
		if err := scoring.CheckKey(field, text); err != nil {
			return r, err
		}
	}
	if strings.TrimSpace(r.Reason) == "" || len(r.Reason) > scoring.MaxReason {
		return r, scoring.Invalid("reason", "%d bytes, between 1 and %d are allowed", len(r.Reason), scoring.MaxReason)
	}
	if r.At.IsZero() {
		return r, scoring.Invalid("at", "must be set")
	}
	if err := scoring.CheckTime("at", r.At); err != nil {
		return r, err
	}
	if r.Count < 0 {
		return r, scoring.Invalid("count", "%d is negative", r.Count)
	}
	r.Reason = strings.ToValidUTF8(r.Reason, string(utf8.RuneError))
	r.At = instant(r.At)
	return r, nil
}
