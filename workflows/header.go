package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// maxHeaders is how many bytes of assignments the children of one workflow task are sent in all. Their headers are a part of
// a request that has room for 4 MB; over that the run would stand still.
const maxHeaders = 1 << 20

// headers is the rest of that budget. It is no workflow state: a replay does not compare headers.
type headers struct {
	task int // the length of the history, which tells workflow tasks apart
	left int
}

// affords tells whether the run's assignments may go to one more child. The header of a shadow always goes.
func (r *run) affords(ctx workflow.Context) bool {
	_, start := ctx.Value(shadowKey{}).(shadow)
	if r.shadow != nil || start || len(r.assigned) == 0 {
		return true
	}
	if task := workflow.GetInfo(ctx).GetCurrentHistoryLength(); task != r.sent.task {
		r.sent = headers{task, maxHeaders}
	}
	if r.sent.left -= sizeOfRefs(r.assigned); r.sent.left >= 0 {
		return true
	}
	workflow.GetLogger(ctx).Error("Verdict: too many children in one workflow task to pass the run's assignments to all; the scores of this one count for none",
		"Assignments", len(r.assigned))
	return false
}

// sizeOfRefs returns about how many bytes of JSON assignments take.
func sizeOfRefs(refs []scoring.Ref) int {
	const around = 128
	n := 0
	for _, ref := range refs {
		n += around + scoring.EncodedText(ref.Experiment) + scoring.EncodedText(ref.Version) + scoring.EncodedText(ref.Variant) + scoring.EncodedText(ref.FirstRunID)
	}
	return n
}

// sizeOfSessions returns how many bytes of JSON the texts of sessions take.
func sizeOfSessions(sessions []scoring.Session) int {
	n := 0
	for _, session := range sessions {
		n += scoring.EncodedText(session.Key) + scoring.EncodedText(session.ID)
	}
	return n
}
