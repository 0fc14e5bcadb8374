package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Batch is the unit of handing over to the store through Temporal. Everything in it is idempotent.
type Batch struct {
	Records    []scoring.Record    `json:"records,omitempty"`
	Flush      *scoring.Flush      `json:"flush,omitempty"`
	Assignment *scoring.Assignment `json:"assignment,omitempty"`
	// RunKey, if set, is a key that a run declared; the records' Run is the run that it resolves to.
	RunKey string `json:"run_key,omitempty"`
	// Part, if set, is the flush that Records are a further part of; its own Records are empty. See [Batch.Split].
	Part *scoring.Flush `json:"part,omitempty"`
	// Waits are declared expectations; with Part, of the flush that they are a part of. See [Batch.waits].
	Waits []scoring.Expectation `json:"waits,omitempty"`
	// Registration, if set, is the definition that a worker assigns by. It travels alone.
	Registration *experiments.Registration `json:"registration,omitempty"`
	// MustKnow refuses records about a run that the store does not know.
	MustKnow bool `json:"must_know,omitempty"`
}

// WorkflowID returns the id of the workflow that records b. The same content has the same id.
func (b Batch) WorkflowID() (string, error) {
	data, err := json.Marshal(b)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "verdict/record/" + hex.EncodeToString(sum[:16]), nil
}

// Taker is the part of a store that a batch is written to.
type Taker interface {
	store.Recorder
	// Expect keeps an expectation; see [store.Correlator].
	Expect(ctx context.Context, e scoring.Expectation) ([]scoring.Outcome, error)
}

// Apply writes what b says to a store. Of an assignment it returns the one that is kept. What b says of a key is not its own:
// see [store.Keeper].
func (b Batch) Apply(ctx context.Context, s Taker) (kept *scoring.Assignment, err error) {
	if b.Assignment != nil {
		a, err := s.Assign(ctx, *b.Assignment)
		if err != nil {
			return nil, err
		}
		kept = &a
	}
	if b.Registration != nil {
		return kept, s.Register(ctx, *b.Registration)
	}
	if b.Flush != nil {
		if err := s.Flush(ctx, *b.Flush); err != nil {
			return kept, err
		}
	}
	switch {
	case b.Part != nil:
		return kept, s.Flush(ctx, b.flush())
	case len(b.Records) > 0:
		if err := s.Record(ctx, b.Records); err != nil {
			return kept, err
		}
	}
	for _, e := range b.Waits {
		if _, err := s.Expect(ctx, e); err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// waits tells whether declared expectations, attributes, categories or scores of sessions are in b. A worker of a release that does not know them would lose
// them without a word, so b goes by names that only a later release has: the older worker's tasks fail, and wait for the upgrade.
func (b Batch) waits() bool {
	if len(b.Waits) > 0 || laterKind(b.Records) {
		return true
	}
	f := b.Flush
	return f != nil && (len(f.Waits) > 0 || len(f.Facts.Attributes) > 0 || laterKind(f.Records))
}

// laterKind tells whether there is a score of a kind that v0.1.0 does not know.
func laterKind(records []scoring.Record) bool {
	return slices.ContainsFunc(records, func(r scoring.Record) bool { return r.Category != "" || r.OfSession() })
}

// recordWorkflow is the workflow type that hands b over. A definition, too, waits for a release that knows it.
func (b Batch) recordWorkflow() string {
	if b.waits() || b.Registration != nil {
		return WaitWorkflow
	}
	return RecordWorkflow
}

// mend cuts reasons that grew past the limit on their way: v0.1.0 sends bytes that are not UTF-8, and each arrives as a
// character of three bytes. An accepted score is not refused for that.
func (b Batch) mend() {
	mend := func(records []scoring.Record) {
		for i := range records {
			records[i].Reason = scoring.Clip(records[i].Reason, scoring.MaxReason)
		}
	}
	mend(b.Records)
	if b.Flush != nil {
		mend(b.Flush.Records)
	}
}
