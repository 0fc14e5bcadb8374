package activities

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/verdict-dev/verdict/scoring"
)

// The statistics must have the variant that was served. A local activity may wait for a slot past its deadline, and the
// SDK runs it even after the run has been served the control. So a run claims its assignment, and withdraws the claim
// before it continues without it: the first of activity and withdrawal decides.

// Claim is a run's claim to an assignment that a local activity of this process is to make.
type Claim struct {
	key   string
	by    Assigner
	begun atomic.Bool // the activity has begun, or must not begin any more
}

// claims has the claims of all workers of this process, by run and experiment.
var claims sync.Map

func claimKey(a scoring.Assignment) string {
	return a.Run.Namespace + "\x00" + a.Run.RunID + "\x00" + experimentKey(a.Experiment, a.Version)
}

// ClaimAssignment claims a for its run, which is assigned by this.
func ClaimAssignment(a scoring.Assignment, by Assigner) *Claim {
	c := &Claim{key: claimKey(a), by: by}
	claims.Store(c.key, c)
	return c
}

// Withdraw tells whether the activity had not begun, which it never will then.
func (c *Claim) Withdraw() bool { return c.begun.CompareAndSwap(false, true) }

// Release forgets the claim: from now on the activity does not begin.
func (c *Claim) Release() { claims.CompareAndDelete(c.key, c) }

// begin tells whether an activity may make the assignment, and by what.
func begin(a scoring.Assignment) (Assigner, bool) {
	c, ok := claims.Load(claimKey(a))
	if !ok {
		return Assigner{}, false
	}
	return c.(*Claim).by, c.(*Claim).begun.CompareAndSwap(false, true)
}

// VerdictAssign is the local activity that keeps an assignment and returns the kept one. Its name is in histories. Its
// argument was picked with the definition's own weights; for a started experiment it picks again, with the current
// weights. It does so here because a replay must not pick again: the result is in the history.
func VerdictAssign(ctx context.Context, a scoring.Assignment, control string) (scoring.Assignment, error) {
	r, ok := RecorderFrom(ctx)
	if !ok {
		return a, nil
	}
	if ctx.Err() != nil { // the SDK runs what waited past its deadline
		return paused(a, control), nil // the run continues without it
	}
	by, ok := begin(a)
	if !ok {
		return paused(a, control), nil
	}
	r.Managed.look(ctx)
	a, record := r.Pick(a, control)
	if !record {
		return a, nil
	}
	offer := r.write(ctx, Batch{Assignment: &a})
	if r.Store != nil || !InTestEnvironment(a.Run.RunID) {
		r.Define(ctx, by, a.Run.Namespace)
	}
	if kept, ok := offer.Kept(); ok {
		return kept, nil
	}
	return a, nil
}

// Pick turns the candidate a into the run's assignment, by the current state of the experiment, and tells whether to
// record it. With the kill switch thrown nothing is recorded, and the unit gets the control, out of the statistics.
func (r *Recorder) Pick(a scoring.Assignment, control string) (picked scoring.Assignment, record bool) {
	a.Vouched = true
	if r.IsOff() {
		return paused(a, control), false
	}
	if a.By != scoring.ByShadow { // it follows the served run, in any state of the experiment
		a = r.Managed.assign(a)
	}
	return a, true
}

// Disown records that a run was served the control. The write of a was already in progress, so the store may keep it.
func (r *Recorder) Disown(a, control scoring.Assignment) {
	a = paused(a, control.Variant)
	a.Vouched, a.Disowned = true, true
	r.Offer(context.Background(), Batch{Assignment: &a})
}

func paused(a scoring.Assignment, control string) scoring.Assignment {
	a.Variant, a.By = control, scoring.ByPause
	return a
}
