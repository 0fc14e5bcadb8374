package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/harness/patient"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/workflows"
)

const day = 24 * time.Hour

// stage runs a started experiment in the SDK's test environment, where days pass at once. What is about the server is tested on
// a server.
type stage struct {
	*testing.T
	env      *testsuite.TestWorkflowEnvironment
	begun    time.Time
	findings func(after time.Duration) rollout.Finding
}

func newStage(t *testing.T, findings func(after time.Duration) rollout.Finding) *stage {
	var suite testsuite.WorkflowTestSuite
	s := &stage{T: t, env: patient.Environment(&suite, worker.Options{}), findings: findings}
	s.begun = s.env.Now()
	workflows.Register(s.env)
	s.env.RegisterActivityWithOptions(func(context.Context, experiments.Definition) (rollout.Finding, error) {
		return s.findings(s.env.Now().Sub(s.begun)), nil
	}, activity.RegisterOptions{Name: activities.AnalyzeName})
	return s
}

// at asks for a change at a time after the start.
func (s *stage) at(after time.Duration, action rollout.Action, change rollout.Change) {
	s.env.RegisterDelayedCallback(func() { s.ask(action, change, func(err error) { require.NoError(s, err) }) }, after)
}

// ask asks for a change, and tells what was said.
func (s *stage) ask(action rollout.Action, change rollout.Change, told func(error)) {
	if change.Who == "" {
		change.Who = "ada"
	}
	s.env.UpdateWorkflow(string(action), "", &testsuite.TestUpdateCallback{
		OnReject:   told,
		OnAccept:   func() {},
		OnComplete: func(_ any, err error) { told(err) },
	}, change)
}

// read calls look with the state at a time after the start.
func (s *stage) read(after time.Duration, look func(rollout.State)) {
	s.env.RegisterDelayedCallback(func() { look(s.control()) }, after)
}

func (s *stage) control() (c rollout.State) {
	answer, err := s.env.QueryWorkflow(activities.ExperimentQuery)
	require.NoError(s, err)
	require.NoError(s, answer.Get(&c))
	return c
}

// run runs it for a while and returns what it is then.
func (s *stage) run(for_ time.Duration, c rollout.State) (last rollout.State) {
	s.env.RegisterDelayedCallback(func() { last = s.control(); s.env.CancelWorkflow() }, for_)
	s.env.ExecuteWorkflow(activities.ExperimentWorkflow, c)
	require.True(s, s.env.IsWorkflowCompleted())
	require.ErrorContains(s, s.env.GetWorkflowError(), "canceled")
	return last
}

func threeArms(change ...func(*experiments.Definition)) experiments.Definition {
	d := experiments.Definition{
		Name: "e", Version: "1", Control: "a", Maturity: 7 * day,
		Variants: []experiments.Variant{{Name: "a", Weight: 2}, {Name: "b", Weight: 1}, {Name: "c", Weight: 1}},
		Primary:  experiments.Metric{Name: "good", Type: experiments.Boolean},
	}
	for _, f := range change {
		f(&d)
	}
	return d
}

func says(v experiments.Verdict, variants ...string) func(time.Duration) rollout.Finding {
	return func(time.Duration) rollout.Finding {
		return rollout.Finding{Decision: experiments.Decision{Verdict: v, Variants: variants, Reason: "because"}}
	}
}

// what tells the revisions in words.
func what(c rollout.State) (all []string) {
	for _, r := range c.Revisions {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Who, r.Action, strings.Join(r.Variants, ","))))
	}
	return all
}

func TestPolicyOnlyNotifiesUnlessAsked(t *testing.T) {
	t.Parallel()
	s := newStage(t, says(experiments.Harm, "b", "c"))
	s.at(day, rollout.Start, rollout.Change{})
	got := s.run(30*day, rollout.State{Definition: threeArms()})
	require.Equal(t, []string{"ada verdict.start", "policy verdict.notice b,c"}, what(got), "once for a verdict")
	require.WithinDuration(t, s.begun.Add(day), got.Epoch().At, time.Second, "it begins when it is started")
	require.Equal(t, day, got.Policy.Reweight, "a seventh of the window")
	require.Equal(t, map[string]float64{"a": 0.5, "b": 0.25, "c": 0.25}, got.Epoch().Weights)
	require.Equal(t, 7*day/50, got.Policy.Every)
	require.NotNil(t, got.Finding)
}

func TestPolicyStopsAHarmfulVariantOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, says(experiments.Harm, "b"))
	s.at(0, rollout.Start, rollout.Change{})
	s.read(day, func(c rollout.State) {
		require.Equal(t, map[string]float64{"a": 2. / 3, "b": 0, "c": 1. / 3}, c.Epoch().Weights)
		require.Equal(t, 1, c.Epoch().Number)
		require.Equal(t, "because", c.Revisions[len(c.Revisions)-1].Reason)
	})
	s.at(2*day, rollout.Ramp, rollout.Change{Weights: map[string]float64{"a": 1, "b": 1, "c": 1}})
	got := s.run(30*day, rollout.State{Definition: threeArms(), Policy: rollout.Policy{StopHarm: true}})
	require.Equal(t, []string{"ada verdict.start", "policy verdict.notice b", "policy verdict.ramp b", "ada verdict.ramp"}, what(got))
	require.Equal(t, 1./3, got.Epoch().Weights["b"], "whoever ramps it up has overruled the policy")
}

// When everything that gets units is harmful, the control takes all of them.
func TestPolicyLeavesTheControl(t *testing.T) {
	t.Parallel()
	s := newStage(t, says(experiments.Harm, "b", "c"))
	s.at(0, rollout.Start, rollout.Change{})
	s.at(time.Hour, rollout.Ramp, rollout.Change{Weights: map[string]float64{"a": 0, "b": 1, "c": 1}})
	got := s.run(30*day, rollout.State{Definition: threeArms(), Policy: rollout.Policy{StopHarm: true}})
	require.Equal(t, map[string]float64{"a": 1, "b": 0, "c": 0}, got.Epoch().Weights)
}

func TestPolicyPromotesAfterTheFirstWindowOfTheEpoch(t *testing.T) {
	t.Parallel()
	s := newStage(t, says(experiments.Winner, "c"))
	s.at(0, rollout.Start, rollout.Change{})
	s.at(3*day, rollout.Ramp, rollout.Change{Allocation: 0.5})
	s.read(9*day, func(c rollout.State) {
		require.Equal(t, rollout.Running, c.Status)
		require.Equal(t, experiments.Continue, c.Finding.Decision.Verdict)
		require.Contains(t, c.Finding.Decision.Reason, "the first window since the weights changed is open until "+s.begun.Add(10*day).UTC().Format("2006-01-02"))
	})
	got := s.run(30*day, rollout.State{Definition: threeArms(), Policy: rollout.Policy{PromoteWinner: true}})
	require.Equal(t, []string{"ada verdict.start", "ada verdict.ramp", "policy verdict.notice c", "policy verdict.promote c"}, what(got))
	require.Equal(t, rollout.Promoted, got.Status)
	require.Equal(t, "c", got.Variant)
}

// Somebody has paused it for a reason: nothing is promoted before it is resumed, but harm is stopped.
func TestPolicyHonoursAPause(t *testing.T) {
	t.Parallel()
	both := rollout.Policy{PromoteWinner: true, StopHarm: true}
	s := newStage(t, says(experiments.Winner, "c"))
	s.at(0, rollout.Start, rollout.Change{})
	s.at(time.Hour, rollout.Pause, rollout.Change{})
	require.Equal(t, rollout.Paused, s.run(30*day, rollout.State{Definition: threeArms(), Policy: both}).Status)

	s = newStage(t, says(experiments.Harm, "c"))
	s.at(0, rollout.Start, rollout.Change{})
	s.at(time.Hour, rollout.Pause, rollout.Change{})
	got := s.run(30*day, rollout.State{Definition: threeArms(), Policy: both})
	require.Equal(t, rollout.Paused, got.Status)
	require.Zero(t, got.Epoch().Weights["c"])
}

