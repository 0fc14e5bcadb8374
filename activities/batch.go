package activities

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/verdict-dev/verdict/scoring"
)

// Batch is what is handed over to the store through Temporal. Everything in it is idempotent.
type Batch struct {
	Records    []scoring.Record    `json:"records,omitempty"`
	Flush      *scoring.Flush      `json:"flush,omitempty"`
	Assignment *scoring.Assignment `json:"assignment,omitempty"`
	// RunKey, if set, is a key that a run declared; the records' Run is the run that it resolves to.
	RunKey string `json:"run_key,omitempty"`
	// Part, if set, is the flush that Records are a further part of; its own Records are empty. See [Batch.Split].
	Part *scoring.Flush `json:"part,omitempty"`
	// MustKnow refuses records about a run of which the store knows nothing.
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

// mend cuts reasons that have become longer on their way than a reason may be: v0.1.0 sends bytes that are no UTF-8, each of
// which arrives as a character of three. A score that was taken is not refused for it.
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
