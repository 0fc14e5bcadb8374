package workflows

import (
	"maps"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// maxPayload is the server's limit for the arguments of one command. More ends the run. Each argument has a few bytes
// of metadata in addition to its JSON.
const maxPayload = 2<<20 - 1<<10

// envelopeBytes is the most that an [Envelope] takes without the run's assignments and sessions: names of a thousand
// bytes that JSON escapes.
const envelopeBytes = 12 << 10

// around returns how many bytes of JSON go along with a scorer's input.
func (r *run) around() int {
	return envelopeBytes + sizeOfRefs(r.assigned) + sizeOfSessions(r.sessions)
}

// checkPayload refuses an input with more bytes of JSON than the server takes. A run that passed it before, with a
// codec that makes it smaller, keeps it.
func checkPayload(ctx workflow.Context, field string, size int) error {
	if size <= maxPayload || getVersion(ctx, sizeChange, 1) == workflow.DefaultVersion {
		return nil
	}
	return activities.Refuse(scoring.Invalid(field, "%d bytes of JSON with the run's facts, the server takes %d", size, maxPayload))
}

// sizeOf returns how many bytes of JSON a user's value has; 0 if JSON cannot represent it, so that another data
// converter takes it.
func sizeOf(v any) int {
	n, err := scoring.EncodedSize(v)
	if err != nil {
		return 0
	}
	return n
}

// sizeOfSample returns how many bytes of JSON a sample has.
func sizeOfSample(s judges.Sample) int {
	n := scoring.EncodedText(s.Input) + scoring.EncodedText(s.Output) + activities.Texts(s.Expected)
	names := slices.Sorted(maps.Keys(s.Context)) //workflowcheck:ignore sorted
	for _, name := range names {
		n += scoring.EncodedText(name) + scoring.EncodedText(s.Context[name]) + len(":,")
	}
	return n
}
