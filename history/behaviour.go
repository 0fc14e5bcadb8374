package history

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Behaviour are the ready-made scorers about how a run behaved that need no setting, by name. All are off until they are asked for.
func Behaviour() []Scorer {
	return []Scorer{Succeeded(), Duration(), Retries(), Wasted(), FailedSteps(), Slowest(), QueueWait(), Loops(), Tokens()}
}

// Succeeded scores whether the run completed, as "succeeded". A run that continued as new, or that was canceled, is not applicable.
func Succeeded() Scorer {
	return Bool("succeeded", "1", func(r *Run) (bool, string, error) {
		switch r.Status {
		case scoring.RunContinuedAsNew:
			return false, "", Declined("it continued as new: run %s", r.ContinuedTo)
		case scoring.RunCanceled:
			return false, "", Declined("it was canceled")
		}
		return r.Status == scoring.RunCompleted, r.why(), nil
	})
}

// why says why a run did not complete; empty if it did.
func (r *Run) why() string {
	root := r.Failure.Root()
	if root == nil {
		return ""
	}
	return string(r.Status) + ": " + root.Type + ": " + root.Message
}

// Duration scores the seconds from the first moment at which the run's code could begin to its close, as "duration".
func Duration() Scorer {
	return Number("duration", "1", func(r *Run) (float64, string, error) {
		return r.ClosedAt.Sub(r.RunsAt).Seconds(), "", nil
	})
}

// Retries scores how many attempts of activities there were beyond the first of each, as "retries", of activities of some types or, if
// none is named, of all. A run without such activities is not applicable.
func Retries(types ...string) Scorer {
	return counted("retries", types, func(s *Step) int { return int(max(s.Attempts-1, 0)) })
}

// Wasted scores how many attempts of activities did not complete one, as "wasted_attempts": the ones that failed and were retried, and
// all of an activity that never completed. A run without such activities is not applicable.
func Wasted(types ...string) Scorer {
	return counted("wasted_attempts", types, func(s *Step) int {
		if s.Status == Completed {
			return int(max(s.Attempts-1, 0))
		}
		return int(s.Attempts)
	})
}

// counted adds up a count of each activity, and names the activities that it comes from.
func counted(name string, types []string, count func(*Step) int) Scorer {
	return Number(name, "1", func(r *Run) (float64, string, error) {
		var by tally
		n, some := 0, false
		for s := range r.Activities() {
			if len(types) > 0 && !slices.Contains(types, s.Type) {
				continue
			}
			some = true
			if c := count(s); c > 0 {
				n += c
				by.add(s.cause(), c)
			}
		}
		if !some {
			return 0, "", Declined("it has no such activity")
		}
		return float64(n), by.String(), nil
	})
}

// cause names a step and, if it failed, the type of its last error.
func (s *Step) cause() string {
	if root := s.Failure.Root(); root != nil {
		return s.Type + " " + root.Type
	}
	return s.Type
}

// tally counts by name.
type tally struct {
	names  []string
	counts map[string]int
}

func (t *tally) add(name string, n int) {
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	if _, ok := t.counts[name]; !ok {
		t.names = append(t.names, name)
	}
	t.counts[name] += n
}

// String has the largest first.
func (t *tally) String() string {
	names := slices.Clone(t.names)
	slices.SortStableFunc(names, func(a, b string) int { return t.counts[b] - t.counts[a] })
	for i, name := range names {
		names[i] = fmt.Sprintf("%s: %d", name, t.counts[name])
	}
	return strings.Join(names, "\n")
}

// FailedSteps scores how many activities, children and Nexus operations ended without completing, as "failed_steps", by step and by the
// type of the last error in its reason. One that the run canceled counts as none.
func FailedSteps() Scorer {
	return Number("failed_steps", "1", func(r *Run) (float64, string, error) {
		var by tally
		n := 0
		for s := range r.Of(Activity, LocalActivity, Child, Nexus) {
			if s.Status == Failed || s.Status == TimedOut || s.Status == Terminated {
				n++
				by.add(s.cause(), 1)
			}
		}
		return float64(n), by.String(), nil
	})
}

// Slowest scores the seconds of the activity or child that took longest from when the run asked for it to its end, as "slowest_step".
// A run without any that ended is not applicable.
func Slowest() Scorer {
	return longest("slowest_step", Step.Took, Activity, LocalActivity, Child, Nexus)
}

// QueueWait scores the longest time, in seconds, that an activity waited for a worker, as "queue_wait". Only activities whose first
// attempt completed or ended are known: history has the start of the last attempt alone. A run without any is not applicable.
func QueueWait() Scorer { return longest("queue_wait", Step.Wait, Activity) }

func longest(name string, time func(Step) (time.Duration, bool), kinds ...Kind) Scorer {
	return Number(name, "1", func(r *Run) (float64, string, error) {
		var most *Step
		var took float64
		for s := range r.Of(kinds...) {
			if d, ok := time(*s); ok && (most == nil || d.Seconds() > took) {
				most, took = s, d.Seconds()
			}
		}
		if most == nil {
			return 0, "", Declined("it has no such step")
		}
		return took, most.Type + " " + most.ID, nil
	})
}

// StepsToSuccess scores how many activities had ended when the first one of a type completed, itself included, as "steps_to_success".
// If none completed, it is not applicable.
func StepsToSuccess(activityType string) Scorer {
	return Number("steps_to_success", "1", func(r *Run) (float64, string, error) {
		var first *Step
		for s := range r.Called(activityType) {
			if s.Status == Completed && (first == nil || s.EndEventID < first.EndEventID) {
				first = s
			}
		}
		if first == nil {
			return 0, "", Declined("no %s completed", activityType)
		}
		n := 0
		for s := range r.Activities() {
			if s.Status.Ended() && s.EndEventID <= first.EndEventID {
				n++
			}
		}
		return float64(n), "", nil
	})
}

// EachStep scores each activity of some types or, if none is named, of all: its attempts, as "step_attempts", whether it completed, as
// "step_completed", and the seconds that its last attempt took, as "step_duration". An activity that was canceled, or never ended, has
// no score.
func EachStep(types ...string) Scorer {
	return Scorer{Name: "steps", Version: "1", Score: func(_ context.Context, r *Run) ([]Scored, error) {
		var all []Scored
		for s := range r.Of(Activity) {
			if !s.Status.Ended() || s.Status == Canceled || len(types) > 0 && !slices.Contains(types, s.Type) {
				continue
			}
			completed := scoring.Bool("step_completed", s.Status == Completed)
			if s.Failure != nil {
				completed = completed.WithReason(scoring.Clip(s.Failure.Root().Type+": "+s.Failure.Root().Message, scoring.MaxReason))
			}
			all = append(all, s.About(scoring.Number("step_attempts", float64(s.Attempts))), s.About(completed))
			if d, ok := s.Duration(); ok {
				all = append(all, s.About(scoring.Number("step_duration", d.Seconds())))
			}
		}
		return all, nil
	}}
}