// An invalid experiment steers nothing.
func TestAllocatorsReweight(t *testing.T) {
	t.Parallel()
	for allocator, want := range map[experiments.Allocator]map[string]float64{
		experiments.Thompson: {"a": 0.1 + 0.7*0.2, "b": 0.1, "c": 0.1 + 0.7*0.8},
		experiments.TopTwo:   {"a": 0.1 + 0.7*0.5, "b": 0.1, "c": 0.1 + 0.7*0.5},
	} {
		t.Run(string(allocator), func(t *testing.T) {
			t.Parallel()
			scored, best, verdict := 99, map[string]float64{"a": 0.2, "b": 0, "c": 0.8}, experiments.Continue
			s := newStage(t, func(after time.Duration) rollout.Finding {
				f := says(verdict)(after)
				f.Best, f.Scored = best, map[string]int{"a": 500, "b": scored, "c": 500}
				return f
			})
			s.at(0, rollout.Start, rollout.Change{})
			untouched := func(c rollout.State) { require.Len(t, c.Epochs, 1) }
			s.read(5*day, func(c rollout.State) { untouched(c); scored, verdict = 100, experiments.Invalid })
			s.read(10*day, func(c rollout.State) { untouched(c); verdict = experiments.Continue })
			s.read(12*day, func(c rollout.State) {
				require.Len(t, c.Epochs, 2)
				require.InDeltaMapValues(t, want, c.Epoch().Weights, 1e-9)
				require.Equal(t, string(allocator)+": probabilities of being best a 0.2, b 0, c 0.8", c.Revisions[len(c.Revisions)-1].Reason)
			})
			s.read(20*day, func(c rollout.State) {
				require.Len(t, c.Epochs, 2, "nothing has changed")
				best = map[string]float64{"a": 0.205, "b": 0, "c": 0.795}
			})
			s.read(25*day, func(c rollout.State) {
				require.Len(t, c.Epochs, 2, "hardly anything has changed")
				best = map[string]float64{"a": 0, "b": 0, "c": 1}
			})
			s.read(26*day, func(c rollout.State) {
				require.Len(t, c.Epochs, 3)
				best = map[string]float64{"a": 1, "b": 0, "c": 0}
			})
			d := threeArms(func(d *experiments.Definition) { d.Allocator, d.Floor = allocator, 0.1 })
			got := s.run(40*day, rollout.State{Definition: d, Policy: rollout.Policy{Reweight: 3 * day}})
			require.Len(t, got.Epochs, 4)
			require.GreaterOrEqual(t, got.Epochs[3].At.Sub(got.Epochs[2].At), 3*day, "as the policy says")
		})
	}
}

// A variant that was stopped stays out of the allocation.
func TestAllocatorLeavesOutWhatWasStopped(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(after time.Duration) rollout.Finding {
		f := says(experiments.Continue)(after)
		f.Best, f.Scored = map[string]float64{"a": 0.1, "c": 0.3}, map[string]int{"a": 500, "b": 500, "c": 500}
		return f
	})
	s.at(0, rollout.Start, rollout.Change{})
	s.at(time.Hour, rollout.Ramp, rollout.Change{Weights: map[string]float64{"a": 1, "b": 0, "c": 1}})
	d := threeArms(func(d *experiments.Definition) { d.Allocator, d.Floor = experiments.Thompson, 0.1 })
	got := s.run(10*day, rollout.State{Definition: d})
	require.InDeltaMapValues(t, map[string]float64{"a": 0.1 + 0.8*0.25, "b": 0, "c": 0.1 + 0.8*0.75}, got.Epoch().Weights, 1e-9)
}

// What is kept is bounded, and says how much is not kept.
func TestRevisionsAreBounded(t *testing.T) {
	t.Parallel()
	s := newStage(t, says(experiments.Continue))
	s.at(0, rollout.Start, rollout.Change{})
	for n := range 150 {
		after := time.Duration(n+1) * time.Minute
		s.at(after, rollout.Ramp, rollout.Change{Weights: map[string]float64{"a": float64(n + 5), "b": 1, "c": 1}})
	}
	got := s.run(day, rollout.State{Definition: threeArms(), Policy: rollout.Policy{Every: 10 * day}})
	require.Len(t, got.Revisions, rollout.MaxRevisions)
	require.Equal(t, 51, got.Forgotten)
	require.Equal(t, 52, got.Revisions[0].Number)
	require.Len(t, got.Epochs, rollout.MaxRevisions)
	require.Equal(t, 150, got.Epoch().Number)
}

