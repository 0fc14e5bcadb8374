package activities

import (
	"context"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Waited is what a run's history keeps of the declared scorers of one call.
type Waited struct {
	// Off tells that the kill switch was thrown: nothing waits.
	Off   bool       `json:"off,omitempty"`
	Waits []SaidWait `json:"waits,omitempty"`
}

// SaidWait is a declared scorer in the history of its run.
type SaidWait struct {
	// Identity is the expectation's; see [scoring.Expectation.Identity].
	Identity string `json:"identity"`
	// Wait is the expectation without what the run knows of itself. It stays as it was said, also when a later build says
	// something else. Nil if it had no room.
	Wait *scoring.Expectation `json:"wait,omitempty"`
}

// SayWaits returns what histories keep of waits: everything that was said, if there is room for it.
func SayWaits(waits []scoring.Expectation, room bool) Waited {
	w := Waited{Waits: make([]SaidWait, len(waits))}
	for i, e := range waits {
		w.Waits[i].Identity = e.Identity()
		if !room {
			continue
		}
		e.Run, e.FirstRunID, e.OriginalRunID, e.RunStartedAt, e.Events = scoring.Run{}, "", "", time.Time{}, nil
		w.Waits[i].Wait = &e
	}
	return w
}

// VerdictWait is the local activity that keeps declared scorers where the run defers them. It returns what the history keeps. What
// cannot be kept in time is in the run's next flush. Its name is in histories.
func VerdictWait(ctx context.Context, waits []scoring.Expectation, room bool) (Waited, error) {
	r, ok := RecorderFrom(ctx)
	if ok && r.IsOff() {
		return Waited{Off: true}, nil
	}
	if ok {
		r.write(ctx, Batch{Waits: waits})
	}
	return SayWaits(waits, room), nil
}