// What people did is remembered for longer than what the policy says all the time.
func TestRevisionsOfPeopleAreKept(t *testing.T) {
	t.Parallel()
	looks := 0
	s := newStage(t, func(time.Duration) rollout.Finding {
		verdict := experiments.Continue
		if looks++; looks%2 == 0 {
			verdict = experiments.Invalid
		}
		return rollout.Finding{Decision: experiments.Decision{Verdict: verdict, Reason: "because"}}
	})
	s.at(0, rollout.Start, rollout.Change{Reason: "the first of all"})
	got := s.run(4*time.Hour, rollout.State{Definition: threeArms(), Policy: rollout.Policy{Every: time.Minute}})
	require.Len(t, got.Revisions, rollout.MaxRevisions)
	require.Positive(t, got.Forgotten)
	require.Equal(t, "the first of all", got.Revisions[0].Reason)
	for i, r := range got.Revisions[1:] {
		require.Equal(t, rollout.ByPolicy, r.Who)
		require.Equal(t, got.Forgotten+i+2, r.Number)
	}
}

// Every action is refused in every status but those that allow it, and changes nothing then.
func TestActionsByStatus(t *testing.T) {
	t.Parallel()
	actions := []rollout.Action{rollout.Start, rollout.Ramp, rollout.Pause, rollout.Resume, rollout.Stop, rollout.Promote}
	for status, allowed := range map[rollout.Status]string{
		rollout.Draft:    "verdict.start",
		rollout.Running:  "verdict.ramp verdict.pause verdict.stop verdict.promote",
		rollout.Paused:   "verdict.ramp verdict.resume verdict.stop verdict.promote",
		rollout.Stopped:  "verdict.promote",
		rollout.Promoted: "verdict.stop verdict.promote",
	} {
		for _, action := range actions {
			t.Run(string(status)+"/"+string(action), func(t *testing.T) {
				t.Parallel()
				s := newStage(t, says(experiments.Continue))
				change := rollout.Change{}
				switch action {
				case rollout.Ramp:
					change.Allocation = 0.5
				case rollout.Promote:
					change.Variant, change.Reason = "b", "both will do"
				}
				var before rollout.State
				var told error
				s.env.RegisterDelayedCallback(func() {
					before = s.control()
					s.ask(action, change, func(err error) { told = err })
				}, time.Second)
				d := threeArms()
				epoch := experiments.Epoch{Weights: map[string]float64{"a": 0.5, "b": 0.25, "c": 0.25}, Allocation: 1}
				after := s.run(2*time.Second, rollout.State{
					Definition: d, Policy: rollout.Policy{Every: time.Hour}, Status: status, Epochs: []experiments.Epoch{epoch}, Due: s.begun.Add(time.Hour),
				})
				if strings.Contains(allowed, string(action)) {
					require.NoError(t, told)
					require.Len(t, after.Revisions, 1)
					return
				}
				require.ErrorContains(t, told, "invalid status: the experiment is "+string(status))
				require.Equal(t, before, after)
			})
		}
	}
}

func TestAStartedExperimentRefusesWhatItCannotHold(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]rollout.State{
		"invalid name":  {Definition: experiments.Definition{}},
		"invalid every": {Definition: threeArms(), Policy: rollout.Policy{Every: time.Millisecond}},
	} {
		s := newStage(t, says(experiments.Continue))
		s.env.ExecuteWorkflow(activities.ExperimentWorkflow, c)
		require.ErrorContains(t, s.env.GetWorkflowError(), text)
		require.ErrorContains(t, s.env.GetWorkflowError(), scoring.ErrorTypeInvalid)
	}
}

// A store that is away for a while stops nothing.
func TestAnalysisIsAskedForAgain(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	s := &stage{T: t, env: patient.Environment(&suite, worker.Options{})}
	s.begun = s.env.Now()
	workflows.Register(s.env)
	s.env.RegisterActivityWithOptions(func(context.Context, experiments.Definition) (rollout.Finding, error) {
		if s.env.Now().Sub(s.begun) < day {
			return rollout.Finding{}, errors.New("the store is away")
		}
		return says(experiments.Harm, "b")(0), nil
	}, activity.RegisterOptions{Name: activities.AnalyzeName})
	s.at(0, rollout.Start, rollout.Change{})
	got := s.run(3*day, rollout.State{Definition: threeArms(), Policy: rollout.Policy{StopHarm: true}})
	require.Equal(t, []string{"b"}, got.Harmed)
}
